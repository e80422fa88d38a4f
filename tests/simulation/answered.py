"""The promise of receipts: of each change set that was said it is told what became of it."""

from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from backbone.replication.message import inflate
from backbone.replication.receipt import digest_of, read
from backbone.replication.resync import spoken
from backbone.store import evidence, links
from backbone.store.tables import waiting

if TYPE_CHECKING:
    from tests.simulation.node import Node

WAITS = "wait for a content or another issue"


def answered(ours: "Node", theirs: "Node") -> list[str]:
    """What we have said in the present lives of both stores."""
    said = ours.store.read_now(_said)
    became = {
        outcome.digest: outcome
        for receipt in ours.store.read_now(_receipts)
        for outcome in read(receipt).outcomes
    }  # fmt: skip
    waits = theirs.store.read_now(lambda tx: set(tx.execute(select(waiting.c.digest)).scalars()))
    broken = [f"{ours.name} has no receipt for {text}" for digest, text in said.items() if digest not in became]
    return broken + [
        f"{ours.name} is not told that nothing waits: {said[digest]}"
        for digest, outcome in became.items()
        if digest in said and WAITS in outcome.reason and digest not in waits
    ]


def _said(tx: Connection) -> dict[str, str]:
    """The digests of our change sets, and what of these the store says."""
    state = links.state(tx, 1)
    behind = state.jump["c"][0] if state.jump and state.welcomed == state.peer_life else 0
    found: dict[str, str] = {}
    for one in evidence.about(tx, 1, "", ("c",)):
        if one.ours and one.life == state.life[0] and one.seq > behind and one.names and one.content is not None:
            for change_set in spoken(inflate(one, one.content)):
                found[digest_of(change_set)] = f"{change_set.gid} in message {one.seq}"
    return found


def _receipts(tx: Connection) -> list[str]:
    """The partner's, in the order in which they were written."""
    found = [one for one in evidence.about(tx, 1, "", ("k",)) if not one.ours]
    return [one.names for one in sorted(found, key=lambda one: (one.life, one.seq))]
