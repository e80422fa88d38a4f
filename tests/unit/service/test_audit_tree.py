"""An audit goes down a tree: what it says grows with the differences, and a partner who answers nonsense ends it."""

import json
from typing import Any

import pytest

from backbone.errors import PeerError
from backbone.model import ISSUE, Cell
from backbone.replication import limits
from backbone.replication.merge import Register, Stamp
from backbone.replication.message import Kind, decode_record, inflate
from backbone.replication.tree import Compared
from backbone.service.healing import audit
from backbone.service.healing.scrubbing import Scrubbed
from backbone.service.healing.walk import NAMED_MAX, PENDING_MAX, Walk
from backbone.store import links, lists, messages
from backbone.store.codec import pack_registers
from backbone.store.engine import Connection
from backbone.store.tables import identity, shadow
from tests.simulation.node import Node
from tests.unit.service.drifting import audited, spoil
from tests.unit.service.pair import Pair, issue, run

FIELDS = ("title", "description", "status", "estimate")
WRITE, LATER = Stamp(1, 1, 0, 0), Stamp(1, 2, 0, 0)


def gid(number: int) -> str:
    return f"0a1b2c3d-{number:030x}"


def fill(node: Node, count: int, changed: set[int], missing: set[int]) -> None:
    """So many shared issues as if they had come over the link; their trackers play no part here."""

    def put(tx: Connection) -> None:
        held = [number for number in range(count) if number not in missing]
        tx.execute(
            identity.insert(), [{"link": 1, "gid": gid(n), "kind": ISSUE, "local": str(n), "seen": None} for n in held]
        )
        packed = {
            stamp: pack_registers({Cell(name): Register(stamp, stamp, "value", "value") for name in FIELDS})
            for stamp in (WRITE, LATER)
        }
        rows = [
            {"link": 1, "gid": gid(n), "part": "", "registers": packed[LATER if n in changed else WRITE]} for n in held
        ]
        tx.execute(shadow.insert(), rows)

    node.store.run_now(put)


def digests(node: Node, after: int) -> list[tuple[dict[str, Any], int]]:
    """The audit's messages that a node numbered behind that one: each with its bytes."""

    def read(tx: Connection) -> list[tuple[dict[str, Any], int]]:
        state = links.state(tx, 1)
        keys = [("k", seq) for seq in range(after + 1, state.out["k"].last + 1)]
        rows = messages.get_out(tx, 1, state.life, keys) if keys else []
        of_audit = [row for row in sorted(rows, key=lambda row: row.seq) if row.kind == Kind.DIGEST]
        return [(decode_record(inflate(row, row.body or b"")), row.raw_len) for row in of_audit]

    found: list[tuple[dict[str, Any], int]] = node.store.read_now(read)
    return found


async def audited_by_hand(pair: Pair, count: int) -> tuple[dict[str, Any], list[int]]:
    """The result of an audit by Alice, and the bytes of each of its messages."""
    item = await pair.ask(pair.alice, "audit", tries=audit.PATIENT_TRIES)
    scrubbed = Scrubbed((), count)

    def begin(tx: Connection) -> None:
        walk = {"ours": count}
        audit.begin(tx, pair.alice.ep, item, scrubbed)
        lists.answer(tx, item, {}, state="sent", arguments={"tries": audit.PATIENT_TRIES, "walk": walk})

    pair.alice.store.run_now(begin)
    seen = {node.name: 0 for node in (pair.alice, pair.bob)}
    sizes: list[int] = []
    speaker, hearer = pair.alice, pair.bob
    while said := digests(speaker, seen[speaker.name]):
        ((record, size),) = said
        seen[speaker.name] += 1
        sizes.append(size)
        question = audit.parse(record)
        hear(hearer, question, count)
        speaker, hearer = hearer, speaker
    row = request(pair, item)
    assert row.state == "done"
    return json.loads(row.result), sizes


def hear(node: Node, question: audit.Question, count: int) -> None:
    """What the control lane does with it."""
    node.store.run_now(lambda tx: audit.compare(tx, node.ep, question, Scrubbed((), count)))


def request(pair: Pair, item: int) -> Any:
    """Alice's request as it stands."""
    row = pair.alice.store.read_now(lambda tx: lists.request_item(tx, item))
    assert row is not None
    return row


