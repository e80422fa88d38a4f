"""How the tables came to be: Alembic's folder. Called by ``backbone.store.schema`` only."""
