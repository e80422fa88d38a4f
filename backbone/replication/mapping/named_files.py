"""What one issue's attachments are called here: for texts that name them."""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import cached_property

from backbone.replication.mapping.filenames import safe
from backbone.replication.mapping.words import Names


class NamedFiles:
    """Looked for only when a text names one: ``find`` gives the names here by gid."""

    def __init__(self, find: Callable[[], Mapping[str, str]]) -> None:
        self._find = find

    def known_to(self, names: Names) -> Names:
        """These names, which know the issue's attachments besides."""
        return names._replace(file_named=self._gid, file_name=self._name)

    @cached_property
    def _names(self) -> Mapping[str, str]:
        return self._find()

    @cached_property
    def _gids(self) -> Mapping[str, str]:
        """By name, but for those that several have. Whether a name was made safe makes no difference."""
        often = Counter(safe(name) for name in self._names.values())
        return {safe(name): gid for gid, name in self._names.items() if often[safe(name)] == 1}

    def _gid(self, name: str) -> str | None:
        return self._gids.get(safe(name))

    def _name(self, gid: str) -> str | None:
        return self._names.get(gid)
