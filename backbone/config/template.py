"""The files that ``init`` and the handshake write: commented, to be edited by the admin."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from backbone.config.folder import check_name

Plain: TypeAlias = str | int | float | bool
Setting: TypeAlias = Plain | Sequence["Setting"] | Mapping[str, "Setting"]
_EXPLAINED = ("fields", "users", "on_create")
_BARE = re.compile(r"[A-Za-z0-9_-]+")

_NODE = """\
# This node. Paths may be relative: they begin at the folder of this file.

[node]
name = {name}

# How far this node had come is noted in a file outside this folder, so that a restored backup is noticed.
# Without this line: ~/.local/state/backbone/anchors/
#anchor = "/var/lib/backbone/anchor.json"

# How often trackers are looked at when no event wakes us; exchange directories are twice as often.
#poll_seconds = 5

# How often each link compares both sides by itself (backbone audit does it at once); 0 for never.
#audit_hours = 24

# How long signed messages and receipts are kept, so that `backbone evidence export` can show them to others.
#evidence_days = 1095

# "text" for people, "json" for a program that collects logs.
#log_format = "text"

# New secret keys of links are encrypted with this passphrase; docs/keys.md. Or passphrase_env, _command, _keyring.
#[keys]
#passphrase_file = "/etc/backbone/passphrase"    # its first line, mode 600, outside what a backup of this folder takes

# Who is told when something is wrong, once, and again when it is over. README.md explains each line.
#[alarms]
#mail = "main"                           # the account in [mail.NAME] that sends
#to = ["ops@acme.example"]
#webhook_file = "webhook.secret"         # a file with an https:// address, mode 600; or webhook = "https://..."
#digest_at = "07:00"                     # how everything stands, once a day
#silent_hours = 50
#metrics_port = 9464                     # for Prometheus, on 127.0.0.1 only

# One table for each tracker; links name it by the word after the dot.
"""

_TRACKER_EXAMPLE = """\
#
#[trackers.main]
#kind = "roundup"
#home = "/srv/roundup/our-tracker"
#user = "backbone"
"""

_LINK = """\
# This end of one link. The partner never sees this file.

[link]
# Which of the trackers in backbone.toml is replicated.
tracker = {tracker}

[channel]
# Whatever stands here may be changed while the service is stopped. Relative paths begin at the node's folder.
{channel}
# What the agreement's fields are called here. Below [fields.X.values], for fields with a choice of values:
#   agreed value = local value
#   agreed value = [several local values, the first of which is used on the way back]
# docs/mapping.md shows all that can be said; `backbone link check` tries it.
{fields}
# Who is who: local log-in = the word by which both sides know this person (an e-mail address, say).
[users]
{users}
# What an issue that comes from the partner gets in local fields that are not shared.
[on_create]
{on_create}{more}"""


def node_template(name: str, trackers: Mapping[str, Mapping[str, Setting]] | None = None) -> str:
    """``backbone.toml``. Each tracker's settings must have a ``kind``. Raises ``UsageError`` for a wrong name."""
    tables = [_table(("trackers", check_name(word)), settings) for word, settings in (trackers or {}).items()]
    return _NODE.format(name=quoted(check_name(name))) + ("\n" + "\n".join(tables) if tables else _TRACKER_EXAMPLE)


def tracker_template(name: str, settings: Mapping[str, Setting]) -> str:
    """One ``[trackers.NAME]`` table. Raises ``UsageError`` for a wrong name."""
    return _table(("trackers", check_name(name)), settings)


def mail_template(name: str, settings: Mapping[str, Setting]) -> str:
    """One ``[mail.NAME]`` table. Raises ``UsageError`` for a wrong name."""
    return _table(("mail", check_name(name)), settings)


def link_template(
    tracker: str,
    channel: Mapping[str, Setting],
    rules: Mapping[str, Any],
) -> str:
    """``links/NAME.toml``. ``channel`` has a ``kind``; ``rules`` are the mapping's tables, ``fields`` among them.

    Raises ``UsageError`` for a wrong name of a tracker.
    """
    more = {name: value for name, value in rules.items() if name not in _EXPLAINED}
    return _LINK.format(
        tracker=quoted(check_name(tracker)),
        channel=_body(("channel",), channel),
        fields="\n".join(_table(("fields", n), rule) for n, rule in rules["fields"].items()) or "[fields]\n",
        users=_body(("users",), rules.get("users", {})) or '#susan = "susan@example.org"\n',
        on_create=_body(("on_create",), rules.get("on_create", {})) or '#component = "from partner"\n',
        more="".join(_more(name, value) for name, value in more.items()),
    )


def agreement_template(version: int, agreement: Mapping[str, Any]) -> str:
    """An agreement as a file to be edited and proposed; what it says of no field stands above the fields."""
    whole = {name: value for name, value in agreement.items() if name != "fields"}
    fields = "\n".join(_table(("fields", name), field) for name, field in agreement["fields"].items())
    return f"# Version {version} of the agreement, as it is in effect.\n\n{_body((), whole)}\n{fields}"


def _more(name: str, value: Any) -> str:
    """A table, or an array of them."""
    if isinstance(value, Mapping):
        return f"\n{_table((name,), value)}"
    return "".join(f"\n[[{name}]]\n{_body((name,), one)}" for one in value)


def quoted(value: Setting) -> str:
    """One TOML value. A text is a JSON text, but for DEL, which TOML wants escaped."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key(key)} = {quoted(item)}' for key, item in value.items())} }}"
    return f"[{', '.join(quoted(item) for item in value)}]"


def _table(place: tuple[str, ...], settings: Mapping[str, Setting]) -> str:
    return f"[{'.'.join(_key(word) for word in place)}]\n{_body(place, settings)}"


def _body(place: tuple[str, ...], settings: Mapping[str, Setting]) -> str:
    """Inner tables go last: TOML would take what follows them for theirs."""
    lines = [f"{_key(key)} = {quoted(value)}\n" for key, value in settings.items() if not isinstance(value, Mapping)]
    inner = [_table((*place, key), value) for key, value in settings.items() if isinstance(value, Mapping)]
    return "".join(lines) + "".join(f"\n{table}" for table in inner)


def _key(word: str) -> str:
    return word if _BARE.fullmatch(word) else quoted(word)
