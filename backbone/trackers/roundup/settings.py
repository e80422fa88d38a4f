"""What an admin says about a Roundup tracker in ``backbone.toml``."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backbone.errors import ConfigError

_KNOWN = ("home", "class", "user", "notify")


@dataclass(frozen=True, slots=True)
class RoundupSettings:
    home: Path
    """The tracker's home, with ``config.ini`` and ``schema.py`` in it."""
    issue_class: str = "issue"
    """``issue`` in the classic template, ``bug`` in the responsive one."""
    user: str = "backbone"
    """The log-in of the synchronization user."""
    notify: bool = False
    """Whether Roundup mails its nosy lists about what we write. It does so inside its transaction, one mail server
    conversation per message: off by default, or an initial population would write to everybody.
    """


def read_settings(settings: Mapping[str, object]) -> RoundupSettings:
    """Raises ``ConfigError``."""
    unknown = sorted(set(settings) - set(_KNOWN))
    if unknown:
        raise ConfigError(f"a Roundup tracker has no setting {unknown[0]!r}; it knows {', '.join(_KNOWN)}")
    home = settings.get("home")
    if not home:
        raise ConfigError("a Roundup tracker needs the setting 'home': the folder with its config.ini")
    return RoundupSettings(
        home=Path(str(home)).expanduser(),
        issue_class=str(settings.get("class", "issue")),
        user=str(settings.get("user", "backbone")),
        notify=settings.get("notify", False) is True,
    )
