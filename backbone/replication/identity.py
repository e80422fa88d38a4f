"""How issues, comments and attachments are called between nodes: a *gid*, given at birth, the same for ever.

``NODE-THING``: the first 8 hex digits of the id of the node where it was born, and a hash of its local name (30 hex
digits), which therefore stays local. The same thing gets the same gid again after a store was lost.
"""

import hashlib
import re
from functools import lru_cache

_GID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{30}", re.ASCII)


@lru_cache(maxsize=4_096)
def gid(node_id: str, kind: str, local: str) -> str:
    """The gid of something born here."""
    return f"{node_id[:8]}-{_hashed(f'{node_id}/{kind}/{local}')}"


def born_at(gid: str, node_id: str) -> bool:
    """Whether this was born at that node: then it is never created there."""
    return gid.startswith(f"{node_id[:8]}-")


def marker(link_id: str, gid: str, life: int, seq: int, index: int) -> str:
    """The key of one write: what an adapter leaves with it, so that a crash or a restore finds it again.

    ``life`` is the counter of whoever gave the number ``seq``: a later life gives it again, for something else.
    """
    return _hashed(f"{link_id}/{gid}/{life}/{seq}/{index}")


def creation(link_id: str, gid: str) -> str:
    """The key of the write that makes an issue: a function of its gid, so that whatever becomes of a store, an issue is
    made once and found again. It tells the gid (``created``) where that has the form of ours.
    """
    if _GID.fullmatch(gid):
        return _created(link_id) + gid.replace("-", "")
    return marker(link_id, gid, 0, 0, 0)


def created(link_id: str, key: str) -> str | None:
    """The gid of the issue that a write with this key made; ``None`` if it made none, or on another link."""
    prefix = _created(link_id)
    if not key.startswith(prefix) or len(key) != len(prefix) + 38:
        return None
    rest = key.removeprefix(prefix)
    return f"{rest[:8]}-{rest[8:]}"


@lru_cache(maxsize=64)
def _created(link_id: str) -> str:
    return f"new{_hashed(link_id)[:16]}"


def _hashed(words: str) -> str:
    """120 bits: nobody meets two alike."""
    return hashlib.sha256(words.encode()).hexdigest()[:30]
