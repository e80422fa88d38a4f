"""The anchor: how far the store had come, noted outside the node's folder (PROTOCOL.md 2.7).

An admin backs up and restores the folder as a whole, so what stands elsewhere is not restored with it and tells,
before a word is sent, that the store is older than it should be. It is written at start, now and then, and at stop.
"""

import json
import os
import re
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from sqlalchemy import Connection, select

from backbone.store.engine import StoreError
from backbone.store.tables import node

ANCHOR_BYTES_MAX = 4096
"""Ten times what one is."""
_VERSION = 1
_NODE_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{7,63}")


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where a store stood: its life, how often that life was started, how often it was written."""

    node_id: str
    life: int
    boot: int
    commits: int
    clean: bool = False
    """The last thing that a process did in order before it ended."""


class Finding(StrEnum):
    """How a store compares with its anchor."""

    FINE = "fine"
    UNCLEAN = "unclean"
    ROLLED_BACK = "rolled_back"
    MISSING = "missing"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Verdict:
    finding: Finding
    sentence: str
    """For the admin; empty when all is fine."""


def stand(connection: Connection, *, clean: bool = False) -> Anchor:
    """Where this store stands, in the form of an anchor. The store must have its ``node`` row."""
    row = connection.execute(select(node.c.node_id, node.c.life, node.c.boot, node.c.commits)).one()
    return Anchor(row.node_id, row.life, row.boot, row.commits, clean)


def judge(store: Anchor, anchor: Anchor | None) -> Verdict:
    """What the anchor says about a store, as it stands before this start is counted in ``boot``.

    Life, boots and commits only grow, so a store that is behind its anchor in any of them is an old copy; boots
    may count from 0 again in a later life. ``store.clean`` is not looked at.
    """
    if anchor is None:
        return Verdict(Finding.MISSING, _MISSING)
    if anchor.node_id != store.node_id:
        return Verdict(Finding.FOREIGN, _FOREIGN.format(ours=store.node_id, other=anchor.node_id))
    behind = store.life == anchor.life and store.boot < anchor.boot
    if store.life < anchor.life or store.commits < anchor.commits or behind:
        return Verdict(Finding.ROLLED_BACK, _ROLLED_BACK.format(store=_place(store), anchor=_place(anchor)))
    if anchor.clean and (store.life, store.boot) == (anchor.life, anchor.boot):
        return Verdict(Finding.FINE, "")
    return Verdict(Finding.UNCLEAN, _UNCLEAN)


def default_path(node_id: str) -> Path:
    """``~/.local/state/backbone/anchors/NODE.json``, or below ``XDG_STATE_HOME``. Raises ``StoreError``."""
    if not _NODE_ID.fullmatch(node_id):
        raise StoreError(f"the store's node id {node_id[:80]!r} has not the form of one; put back a copy of the store")
    named = Path(os.environ.get("XDG_STATE_HOME", ""))
    try:
        base = named if named.is_absolute() else Path.home() / ".local" / "state"
    except RuntimeError as error:
        raise StoreError("this user has no home for the anchor; name a file with `anchor` in backbone.toml") from error
    return base / "backbone" / "anchors" / f"{node_id}.json"


def read(path: Path) -> Anchor | None:
    """The anchor, or ``None`` where there is no file. Raises ``StoreError`` for what cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(ANCHOR_BYTES_MAX + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"the anchor {path} cannot be read: {error.strerror}; {_CHECK}") from error
    try:
        version, found = _parse(data)
    except (ValueError, RecursionError) as error:
        raise StoreError(
            f"the anchor {path} is damaged; if the node's folder was surely not put back from a backup, delete this "
            "file and start again"
        ) from error
    if found is None:
        raise StoreError(f"the anchor {path} was written by another Backbone (form {version}); install that one again")
    return found


def write(path: Path, anchor: Anchor) -> None:
    """Durable when it returns; a crash leaves the old anchor or the new one. Raises ``StoreError``."""
    data = json.dumps({"version": _VERSION, **asdict(anchor)}).encode()
    draft = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise StoreError(f"the anchor {path} cannot be written: {error.strerror}; {_CHECK}") from error


def _parse(data: bytes) -> tuple[int, Anchor | None]:
    """The form's version and, if it is ours, the anchor. Raises ``ValueError``."""
    document = json.loads(data) if len(data) <= ANCHOR_BYTES_MAX else None
    if not isinstance(document, dict) or type(version := document.pop("version", None)) is not int:
        raise ValueError("not an anchor")
    if version != _VERSION:
        return version, None
    types = {name: type(value) for name, value in document.items()}
    if types != {"node_id": str, "life": int, "boot": int, "commits": int, "clean": bool}:
        raise ValueError("not the fields of an anchor")
    anchor = Anchor(**document)
    if min(anchor.life, anchor.boot, anchor.commits) < 0:
        raise ValueError("a negative count")
    return version, anchor


def _place(anchor: Anchor) -> str:
    return f"life {anchor.life}, start {anchor.boot}, commit {anchor.commits}"


_CHECK = "check the folder's permissions and disk, or name another file with `anchor` in backbone.toml"
_MISSING = (
    "this node has no anchor, so nobody can tell whether its store is the newest copy: that is so after a move "
    "to another machine or user, or when somebody deleted it; put it back, or tell the partners if this is an old copy"
)
_FOREIGN = (
    "the anchor belongs to another node ({other}), not to this one ({ours}): two nodes may not share one; name another "
    "file with `anchor` in backbone.toml"
)
_ROLLED_BACK = (
    "the store is an old copy: it stands at {store}, but was already at {anchor}; no change is sent before the partner "
    "has told what it knows"
)
_UNCLEAN = "the last process did not end in order: sending begins when the partner has confirmed what it knows of us"
