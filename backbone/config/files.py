"""``backbone.toml`` (node, trackers, mail accounts) and ``links/NAME.toml`` (one link: tracker, channel, mapping)."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from backbone.config.alarms import AlarmTable
from backbone.config.folder import NAME, NAME_RULE, Folder
from backbone.config.reading import fault, nearest, parse, read_text
from backbone.config.template import mail_template, tracker_template
from backbone.errors import ConfigError, UsageError


def _is_name(text: str) -> str:
    if not re.fullmatch(NAME, text):
        raise ValueError(NAME_RULE)
    return text


Name = Annotated[str, AfterValidator(_is_name)]
Seconds = Annotated[float, Field(gt=0, le=86400, allow_inf_nan=False)]


class _Fixed(BaseModel):
    """Nothing beyond what is named."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class _Free(BaseModel):
    """Whatever else is said belongs to the adapter that ``kind`` names, which checks it."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow")

    kind: Annotated[str, Field(min_length=1)]

    @property
    def settings(self) -> dict[str, object]:
        """All but ``kind``, as written; see ``Folder.resolved`` for the paths in it."""
        return {key: value for key, value in self if key != "kind" and value is not None}


class NodeTable(_Fixed):
    """``[node]``."""

    name: Name
    anchor: Annotated[str, Field(min_length=1)] | None = None
    """The anchor's file, outside the folder; ``None`` for the usual place."""
    poll_seconds: Seconds = 5.0
    """How often trackers and channels are looked at when nothing wakes us; exchange directories twice as often."""
    log_format: Literal["text", "json"] = "text"
    audit_hours: Annotated[float, Field(ge=0, le=10_000, allow_inf_nan=False)] = 24.0
    """How often each link is audited without being asked; 0 for never."""
    evidence_days: Annotated[float, Field(ge=1, le=36_500, allow_inf_nan=False)] = 1095.0
    """How long what the partners signed is kept, to be shown to others."""


class TrackerTable(_Free):
    """``[trackers.NAME]``."""


class MailTable(BaseModel):
    """``[mail.NAME]``: an account at a mail server, for any number of links. The mail channel checks it."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow")

    @property
    def settings(self) -> dict[str, object]:
        """As written; see ``Folder.resolved`` for the paths in it."""
        return dict(self)


class KeyTable(_Fixed):
    """``[keys]``: where the passphrase of the links' secret keys comes from; none of them: they have none."""

    passphrase_file: Annotated[str, Field(min_length=1)] | None = None
    passphrase_env: Annotated[str, Field(min_length=1)] | None = None
    passphrase_command: Annotated[str, Field(min_length=1)] | None = None
    passphrase_keyring: Annotated[str, Field(min_length=1)] | None = None

    @property
    def settings(self) -> dict[str, str]:
        """Those that are named."""
        return {name: str(value) for name, value in self if value is not None}


class NodeConfig(_Fixed):
    """``backbone.toml``."""

    node: NodeTable
    trackers: dict[Name, TrackerTable] = Field(default_factory=dict)
    mail: dict[Name, MailTable] = Field(default_factory=dict)
    keys: KeyTable = Field(default_factory=KeyTable)
    alarms: AlarmTable = Field(default_factory=AlarmTable)

    def anchor(self, folder: Folder) -> Path | None:
        """The anchor's file where the admin named one."""
        return folder.resolve(self.node.anchor) if self.node.anchor else None


class LinkTable(_Fixed):
    """``[link]``."""

    tracker: Name
    history: Literal["all", "every", "last"] = "every"
    """How much of each issue's history travels: see ``backbone.replication.history``."""


class ChannelTable(_Free):
    """``[channel]``."""

    send: Annotated[str, Field(min_length=1)] | None = None
    receive: Annotated[str, Field(min_length=1)] | None = None


class LinkConfig(_Fixed):
    """``links/NAME.toml``. The mapping's tables are as written: ``backbone.replication.mapping.Rules`` reads them."""

    link: LinkTable
    channel: ChannelTable
    fields: dict[str, Any] = Field(default_factory=dict)
    users: dict[str, Any] = Field(default_factory=dict)
    people: dict[str, Any] = Field(default_factory=dict)
    on_create: dict[str, Any] = Field(default_factory=dict)
    on_update: dict[str, Any] = Field(default_factory=dict)
    only_if: list[Any] = Field(default_factory=list)
    comments: dict[str, Any] = Field(default_factory=dict)
    attachments: dict[str, Any] = Field(default_factory=dict)
    text: dict[str, Any] = Field(default_factory=dict)
    scope: dict[str, Any] = Field(default_factory=dict)
    pairing: dict[str, Any] = Field(default_factory=dict)

    @property
    def rules(self) -> dict[str, Any]:
        """The mapping's tables together."""
        known = ("fields", "users", "on_create")
        return {name: value for name, value in self if name in known or (value and name not in ("link", "channel"))}


def load_node(folder: Folder) -> NodeConfig:
    """Raises ``ConfigError``."""
    path = folder.config
    try:
        text = read_text(path)
    except FileNotFoundError:
        raise ConfigError(
            f"there is no {path}: name the node's folder with -C, or make one with `backbone init`"
        ) from None
    config = parse(NodeConfig, text, path)
    anchor = config.anchor(folder)
    if anchor is not None and anchor.resolve().is_relative_to(folder.path.resolve()):
        sentence = "node.anchor: lies in the node's folder and would be restored with it; name a file elsewhere"
        raise fault(path, text, ("node", "anchor"), sentence)
    return config


def add_tracker(folder: Folder, name: str, settings: Mapping[str, Any]) -> None:
    """Append ``[trackers.NAME]`` to ``backbone.toml``; what is there stays. Raises ``UsageError`` if it exists."""
    _add(folder, "trackers", name, load_node(folder).trackers, tracker_template(name, settings))


def add_mail(folder: Folder, name: str, settings: Mapping[str, Any]) -> None:
    """Append ``[mail.NAME]`` to ``backbone.toml``; what is there stays. Raises ``UsageError`` if it exists."""
    _add(folder, "mail", name, load_node(folder).mail, mail_template(name, settings))


def _add(folder: Folder, tables: str, name: str, known: Collection[str], text: str) -> None:
    if name in known:
        raise UsageError(f"{folder.config} has [{tables}.{name}] already: edit the file, or choose another word")
    before = folder.config.read_text(encoding="utf-8")
    draft = folder.config.with_name(folder.config.name + ".new")
    draft.write_text(f"{before.rstrip()}\n\n{text}", encoding="utf-8")
    parse(NodeConfig, draft.read_text(encoding="utf-8"), folder.config)
    draft.replace(folder.config)


def load_link(folder: Folder, name: str, node: NodeConfig) -> LinkConfig:
    """Raises ``ConfigError``, also when the link's tracker is none of the node's; ``UsageError`` for a wrong name."""
    path = folder.link_file(name)
    try:
        text = read_text(path)
    except FileNotFoundError:
        known = folder.links()
        names = f"the links are {', '.join(known)}" if known else "this node has no link"
        raise UsageError(f"there is no link {name!r}{nearest(name, known)}: no file {path}; {names}") from None
    config = parse(LinkConfig, text, path)
    tracker = config.link.tracker
    if tracker not in node.trackers:
        hint = nearest(tracker, node.trackers)
        sentence = f"link.tracker: {folder.config} has no [trackers.{tracker}]{hint}; add it there or name another"
        raise fault(path, text, ("link", "tracker"), sentence)
    return config
