"""The partner itself, gone bad: signed and sealed as agreed, it says what it likes to a whole node.

Every message is well formed outside (number, chain, digest, signature), and hostile inside: bodies from the corpus and
from the link's own change sets, planted with other values; headers with numbers that lie.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from backbone.errors import PeerError
from backbone.model import Cell, Cells
from backbone.replication.link import Phase
from backbone.replication.merge import Stamp
from backbone.replication.message import (
    LANE_OF,
    LANES,
    ChangeSet,
    Chunk,
    Kind,
    Message,
    Operation,
    chain,
    decode_change_sets,
    digest_of,
    encode,
    encode_change_set,
    encode_change_sets,
)
from backbone.service.flow import applying, control, inbound, outbound
from backbone.service.flow.inbound import label_life
from backbone.service.links import pairing
from channels.base import Label, Parcel
from tests.fuzz.mutations import NUMBERS, spoilt
from tests.fuzz.running import samples
from tests.fuzz.targets import TARGETS
from tests.simulation import promises
from tests.unit.service.pair import Pair, issue

KINDS = (*[kind for kind in Kind if kind is not Kind.CHALLENGE], *[Kind.DATA] * 5, Kind.DIGEST, Kind.CTRL, Kind.NACK)
"""A challenge ends the story: ``test_link.py`` has it."""
SECRET = Cell("internal")
"""A field that nobody agreed to share."""


class BadPartner:
    """Bob's keys and numbers, without his scruples; alice's node is real."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.pair = Pair()
        self._numbers: dict[str, tuple[int, bytes]] = {}
        self._records = samples(TARGETS["record"])
        self._changes: list[bytes] = []

    async def begin(self) -> None:
        """An honest beginning: one issue on both sides."""
        await self.pair.begin()
        issue(self.pair, "first", status="open")
        await self.pair.settle()
        state = self.pair.bob.state()
        self._numbers = {lane: (state.out[lane].last, state.out[lane].chain) for lane in LANES}
        self._changes = [*samples(TARGETS["change_sets"]), encode_change_sets([encode_change_set(self.honest())])]

    def honest(self) -> ChangeSet:
        """What an honest bob could write about that issue."""
        gid = self.pair.alice.store.read_now(_any_gid)
        stamp = Stamp(1, 1, 1, 2)
        cells: Mapping[Cell, Any] = {
            Cell("title"): "second", SECRET: "mine now", Cell("labels", "red"): True,
            Cell("depends", gid): True, Cell("status"): "no such status",
            Cell("comment", "22222222-9"): {"text": "hello", "author": "bob", "created": "2026-01-01T00:00:00Z"},
        }  # fmt: skip
        return ChangeSet(
            gid, "bob", "2026-01-01T00:00:00Z", tuple(Operation(c, v, stamp, stamp) for c, v in cells.items())
        )

    async def say_something(self) -> str:
        """One message; what it was, for the story of a failure."""
        kind = self.dice.choice(KINDS)
        body = self._body(kind)
        said = self._lies() if self.dice.random() < 0.3 else {}
        if kind is Kind.BLOB:
            total, offset = self.dice.choice(NUMBERS[:20]), self.dice.choice(NUMBERS[:20])
            said["chunk"] = Chunk(sha256=self.dice.choice("0123456789abcdef") * 64, total=total, offset=offset)
        message = self._message(kind, body, said)
        bob = self.pair.bob.ep
        sealed = await bob.keyring.seal(encode(message), recipient=bob.identity.peer_fingerprint)
        await bob.channel.send(
            Parcel(Label(bob.tag, label_life(message.header.inc), message.header.lane, message.header.seq), sealed)
        )
        return f"{kind} {said} {body[:300]!r}"

    def _body(self, kind: Kind) -> bytes:
        """Change sets mostly of the right form: what has another stops the link at once."""
        given = self._changes if kind is Kind.DATA else self._records
        for _ in range(200):
            body = spoilt(self.dice, given, "msgpack")[: 1 << 20]
            if kind is not Kind.DATA or self.dice.random() < 0.002 or _well_formed(body):
                return body
        return self.dice.choice(given)

    def _lies(self) -> dict[str, Any]:
        number = min(self.dice.choice(NUMBERS), 2**53 - 1)
        lane = self.dice.choice((*LANES, "x"))
        return self.dice.choice(
            (
                {"high": {lane: number}}, {"high": {}}, {"boot": number}, {"ts": number}, {"att": number},
                {"credit_messages": 0, "credit_bytes": 0}, {"credit_messages": number, "credit_bytes": number},
                {"kind": "FUTURE"}, {"lane": "x", "seq": number}, {"chunk": None},
            )
        )  # fmt: skip

    def _message(self, kind: Kind, raw: bytes, said: Mapping[str, Any]) -> Message:
        state = self.pair.bob.state()
        header = outbound._header(self.pair.bob.ep, state, kind)
        lane = LANE_OF.get(kind)
        last, before = self._numbers[lane] if lane else (0, bytes(32))
        placed = {"lane": lane, "seq": last + 1, "prev": before} if lane else {}
        known = {name: number for name, (number, _) in self._numbers.items()}
        high = {**known, **({lane: last + 1} if lane else {})}
        draft = header.model_copy(update={"high": high, "body_enc": "none", "raw_len": len(raw), **placed, **said})
        message = Message(draft, raw)
        dig = digest_of(message)
        if lane and draft.lane == lane and draft.seq == last + 1:
            self._numbers[lane] = (last + 1, chain(before, dig))
        return Message(draft.model_copy(update={"dig": dig}), raw)

    async def alice_works(self) -> None:
        """As ``runner.py`` does, except that nothing of bob's answers."""
        ep = self.pair.alice.ep
        report = await inbound.receive(ep)
        await pairing.take_documents(ep, report.documents)
        await pairing.take_probes(ep, report.special)
        for work in (control.take_control, inbound.take_parts, applying.apply, outbound.capture, outbound.send):
            await work(ep)
        self.pair.world.now += 1.0
        self.pair.world.airs[0].flying.clear()

    @property
    def stopped(self) -> str:
        """Why alice's link stopped; empty while it runs."""
        state = self.pair.alice.state()
        return (state.reason or "without a reason") if state.phase is Phase.STOPPED else ""

    def foreign(self) -> Sequence[Cell]:
        """What stands in alice's tracker outside the agreement."""
        agreed = {*self.pair.alice.ep.agreement.fields, "comment", "attachment"}
        return [cell for one in _cells(self.pair) for cell in one if cell.field not in agreed]


def _well_formed(body: bytes) -> bool:
    try:
        return bool(decode_change_sets(body))
    except PeerError:
        return False


def _any_gid(tx: Any) -> str:
    from backbone.store import shadows

    return str(shadows.pages(tx, 1, "", 1)[0].gid)


def _cells(pair: Pair) -> list[Cells]:
    return [one.cells for one in promises._issues(pair.alice)]
