"""Two whole nodes in one process under a seeded world: the project's own code, its promises checked at every step."""
