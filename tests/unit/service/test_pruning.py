"""What nothing needs any more goes from the disk; what somebody may still need stays."""

from pathlib import Path

import pytest
from sqlalchemy import func, select

from backbone.replication import limits
from backbone.service.flow import outbound
from backbone.service.flow.contents import Contents
from backbone.service.running import pruning
from backbone.store import lists, messages
from backbone.store.tables import blob, inbox, outbox
from tests.simulation.node import Node
from tests.unit.service.pair import Pair, issue, run

DAY = 24 * 3600.0
HORIZON = limits.backup_horizon_seconds
PART = 1000


def folder(node: Node) -> Path:
    return node.folder / node.name


def disk(node: Node) -> int:
    """The bytes of all contents, whole or in part."""
    return sum(path.stat().st_size for path in folder(node).rglob("*") if path.is_file())


def rows(node: Node) -> tuple[int, ...]:
    """How many contents, messages out and messages in the store knows."""
    counts = [select(func.count()).select_from(table) for table in (blob, outbox, inbox)]
    return node.store.read_now(lambda tx: tuple(tx.execute(count).scalar_one() for count in counts))


def files(pair: Pair, node: Node, index: int = 0) -> int:
    return [cell.field for cell in pair.cells(node, index)].count("attachment")


async def pruned(pair: Pair) -> None:
    for node in (pair.alice, pair.bob):
        await node.prune()


async def attached(pair: Pair, content: bytes, local: str | None = None) -> str:
    local = local or issue(pair, f"issue about {content[:9]!r}")
    pair.alice.tracker.attach(local, "notes.txt", content, "alice")
    await pair.settle()
    return local


def test_a_content_goes_when_it_was_applied_and_where_it_came_from_after_the_horizon() -> None:
    async def story(pair: Pair) -> None:
        await attached(pair, b"x" * PART)
        assert (disk(pair.alice), disk(pair.bob)) == (PART, PART)
        await pruned(pair)
        assert (disk(pair.alice), disk(pair.bob)) == (PART, 0)
        pair.world.now += HORIZON + DAY
        await attached(pair, b"y" * PART)
        await pruned(pair)
        assert (disk(pair.alice), disk(pair.bob)) == (PART, 0)
        assert (files(pair, pair.bob, 0), files(pair, pair.bob, 1)) == (1, 1)

    run(story)


def test_disk_and_store_stay_bounded_however_long_it_goes_on() -> None:
    async def story(pair: Pair) -> None:
        sizes: list[tuple[int, int, int]] = []
        for day in range(0, 120, 5):
            await attached(pair, b"%03d" % day * PART)
            await pruned(pair)
            sizes.append((disk(pair.alice), sum(rows(pair.alice)), sum(rows(pair.bob))))
            pair.world.now += 5 * DAY
        early, late = sizes[len(sizes) // 2 :][:8], sizes[-8:]
        assert max(late) <= max(early)
        assert sizes[-1][0] <= (HORIZON / (5 * DAY) + 2) * 3 * PART
        assert disk(pair.bob) == 0

    run(story)


def test_within_the_horizon_a_part_is_sent_again_when_the_partner_asks() -> None:
    async def story(pair: Pair) -> None:
        await attached(pair, b"x" * PART)
        pair.world.now += HORIZON - DAY
        await pruned(pair)
        state = pair.alice.state()
        pair.alice.store.run_now(lambda tx: messages.mark_asked(tx, 1, state.life, "b", [(1, 1)]))
        before = len(pair.world.airs[0].log)
        await outbound.send(pair.alice.ep)
        assert ("b", 1) in {(p.label.lane, p.label.number) for p in pair.world.airs[0].log[before:]}

    run(story)


def test_a_content_that_went_comes_again_with_the_next_change_that_names_it() -> None:
    async def story(pair: Pair) -> None:
        await attached(pair, b"the same")
        await pruned(pair)
        local = await attached(pair, b"another")
        await attached(pair, b"the same", local)
        assert files(pair, pair.bob, 1) == 2
        pair.bob.tracker.attach("1", "back.txt", b"the same", "bob")
        await pruned(pair)
        await pair.settle()
        assert files(pair, pair.alice, 0) == 2

    run(story)


def test_what_a_refused_change_needs_stays_until_it_is_applied() -> None:
    async def story(pair: Pair) -> None:
        pair.refusing["bad"] = "not today"
        await attached(pair, b"x" * PART, issue(pair, "bad"))
        await pruned(pair)
        assert disk(pair.bob) == PART
        pair.refusing.clear()
        (item,) = pair.bob.store.read_now(lambda tx: lists.set_aside_items(tx, 1))
        await pair.ask(pair.bob, "retry", item=item.id)
        await pair.settle()
        assert files(pair, pair.bob) == 1
        await pruned(pair)
        assert disk(pair.bob) == 0

    run(story)


def test_a_crash_between_rows_and_files_leaves_files_too_many_which_go_later(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(pair: Pair) -> None:
        await attached(pair, b"x" * PART)

        def dies(_contents: Contents, _keep: object) -> int:
            raise OSError("the power went")

        with monkeypatch.context() as patched:
            patched.setattr(Contents, "sweep", dies)
            with pytest.raises(OSError, match="power"):
                await pair.bob.prune()
        assert (rows(pair.bob)[0], disk(pair.bob)) == (0, PART)
        await pair.bob.start()
        await attached(pair, b"x" * PART)
        assert files(pair, pair.bob, 1) == 1
        await pair.bob.prune()
        assert (rows(pair.bob)[0], disk(pair.bob)) == (0, 0)

    run(story)


def test_what_a_crash_left_of_a_content_that_was_being_made_goes(tmp_path: Path) -> None:
    contents = Contents(tmp_path / "contents")
    contents.fresh().write_bytes(b"half")
    contents.append(1, "a" * 64, 0, b"part")
    contents.append(1, "b" * 64, 0, b"part")
    assert contents.sweep({"b" * 64}) == 2
    assert [path.name for path in (tmp_path / "contents").iterdir()] == [f".part-1-{'b' * 64}"]
    assert Contents(tmp_path / "none").sweep(set()) == 0


async def test_it_is_done_once_an_hour() -> None:
    times: list[float] = []
    pair = Pair()
    await pair.begin()
    pair.bob.ep.store = pair.bob.store
    due = pruning.Pruning(pair.bob.ep)
    for _ in range(3):
        before = pair.bob.store.transactions
        await due.prune()
        times.append(pair.bob.store.transactions - before)
    assert times == [1, 0, 0]
