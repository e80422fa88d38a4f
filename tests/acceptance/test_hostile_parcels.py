"""Parcels that somebody put into RECEIVE: each is set aside with its reason, nothing changes, and the link goes on."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from backbone.model import Cell, Cells
from tests.acceptance.forging import drop, forged
from tests.acceptance.nodes import NodeAtWork, invite, join, reasons, two_nodes, until

TITLE = Cell("title")


@pytest.fixture(scope="module")
def linked(shared_place: Path) -> Iterator[tuple[NodeAtWork, NodeAtWork]]:
    """Two running nodes with an active link, and one issue on both sides."""
    with two_nodes(shared_place) as (alice, bob):
        join(bob, invite(alice, shared_place / "offer.asc"))
        alice.tracker.create({TITLE: "Brakes squeal", Cell("description"): "In the rain."})
        for node in (alice, bob):
            node.start()
        until("the issue arrives", lambda: titles(bob) == ["Brakes squeal"])
        yield alice, bob
        for node in (alice, bob):
            node.stop()


def issues(node: NodeAtWork) -> dict[str, Cells]:
    return {issue.local: dict(issue.cells) for issue in asyncio.run(node.tracker.issues(None, 100))}


def titles(node: NodeAtWork) -> list[object]:
    return [cells.get(TITLE) for cells in issues(node).values()]


def honest(node: NodeAtWork) -> Path:
    """A parcel with changes that came and was taken."""
    return next(path for path in sorted((node.receive / ".done").iterdir()) if "-c-" in path.name)


def test_hostile_parcels_are_set_aside_and_the_link_goes_on(linked: tuple[NodeAtWork, NodeAtWork], place: Path) -> None:
    alice, bob = linked
    model = honest(bob)
    parcel = model.read_bytes()
    bad = asyncio.run(forged(alice.keys, bob.keys, parcel, place / "m"))
    before = issues(bob), bob.status()["received"]
    dropped = [drop(bob.receive, model, data, 500 + number) for number, data in enumerate(bad.values())]
    until("all were looked at", lambda: not any(path.exists() for path in dropped))
    until("all were set aside", lambda: bob.status()["quarantined"] == len(bad))
    assert (issues(bob), bob.status()["received"]) == before
    said = reasons(bob)
    assert len(said) == len(bad)
    for words in ("signature|signed|key", "names another link", "names another receiver", "bytes|large"):
        assert any(word in reason for word in words.split("|") for reason in said), said
    assert alice.status()["quarantined"] == 0
    goes_on(alice, bob, "Brakes squeal less")


def test_a_replayed_parcel_changes_nothing(linked: tuple[NodeAtWork, NodeAtWork]) -> None:
    alice, bob = linked
    model = honest(bob)
    before = issues(bob), bob.status()["received"], bob.status()["quarantined"]
    again = bob.receive / model.name
    again.with_name(".tmp-again").write_bytes(model.read_bytes())
    again.with_name(".tmp-again").replace(again)
    other = drop(bob.receive, model, model.read_bytes(), 900)
    until("both were taken", lambda: not again.exists() and not other.exists())
    assert (issues(bob), bob.status()["received"], bob.status()["quarantined"]) == before
    goes_on(alice, bob, "Brakes are fine")


def goes_on(alice: NodeAtWork, bob: NodeAtWork, title: str) -> None:
    """One more edit travels."""
    (local,) = issues(alice)
    alice.tracker.edit(local, {TITLE: title})
    until("the edit arrives", lambda: titles(bob) == [title])
    assert bob.status()["state"] == alice.status()["state"] == "active"