@pytest.mark.parametrize(("count", "said", "bytes_max"), [(200, 2, 12_000), (5_000, 4, 20_000), (50_000, 6, 40_000)])
def test_ten_differences_take_a_few_kilobytes_among_any_number_of_issues(count: int, said: int, bytes_max: int) -> None:
    async def story(pair: Pair) -> None:
        changed, missing = set(range(0, count, count // 8)), {3, 5}
        fill(pair.alice, count, set(), {3})
        fill(pair.bob, count, changed, {5})
        result, sizes = await audited_by_hand(pair, count)
        assert {one["gid"] for one in result["details"]} == {gid(n) for n in changed | missing}
        assert len(result["details"]) == len(changed) * len(FIELDS) + len(missing)
        assert (result["more"], result["in_flight"], result["issues"]) == (False, 0, count)
        assert len(sizes) <= said
        assert sum(sizes) < bytes_max

    run(story)


def test_equal_nodes_say_one_message_each() -> None:
    async def story(pair: Pair) -> None:
        for node in (pair.alice, pair.bob):
            fill(node, 3_000, set(), set())
        result, sizes = await audited_by_hand(pair, 3_000)
        assert result["details"] == []
        assert len(sizes) == 2

    run(story)


def test_where_everything_differs_a_thousand_are_named_and_the_rest_is_said_to_be_there() -> None:
    async def story(pair: Pair) -> None:
        fill(pair.alice, 6_000, set(), set())
        fill(pair.bob, 6_000, set(range(6_000)), set())
        result, sizes = await audited_by_hand(pair, 6_000)
        assert len(result["details"]) == NAMED_MAX
        assert result["more"] is True
        assert sum(sizes) < 2**20

    run(story)


def test_cells_that_do_not_fit_into_one_answer_are_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "audit_cells_bytes", 300)

    async def story(pair: Pair) -> None:
        changed = set(range(0, 200, 20))
        fill(pair.alice, 200, set(), set())
        fill(pair.bob, 200, changed, set())
        result, sizes = await audited_by_hand(pair, 200)
        assert {one["gid"] for one in result["details"]} == {gid(n) for n in changed}
        assert len(sizes) > 6

    run(story)


def test_a_restart_on_either_side_goes_on_with_the_audit() -> None:
    async def story(pair: Pair) -> None:
        for number in range(40):
            issue(pair, f"issue {number}", status="new")
        await pair.settle()
        spoil(pair, pair.bob, Cell("status"), "closed", Stamp(1, 900, 1, 900))
        item = await pair.ask(pair.alice, "audit")
        for _ in range(30):
            await pair.world._round()
            pair.world.now += 1.0
            for node in (pair.alice, pair.bob):
                await node.start()
            if (row := request(pair, item)).state == "done":
                break
        assert json.loads(row.result or "{}").get("differences") == ["1: status"]

    run(story)


def answered(**said: Any) -> audit.Question:
    numbers = {"audit": 1, "sent": 0, "applied": 0, "issues": 0}
    return audit.parse({"step": "nodes", **numbers, **said})


@pytest.mark.parametrize(
    "said",
    [
        {"step": "more"},
        {"asked": ("zz",)},
        {"asked": ("a",)},
        {"asked": tuple(f"{n:03x}" for n in range(257))},
        {"want": tuple(map(str, range(201)))},
        {"leaves": {"x": 1}},
        {"buckets": {f"{n:04x}": b"" for n in range(16 * 256 + 1)}},
    ],
)
def test_what_is_no_question_of_an_audit_is_refused(said: dict[str, Any]) -> None:
    answered()
    with pytest.raises(PeerError):
        answered(**said)


def test_a_partner_who_always_finds_more_to_go_down_to_is_left_in_the_end() -> None:
    async def story(pair: Pair) -> None:
        for number in range(40):
            issue(pair, f"issue {number}")
        await pair.settle()
        item = await pair.ask(pair.alice, "audit", tries=audit.PATIENT_TRIES)
        await pair.alice.act("requests")
        asked: tuple[str, ...] = tuple(f"{n:02x}" for n in range(256))
        for turn in range(limits.audit_rounds_max + 1):
            nodes = {name + digit: bytes([turn]) * 16 for name in asked for digit in "0123456789abcdef"}
            answer = answered(audit=item, asked=asked, buckets=nodes)
            hear(pair.alice, answer, 40)
            if (row := request(pair, item)).state == "done":
                break
            asked = tuple(json.loads(row.arguments)["walk"]["asked"])
        assert row.state == "done"
        assert json.loads(row.result)["more"] is True

    run(story)


def test_what_a_walk_remembers_is_bounded() -> None:
    nodes = tuple(f"{n:08x}" for n in range(2 * PENDING_MAX))
    walk = Walk().went_down(Compared(nodes, tuple(map(str, range(2 * NAMED_MAX)))))
    assert (len(walk.pending), len(walk.suspects), walk.more) == (PENDING_MAX, NAMED_MAX, True)


def test_whoever_tells_of_none_that_was_asked_for_ends_the_audit() -> None:
    walk = Walk(suspects=("a", "b")).next()
    assert walk.want == ("a", "b")
    after = walk.looked([], [], 0).next()
    assert after.ends


def test_an_audit_over_the_channel_finds_one_among_many() -> None:
    async def story(pair: Pair) -> None:
        for number in range(60):
            issue(pair, f"issue {number}", status="new")
        await pair.settle()
        spoil(pair, pair.bob, Cell("status"), "closed", Stamp(9, 9, 9, 9))
        result = await audited(pair, pair.alice)
        assert result["differences"] == ["1: status"]
        assert (result["issues"], result["theirs"]) == (60, 60)

    run(story)
