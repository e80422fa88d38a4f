"""The last word of a link: said until it cannot have been missed, and heard only from the partner."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from backbone.errors import UsageError
from backbone.replication import limits
from backbone.replication.rekeying import REVOKED, Keys
from backbone.service.endpoint import use_keys
from backbone.service.links import linking, revoking
from backbone.service.links.progress import Progress, load, save
from backbone.service.node import Node, create_node, open_node
from backbone.service.parties import voice
from backbone.store import links, lists
from backbone.store.links import LinkRow
from channels import memory
from channels.base import ChannelUnavailable, Label, Parcel
from channels.memory import MemoryChannel
from handshake.documents import KeyRevocation, Revocation, encode
from handshake.events import Pairing, Role, Stage
from handshake.memory import MemoryKeyRing

LINK, WORDS = "ab" * 16, "cd" * 32
ALICE, BOB = MemoryKeyRing("alice"), MemoryKeyRing("bob")
AGREEMENT = {"fields": {"title": {"type": "text"}}}
LABEL = Label("0" * 16, "0" * 8, "k", 0)


class Here:
    """Alice's node with one active link, on a clock that is set by hand; the wire's other end is bob's."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.now = 1000.0
        node.clock = lambda: self.now
        self.channel, self.other = memory.pair()
        progress = Progress(
            Pairing(Role.MASTER, Stage.ACTIVE, sizes=frozenset(), peer="B", transcript=WORDS, peer_tested=True)
        )
        peer = {"node": "bob", "fingerprint": BOB.fingerprint, "transcript": WORDS, "suite": 1}
        self.row = node.store.run_now(
            lambda tx: links.add(
                tx, name="bob", link_id=LINK, side="master", pairing=save(progress), state="active", home="", peer=peer,
                our_fingerprint=ALICE.fingerprint, agreement=AGREEMENT, created_at=0.0,
            )
        )  # fmt: skip

    def link(self) -> LinkRow:
        return self.node.store.read_now(lambda tx: links.get(tx, self.row))

    async def tell(self) -> float | None:
        return await revoking.tell(self.node, self.row, self.channel, ALICE)

    async def hear(self) -> bool:
        use_keys(ALICE, self.link().keys)
        return await revoking.hear(self.node, voice(self.node, self.link(), self.channel, ALICE))

    def aside(self) -> list[str]:
        return self.node.store.read_now(lambda tx: [i.reason for i in lists.set_aside_items(tx, self.row)])


@pytest.fixture
def tell(tmp_path: Path) -> Callable[[Callable[[Here], Awaitable[None]]], None]:
    """Tells a story."""
    create_node(tmp_path / "node", "alice", tmp_path / "anchor.json")

    async def begin(story: Callable[[Here], Awaitable[None]]) -> None:
        await ALICE.add_peer(await BOB.public_key(), BOB.fingerprint)
        use_keys(ALICE, Keys())
        await BOB.add_peer(await ALICE.public_key(), ALICE.fingerprint)
        async with open_node(tmp_path / "node", exclusive=True) as node:
            await story(Here(node))

    return lambda story: asyncio.run(begin(story))


Tell = Callable[[Callable[[Here], Awaitable[None]]], None]


async def said(other: MemoryChannel) -> list[bytes]:
    """What lies at bob's, opened."""
    found = await other.receive(100)
    return [await BOB.open(d.parcel.data, signer=ALICE.fingerprint, message_bytes_max=10_000) for d in found]


def test_the_end_is_told_a_few_times_ever_more_slowly(tell: Tell) -> None:
    async def story(here: Here) -> None:
        assert await here.tell() is None
        await linking.revoke(here.node, "bob", "enough")
        waits = []
        while (wait := await here.tell()) is not None:
            assert await here.tell() == wait
            waits.append(wait)
            here.now += wait
        assert waits == [revoking.AGAIN_GROWTH**n for n in range(revoking.TOLD_MAX - 1)]
        documents = await said(here.other)
        assert documents == [encode(Revocation(link_id=LINK, transcript=WORDS, reason="enough"))] * revoking.TOLD_MAX

    tell(story)


