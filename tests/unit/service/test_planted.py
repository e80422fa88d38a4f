"""Who can write to the share or the mailbox can bring parcels without end, and cannot fill the disk with them."""

import pytest
from sqlalchemy import func, select

from backbone.replication import limits
from backbone.store import lists
from backbone.store.tables import quarantine
from channels.base import Label, Parcel
from tests.unit.service.pair import Pair, issue, run


def kept_bytes(pair: Pair) -> int:
    total = pair.alice.store.read_now(lambda tx: tx.execute(select(func.sum(func.length(quarantine.c.payload)))))
    return int(total.scalar_one() or 0)


def test_junk_without_end_takes_bounded_space_and_the_link_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "parcels_aside_max", 10)
    monkeypatch.setattr(limits, "parcels_aside_bytes_max", 5_000)

    async def story(pair: Pair) -> None:
        issue(pair, "first")
        await pair.settle()
        ep = pair.alice.ep
        for number in range(40):
            junk = Parcel(Label(ep.tag, "0" * 8, "c", number + 1), number.to_bytes(2, "big") * 500)
            await pair.bob.channel.send(junk)
            await pair.world._act(pair.alice, "receive")
        aside = pair.alice.store.read_now(lambda tx: lists.parcels_aside(tx, 1))
        assert (aside.items, aside.attempts) == (10, 31)
        assert kept_bytes(pair) == 5_000
        issue(pair, "second")
        await pair.settle()
        assert pair.title(pair.bob, 1) == "second"

    run(story)
