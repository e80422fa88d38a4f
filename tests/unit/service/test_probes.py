"""The connection test, from a partner whose key is right and whose messages are not."""

import pytest

from backbone.replication.message import Kind, Message, encode_record
from backbone.service.flow import inbound, outbound
from backbone.service.links import pairing
from backbone.store import links
from backbone.store.links import LinkRow
from handshake.documents import Confirmation, encode
from handshake.events import EchoSeen, Pairing, Role, Stage
from handshake.pairing import step
from tests.simulation.node import LINK, Node
from tests.unit.service.pair import Pair, issue, run

SPOILT: dict[str, tuple[Kind, bytes, dict[str, object]]] = {
    "a probe of another length than it announces": (Kind.PROBE, b"x" * 100, {"raw_len": 99}),
    "a probe that does not inflate": (Kind.PROBE, b"no zstd", {"body_enc": "zstd"}),
    "an echo that is no record": (Kind.ECHO, b"\xff\xff", {}),
    "an echo without a size": (Kind.ECHO, encode_record({"sha256": bytes(32)}), {}),
    "an echo whose size is a record": (Kind.ECHO, encode_record({"size": {"a": 1}, "sha256": bytes(32)}), {}),
    "an echo whose hash is a number": (Kind.ECHO, encode_record({"size": 1024, "sha256": 7}), {}),
}


def made(node: Node, kind: Kind, body: bytes, header: dict[str, object]) -> Message:
    state = node.store.read_now(lambda tx: links.state(tx, 1))
    message = outbound.unnumbered(node.ep, state, kind, body)
    return Message(message.header.model_copy(update=header), message.body)


async def take(node: Node) -> None:
    report = await inbound.receive(node.ep)
    await pairing.take_probes(node.ep, report.special)


@pytest.mark.parametrize("name", SPOILT)
def test_a_malformed_message_of_the_test_is_set_aside_and_the_link_goes_on(name: str) -> None:
    async def story(pair: Pair) -> None:
        await outbound.post(pair.alice.ep, made(pair.alice, *SPOILT[name]))
        await take(pair.bob)
        ((kind, reason),) = pair.aside(pair.bob)
        assert kind == "message"
        assert "malformed" in reason
        issue(pair, "all is well")
        await pair.settle()
        assert pair.title(pair.bob) == "all is well"

    run(story)


def test_a_probe_for_another_receiver_is_not_answered() -> None:
    async def story(pair: Pair) -> None:
        await outbound.post(pair.alice.ep, made(pair.alice, Kind.PROBE, b"hello", {"receiver": "e" * 32}))
        sent = len(pair.world.airs[1].log)
        await take(pair.bob)
        assert [reason for _, reason in pair.aside(pair.bob)] == ["the message names another receiver"]
        assert len(pair.world.airs[1].log) == sent

    run(story)


def test_a_good_probe_is_answered_with_what_arrived() -> None:
    async def story(pair: Pair) -> None:
        await outbound.post(pair.alice.ep, made(pair.alice, Kind.PROBE, pairing.probe(pair.alice.ep, 1024), {}))
        await take(pair.bob)
        report = await inbound.receive(pair.alice.ep)
        (echo,) = report.special
        assert echo.header.kind == Kind.ECHO
        assert pair.aside(pair.bob) == []

    run(story)


def test_an_echo_before_the_confirmation_changes_nothing() -> None:
    offered = Pairing(Role.SLAVE, Stage.OFFERED, peer="M", transcript="t")
    assert step(offered, EchoSeen(1024)) == (offered, ())


def test_a_confirmation_from_the_slave_changes_nothing() -> None:
    async def story(pair: Pair) -> None:
        peer = {"fingerprint": "A" * 40, "transcript": "ab" * 32}
        pair.alice.store.run_now(lambda tx: links.change(tx, 1, peer=peer))
        row = _row(pair.alice)
        document = encode(Confirmation(link_id=LINK, transcript="ab" * 32))
        await pairing.take_documents(pair.alice.ep, [document])
        assert _row(pair.alice) == row

    run(story)


def _row(node: Node) -> LinkRow:
    return node.store.read_now(lambda tx: links.get(tx, 1))
