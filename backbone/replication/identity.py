"""How issues, comments and attachments are called between nodes: a *gid*, given at birth, the same for ever.

``NODE-THING``: the first 8 hex digits of the id of the node where it was born, and a hash of its local name, which
therefore stays local. The same thing gets the same gid again after a store was lost.
"""

import base64
import hashlib
from functools import lru_cache


@lru_cache(maxsize=4_096)
def gid(node_id: str, kind: str, local: str) -> str:
    """The gid of something born here."""
    digest = hashlib.sha256(f"{node_id}/{kind}/{local}".encode()).digest()[:15]
    return f"{node_id[:8]}-{base64.b32encode(digest).decode().lower()}"


def born_at(gid: str, node_id: str) -> bool:
    """Whether this was born at that node: then it is never created there."""
    return gid.startswith(f"{node_id[:8]}-")


def marker(link_id: str, gid: str, seq: int, index: int) -> str:
    """The key of one write: what an adapter leaves with it, so that a crash or a restore finds it again."""
    digest = hashlib.sha256(f"{link_id}/{gid}/{seq}/{index}".encode()).digest()[:15]
    return base64.b32encode(digest).decode().lower()
