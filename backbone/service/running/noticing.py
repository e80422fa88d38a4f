"""What a transport says about earlier parcels: shown to people, and a reason to ask whether the partner hears us.

A bounce (RFC 3464) can be forged by anybody, so it changes nothing: what was not acknowledged is sent again anyway.
"""

from backbone.replication.message import Kind
from backbone.service.endpoint import Endpoint
from backbone.service.links.progress import over
from backbone.store import links, lists
from backbone.store.engine import Connection

PING_SECONDS = 3600.0
"""Between two questions that notices made us ask: whoever forges a thousand bounces gets one parcel sent."""


class Noticing:
    """The notices of one link's channel."""

    def __init__(self, ep: Endpoint) -> None:
        self._ep = ep
        self._shown: str | None = None
        self._shown_at = 0.0
        self._ping_at = 0.0

    async def take(self) -> bool:
        """Show what is new, and take it away again when the partner was heard since; whether there was anything new."""
        sentences = self._ep.channel.notices()
        for sentence in sentences:
            self._ep.log.warning("notice", sentence=sentence)
        if sentences:
            await self._ep.store.run(lambda tx: self._show(tx, sentences[-1]))
        elif self._shown is not None:
            await self._ep.store.run(self._clear)
        return bool(sentences)

    def _show(self, tx: Connection, sentence: str) -> None:
        now = self._ep.clock()
        if now >= self._ping_at:
            lists.ask(tx, self._ep.row, "say", {"kind": str(Kind.HELLO)}, now)
            self._ping_at = now + PING_SECONDS
        self._shown, self._shown_at = sentence, now
        links.change(tx, self._ep.row, reason=sentence)

    def _clear(self, tx: Connection) -> None:
        heard_at = links.state(tx, self._ep.row).heard_at
        if heard_at is None or heard_at <= self._shown_at:
            return
        if links.get(tx, self._ep.row).reason == self._shown:
            over(tx, self._ep.row)
        self._shown = None
