"""Who is who on both sides."""

from collections.abc import Mapping

from backbone.model import Schema


class People:
    """The words by which both sides know a person, and what the partner may know of everybody else."""

    def __init__(self, users: Mapping[str, str], *, hidden: bool, node_name: str) -> None:
        self.word_of = users
        self.login_of = {word: login for login, word in users.items()}
        self._hidden = hidden
        self._stranger = f"a user of {node_name}"

    def stranger(self, word: str) -> str:
        """What the peer may know of somebody whom another partner calls so."""
        return self._stranger if self._hidden else word

    def author(self, login: str, schema: Schema) -> str:
        """The word by which the peer may know the author of something."""
        if login in self.word_of:
            return self.word_of[login]
        if self._hidden:
            return self._stranger
        known = schema.people.get(login)
        return (known.name if known else "") or login or self._stranger
