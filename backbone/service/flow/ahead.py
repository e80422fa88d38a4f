"""The next message of change sets, decoded while the one before it is made durable: a disk leaves a processor idle.

A hint in memory and no more: what is asked for and was not decoded ahead is decoded then.
"""

from collections.abc import Sequence

from backbone.errors import PeerError
from backbone.replication import limits
from backbone.replication.message import ChangeSet, Kind, decode_change_sets, inflate
from backbone.store.messages import Incoming


class Ahead:
    """At most one message, and no larger than an honest partner makes them."""

    def __init__(self) -> None:
        self._coming: Incoming | None = None
        self._decoded: list[ChangeSet] | None = None

    def comes(self, behind: Sequence[Incoming]) -> None:
        """What stands behind the message that is being applied, if anything."""
        fits = behind and behind[0].kind == Kind.DATA and behind[0].message.header.raw_len <= limits.body_bytes
        self._coming, self._decoded = behind[0] if fits else None, None

    async def decode(self) -> None:
        """Beside something that waits. A message that cannot be decoded is one when its turn comes."""
        if self._coming is None or self._decoded is not None:
            return
        try:
            self._decoded = change_sets(self._coming)
        except PeerError:
            self._coming = None

    def take(self, incoming: Incoming) -> list[ChangeSet]:
        """The change sets of this message. Raises ``PeerError``."""
        decoded = self._decoded if self._coming == incoming else None
        self._coming = self._decoded = None
        return change_sets(incoming) if decoded is None else decoded


def change_sets(incoming: Incoming) -> list[ChangeSet]:
    """Inflated and decoded, within the bounds of both. Raises ``PeerError``."""
    return decode_change_sets(inflate(incoming.message.header, incoming.message.body))
