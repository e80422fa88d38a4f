"""How issues, comments and attachments are called between nodes: a *gid*, given at birth, the same for ever.

``NODE-THING``: the first 8 hex digits of the id of the node where it was born, and 30 of hashes of its local name,
which therefore stays local. The same thing gets the same gid again after a store was lost.

Of the 30 digits 6 are of the name without its end: things that were born one after the other stand together in every
index of gids, and a message of a population writes a few of its pages instead of nearly all.
"""

import hashlib
import re
from functools import lru_cache

_GID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{30}", re.ASCII)
_NEW = "new"
_SIGN_DIGITS = 6
_NEIGHBOURHOOD_DIGITS = 6
_NUMBERED_TOGETHER = 3
"""So many last characters of a local name tell neighbours apart: a thousand where they are numbers."""


@lru_cache(maxsize=4_096)
def gid(node_id: str, tracker: str, kind: str, local: str) -> str:
    """The gid of something born here; ``tracker`` is what this node calls the tracker that it is in."""
    near = _neighbourhood(f"{node_id}/{tracker}/{kind}/{local[:-_NUMBERED_TOGETHER]}")
    return f"{node_id[:8]}-{near}{_hashed(f'{node_id}/{tracker}/{kind}/{local}')[_NEIGHBOURHOOD_DIGITS:]}"


@lru_cache(maxsize=64)
def _neighbourhood(words: str) -> str:
    return _hashed(words)[:_NEIGHBOURHOOD_DIGITS]


@lru_cache(maxsize=64)
def place(node_id: str, tracker: str) -> str:
    """How a tracker is called in origins and paths: 8 hex digits that tell nothing."""
    return _hashed(f"place/{node_id}/{tracker}")[:8]


def born_at(gid: str, node_id: str) -> bool:
    """Whether this was born at that node: then it is never created there."""
    return gid.startswith(f"{node_id[:8]}-")


def marker(link_id: str, gid: str, life: int, seq: int, index: int) -> str:
    """The key of one write: what an adapter leaves with it, so that a crash or a restore finds it again.

    ``life`` is the counter of whoever gave the number ``seq``: a later life gives it again, for something else. The
    first hex digits tell which of a tracker's links made it (``made_over``).
    """
    return _sign(link_id) + _hashed(f"{link_id}/{gid}/{life}/{seq}/{index}")[_SIGN_DIGITS:]


def made_over(key: str, link_id: str) -> bool:
    """Whether that link made the write with this key, or it made an issue, which any may have done."""
    return key.startswith((_sign(link_id), _NEW))


@lru_cache(maxsize=64)
def _sign(link_id: str) -> str:
    return _hashed(link_id)[:_SIGN_DIGITS]


def creation(gid: str) -> str:
    """The key of the write that makes an issue: a function of its gid alone, so that whatever becomes of a store, and
    over however many links it comes, an issue is made once in a tracker and found again. It tells the gid
    (``created``) where that has the form of ours.
    """
    if _GID.fullmatch(gid):
        return _NEW + gid.replace("-", "")
    return marker("", gid, 0, 0, 0)


def created(key: str) -> str | None:
    """The gid of the issue that a write with this key made; ``None`` if it made none."""
    rest = key.removeprefix(_NEW)
    name = f"{rest[:8]}-{rest[8:]}"
    return name if rest != key and _GID.fullmatch(name) else None


def _hashed(words: str) -> str:
    """120 bits, or 96 of a marker or a gid: nobody meets two alike."""
    return hashlib.sha256(words.encode()).hexdigest()[:30]
