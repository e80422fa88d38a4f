"""A node is a folder: where everything in it stands. Nothing here looks into a file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backbone.errors import ConfigError, UsageError

NAME = r"^[a-z0-9][a-z0-9-]{0,39}$"
NAME_RULE = "a name is made of a-z, 0-9 and hyphens, begins with a letter or digit and has 40 characters at most"
_PATH_KEYS = {"home", "path", "file", "send", "receive"}
_PATH_ENDINGS = ("_path", "_file")
_WINDOWS_DEVICE = re.compile(r"^(con|prn|aux|nul|com[0-9]|lpt[0-9])$")


def check_name(name: str) -> str:
    """``name`` itself, if a node, link or tracker may be called so. Raises ``UsageError``."""
    if not re.fullmatch(NAME, name):
        raise UsageError(f"{name[:80]!r} cannot be a name: {NAME_RULE}")
    if _WINDOWS_DEVICE.match(name):
        raise UsageError(f"{name!r} cannot be a name, because Windows has a device of that name; choose another")
    return name


@dataclass(frozen=True, slots=True)
class Folder:
    """The paths of one node. Names are checked, so that none of them leads out of the folder."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "backbone.toml"

    @property
    def store(self) -> Path:
        return self.path / "store.db"

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def wake(self) -> Path:
        """The pipe through which commands wake the process that runs the node; there while one does."""
        return self.path / "wake"

    @property
    def blobs(self) -> Path:
        """Contents of attachments on their way."""
        return self.path / "blobs"

    @property
    def spool(self) -> Path:
        """Where a large mail lies while it is fetched."""
        return self.path / "spool"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def link_files(self) -> Path:
        return self.path / "links"

    def links(self) -> list[str]:
        """The names of all links that have a file, sorted. Raises ``ConfigError`` for a file that cannot be one."""
        names = [file.stem for file in self.link_files.glob("*.toml") if not file.name.startswith(".")]
        for name in names:
            try:
                check_name(name)
            except UsageError as error:
                raise ConfigError(f"{self.link_files / name}.toml: {error}; rename the file") from error
        return sorted(names)

    def link_file(self, name: str) -> Path:
        """Raises ``UsageError``."""
        return self.link_files / f"{check_name(name)}.toml"

    def exchange(self, name: str) -> Path:
        """Where a link's ``SEND`` and ``RECEIVE`` stand if its file does not say otherwise. Raises ``UsageError``."""
        return self.path / "exchange" / check_name(name)

    def gnupg(self, tag: str) -> Path:
        """A link's GnuPG home, short because GnuPG puts sockets into it. ``tag`` is 8 hex digits."""
        if not re.fullmatch("[0-9a-f]{8}", tag):
            raise ValueError(f"not 8 hex digits: {tag[:80]!r}")
        return self.path / "g" / tag

    def resolve(self, text: str) -> Path:
        """A path as an admin writes it: ``~`` is understood, a relative one begins at this folder."""
        try:
            return self.path.absolute() / Path(text).expanduser()
        except RuntimeError as error:
            raise ConfigError(f"nobody knows the home that {text!r} begins with; write the whole path") from error

    def resolved(self, settings: Mapping[str, object]) -> dict[str, object]:
        """An adapter's settings with the paths among them resolved.

        A text is a path when its key is ``home path file send receive`` or ends in ``_path _file``.
        """
        return {key: self._resolved(key, value) for key, value in settings.items()}

    def _resolved(self, key: str, value: object) -> object:
        if isinstance(value, Mapping):
            return self.resolved(value)
        return str(self.resolve(value)) if isinstance(value, str) and _is_path(key) else value


def _is_path(key: str) -> bool:
    return key in _PATH_KEYS or key.endswith(_PATH_ENDINGS)
