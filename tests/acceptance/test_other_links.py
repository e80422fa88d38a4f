"""Two partners of one node: what one of them does, with his own good keys, does not reach the other's link."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from backbone.model import Cell
from backbone.replication.message import Message, chain, decode, digest_of, encode
from handshake import keyring
from tests.acceptance.forging import OPENED_BYTES_MAX, drop
from tests.acceptance.nodes import NodeAtWork, invite, join, two_nodes, until
from tests.acceptance.test_hostile_parcels import honest, titles

TITLE = Cell("title")
JUNK = 60


@pytest.fixture(scope="module")
def three(shared_place: Path) -> Iterator[tuple[NodeAtWork, NodeAtWork, NodeAtWork]]:
    """Alice with a link to Bob and one to Mallory, all active."""
    with two_nodes(shared_place) as (alice, bob):
        mallory = NodeAtWork(shared_place, "mallory", "alice")
        try:
            for name in ("to-mallory", "from-mallory"):
                (shared_place / name).mkdir()
            hers, his = mallory.folder / "exchange" / "alice", alice.folder / "exchange" / "mallory"
            for folder, send, receive in ((his, "to-mallory", "from-mallory"), (hers, "from-mallory", "to-mallory")):
                folder.mkdir(parents=True)
                (folder / "SEND").symlink_to(shared_place / send)
                (folder / "RECEIVE").symlink_to(shared_place / receive)
            join(bob, invite(alice, shared_place / "offer.asc"))
            offer = shared_place / "second.asc"
            alice.cli("link", "create", "mallory", "--channel", "directory", "--out", str(offer))
            join(mallory, offer)
            for node in (alice, bob, mallory):
                node.start()
            alice.tracker.create({TITLE: "shared", Cell("description"): "with both"})
            mallory.tracker.create({TITLE: "hers", Cell("description"): "an honest one"})
            until("all have both", lambda: all(len(titles(node)) == 2 for node in (alice, bob, mallory)))
            yield alice, bob, mallory
            for node in (alice, bob):
                node.stop()
        finally:
            mallory.close()


def state_of(alice: NodeAtWork, link: str) -> str:
    (one,) = [found for found in alice.json("status") if found["name"] == link]
    return str(one["state"])


async def garbage(alice: NodeAtWork, mallory: NodeAtWork, parcel: bytes) -> bytes:
    """The next message of Mallory's stream, signed as agreed, with a body that is none."""
    theirs = await keyring.open_home(mallory.keys)
    for home in (alice.folder / "g").iterdir():
        ours = await keyring.open_home(home)
        if ours.peer is not None and ours.peer.fingerprint == theirs.fingerprint:
            break
    message = decode(await ours.open(parcel, signer=theirs.fingerprint, message_bytes_max=OPENED_BYTES_MAX))
    header = message.header
    follows = {"seq": header.seq + 1, "prev": chain(header.prev, header.dig), "high": {"c": header.seq + 1}}
    draft = Message(header.model_copy(update={**follows, "body_enc": "none", "raw_len": 3}), b"\xc1\xc1\xc1")
    bad = Message(draft.header.model_copy(update={"dig": digest_of(draft)}), draft.body)
    return await theirs.seal(encode(bad), recipient=ours.fingerprint)


def test_a_bad_partner_stops_his_own_link_and_no_other(
    three: tuple[NodeAtWork, NodeAtWork, NodeAtWork], shared_place: Path
) -> None:
    alice, bob, mallory = three
    mallory.stop()
    receive = shared_place / "from-mallory"
    model = max((p for p in (receive / ".done").iterdir() if "-c-" in p.name), key=lambda path: path.name)
    for number in range(JUNK):
        drop(receive, model, number.to_bytes(4, "big") * 5_000, 10_000 + number)
    drop(receive, model, asyncio.run(garbage(alice, mallory, model.read_bytes())), 9_000)
    until("Mallory's link stands", lambda: state_of(alice, "mallory") != "active")
    assert state_of(alice, "bob") == "active"
    alice.tracker.create({TITLE: "only for Bob's eyes now", Cell("description"): "x"})
    until("it travels to Bob", lambda: "only for Bob's eyes now" in titles(bob))
    (local,) = [issue.local for issue in asyncio.run(bob.tracker.issues(None, 9)) if issue.cells[TITLE] == "shared"]
    bob.tracker.edit(local, {TITLE: "edited by Bob"})
    until("and back", lambda: "edited by Bob" in titles(alice))
    assert "all equal" in alice.cli("audit", "bob").stdout
    assert honest(bob).exists()