def test_what_the_channel_did_not_take_is_still_to_be_told(tell: Tell) -> None:
    async def story(here: Here) -> None:
        await linking.revoke(here.node, "bob", "enough")
        here.channel.away = "the share is away"
        with pytest.raises(ChannelUnavailable):
            await here.tell()
        here.channel.away = None
        await here.tell()
        assert len(await said(here.other)) == 1

    tell(story)


def test_a_channel_that_never_answers_is_given_up(tell: Tell) -> None:
    async def story(here: Here) -> None:
        await linking.revoke(here.node, "bob", "enough")
        here.now += limits.backup_horizon_seconds + 1
        assert await here.tell() is None
        assert load(here.link()).tell_at is None
        assert await said(here.other) == []

    tell(story)


@pytest.mark.parametrize(
    "document",
    [
        encode(Revocation(link_id="0" * 32, transcript=WORDS, reason="x")),
        encode(Revocation(link_id=LINK, transcript="0" * 64, reason="x")),
        b'{"format":"backbone-revocation"}',
        b"no document",
    ],
)
def test_only_a_revocation_of_this_link_is_heard_and_all_else_stays(tell: Tell, document: bytes) -> None:
    async def story(here: Here) -> None:
        here.channel.plant(Parcel(LABEL, await BOB.seal(document, recipient=ALICE.fingerprint)))
        here.channel.plant(Parcel(LABEL, b"noise"))
        assert not await here.hear()
        assert here.link().state == "active"
        assert len(await here.channel.reopened().receive(10)) == 2

    tell(story)


def test_the_partners_revocation_is_heard_once_and_is_not_told_back(tell: Tell) -> None:
    async def story(here: Here) -> None:
        document = encode(Revocation(link_id=LINK, transcript=WORDS, reason="we part"))
        here.channel.plant(Parcel(LABEL, await BOB.seal(document, recipient=ALICE.fingerprint)))
        assert await here.hear()
        assert here.link().reason == "the partner revoked the link: we part"
        assert await here.tell() is None
        assert not await here.channel.reopened().receive(10)

    tell(story)


def test_a_reason_that_cannot_be_told_is_refused(tell: Tell) -> None:
    async def story(here: Here) -> None:
        with pytest.raises(UsageError, match="one line"):
            await linking.revoke(here.node, "bob", "a\nb")
        assert here.link().state == "active"

    tell(story)


async def key_revoked(here: Here, **said: str) -> None:
    """Bob says that his key was stolen, except for what is said otherwise."""
    document = KeyRevocation.model_validate(
        {
            "link_id": LINK, "transcript": WORDS, "fingerprint": BOB.fingerprint, "reason": "a laptop was stolen",
            "certificate": (await BOB.revocation("stolen")).decode(), **said,
        }
    )  # fmt: skip
    await here.other.send(Parcel(LABEL, await BOB.seal(encode(document), recipient=ALICE.fingerprint)))


def test_a_partner_revokes_its_own_key_and_what_that_signs_is_set_aside(tell: Tell) -> None:
    async def story(here: Here) -> None:
        await key_revoked(here)
        assert await here.hear()
        found = here.link()
        assert (found.state, found.keys.theirs.revoked) == ("failed", "a laptop was stolen")
        assert "backbone link create bob --again" in found.reason
        await here.other.send(Parcel(LABEL, await BOB.seal(b"{}", recipient=ALICE.fingerprint)))
        await key_revoked(here, reason="once more")
        assert not await here.hear()
        assert here.aside() == [REVOKED, REVOKED]
        assert await here.channel.receive(10) == [], "they are confirmed: nothing of it comes again"

    tell(story)


@pytest.mark.parametrize(
    "said",
    [
        {"fingerprint": ALICE.fingerprint},
        {"link_id": "ef" * 16},
        {"transcript": "00" * 32},
        {"certificate": "no revocation"},
        {"certificate": f"revoked: memory certificate {ALICE.fingerprint}"},
    ],
    ids=lambda said: next(iter(said)),
)
def test_a_partner_is_believed_for_its_own_key_only(tell: Tell, said: dict[str, str]) -> None:
    async def story(here: Here) -> None:
        await key_revoked(here, **said)
        assert not await here.hear()
        assert (here.link().state, here.link().keys.theirs.revoked) == ("active", "")

    tell(story)
