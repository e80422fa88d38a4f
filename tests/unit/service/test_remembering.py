"""A store that was put back together with its anchor: nothing outside says so, but the tracker shows writes of ours
that the store does not know.
"""

from dataclasses import replace
from hashlib import sha256

import pytest

from backbone.model import ATTACHMENT, COMMENT, Cell, Cells, Edit, Record, Write
from backbone.replication.identity import born_at, creation
from backbone.replication.link import Phase
from backbone.replication.mapping import Rules, Translation
from backbone.service.flow.remembering import Forgotten, may_be_ours
from backbone.store import links
from backbone.store.tables import identity
from tests.simulation import promises
from tests.simulation.node import Node
from tests.simulation.people import files
from tests.simulation.several import Several
from tests.simulation.site import Site
from tests.unit.service.pair import Pair, issue, run
from tests.unit.service.test_kin import hub, made, titles

TITLE = Cell("title")
TEXT: Record = {"text": "by its own partner", "author": "zoe", "created": "2026-01-01T00:00:00Z"}


async def snapshot(node: Node) -> None:
    """All of the machine is put back: store, anchor and contents."""
    node.restore(snapshot=True)
    await node.start()


def numbered(node: Node) -> int:
    return node.state().out["c"].last


async def arrives(pair: Pair) -> None:
    """What alice did lies in bob's inbox."""
    for step in ("capture", "send"):
        await pair.alice.act(step)
    await pair.bob.act("receive")


async def written_and_forgotten(pair: Pair) -> None:
    """Alice's edit is in bob's tracker, and bob's store does not know how it came there."""
    issue(pair, "first")
    await pair.settle()
    pair.bob.back_up(machine=True)
    pair.alice.tracker.edit("1", {TITLE: "second"}, "alice")
    await pair.settle()
    assert pair.title(pair.bob) == "second"
    await snapshot(pair.bob)


def test_a_write_that_the_store_does_not_know_is_no_edit_of_a_person() -> None:
    async def story(pair: Pair) -> None:
        await written_and_forgotten(pair)
        before = numbered(pair.bob)
        with pytest.raises(Forgotten, match="writes of this node that its store does not know"):
            await pair.bob.act("capture")
        state = pair.bob.state()
        assert (state.phase, state.life[0], numbered(pair.bob)) == (Phase.RESTORED, 2, 0)
        assert before == 0
        assert not pair.bob.unaware
        await pair.settle()
        assert promises.finally_(pair.world) == []
        assert pair.bob.state().life[0] == 2

    run(story)


def test_an_issue_that_was_made_and_forgotten_is_not_said_as_a_new_one_of_ours() -> None:
    async def story(pair: Pair) -> None:
        await pair.settle()
        pair.bob.back_up(machine=True)
        issue(pair, "made and forgotten")
        await pair.settle()
        await snapshot(pair.bob)
        with pytest.raises(Forgotten):
            await pair.bob.act("capture")
        await pair.settle()
        assert [len(promises._issues(node)) for node in pair.world.nodes] == [1, 1]
        assert promises.finally_(pair.world) == []

    run(story)


def test_an_issue_that_was_made_before_the_first_population_is_not_said_either() -> None:
    async def story(pair: Pair) -> None:
        pair.bob.back_up(machine=True)
        issue(pair, "made and forgotten")
        await pair.settle()
        await snapshot(pair.bob)
        with pytest.raises(Forgotten):
            await pair.bob.act("capture")
        await pair.settle()
        assert promises.finally_(pair.world) == []

    run(story)


def test_what_is_read_before_a_write_is_not_taken_for_an_edit_either() -> None:
    """A comment that was made over the link in the forgotten life stands in the issue that is about to be written."""

    async def story(pair: Pair) -> None:
        issue(pair, "first")
        await pair.settle()
        pair.alice.tracker.comment("1", "once", "alice")
        await arrives(pair)
        pair.bob.back_up(machine=True)
        await pair.bob.act("apply")
        await snapshot(pair.bob)
        with pytest.raises(Forgotten):
            await pair.bob.act("apply")
        await pair.settle()
        for node in pair.world.nodes:
            assert len([cell for cell in pair.cells(node) if cell.field == COMMENT]) == 1
        assert promises.finally_(pair.world) == []

    run(story)


def test_people_and_what_the_store_knows_begin_no_new_life() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "first")
        await pair.settle()
        pair.bob.tracker.edit("1", {TITLE: "by a person"}, "bob")
        pair.bob.ep.echoes = type(pair.bob.ep.echoes)()
        await pair.bob.start()
        await pair.settle()
        assert [node.state().life[0] for node in pair.world.nodes] == [1, 1]
        assert promises.finally_(pair.world) == []

    run(story)


def test_what_was_seen_to_when_the_link_was_joined_again_begins_no_other_life() -> None:
    """The tracker shows the write for ever: that the store was joined with it is known."""

    async def story(pair: Pair) -> None:
        await written_and_forgotten(pair)
        with pytest.raises(Forgotten):
            await pair.bob.act("capture")
        await pair.settle()
        row = pair.bob.store.read_now(lambda tx: links.get(tx, 1))
        assert row.joined_at is not None
        pair.bob.store.run_now(lambda tx: links.change(tx, 1, cursor=(0,)))
        pair.bob.store.run_now(lambda tx: tx.execute(identity.update().values(seen=None)))
        await pair.settle()
        assert pair.bob.state().life[0] == 2

    run(story)


def test_where_people_have_words_anybodys_edit_may_be_ours() -> None:
    async def story(pair: Pair) -> None:
        ep = pair.bob.ep
        rules = Rules.parse({**pair.bob.rules, "people": {"match": ["login"]}}, "links/peer.toml")
        lending = Translation(ep.agreement, rules.within(ep.agreement.fields), "bob", side=ep.side)
        edits = [Edit("1", (1,), author, "", {}) for author in ("bob", ep.tracker.user)]
        assert [may_be_ours(ep, edit) for edit in edits] == [False, True]
        assert [may_be_ours(replace(ep, translation=lending), edit) for edit in edits] == [True, True]

    run(story)


async def hub_put_back(world: Several) -> tuple[Site, Site]:
    """The hub's store, with its anchor, is of before a partner's edit that its tracker shows; returns both."""
    a, b, _ = world.sites.values()
    made(a, "of both", "b", "c")
    assert await world.settle()
    a.store.back_up()
    b.tracker.edit("1", {TITLE: "edited"}, "ben")
    assert await world.settle()
    a.store.restore(bytes(8), 0.0, snapshot=True)
    return a, b


def test_a_write_of_any_link_on_the_tracker_is_ours_and_all_links_begin_anew() -> None:
    async def story(world: Several) -> None:
        a, b = await hub_put_back(world)
        with pytest.raises(Forgotten):
            await a.act(a.halves[1], "capture")
        assert [a.state(half).life[0] for half in a.halves] == [2, 2]
        assert await world.settle()
        assert titles(a) == titles(b) == ["edited"]

    hub(story)


def test_where_a_link_is_stopped_no_other_begins_a_life_by_itself() -> None:
    """Another copy lives on it perhaps: whoever says which copy shall live says it of all links."""

    async def story(world: Several) -> None:
        a, _ = await hub_put_back(world)
        first, second = a.halves
        fenced = replace(a.state(first), phase=Phase.STOPPED, reason="another copy lives")
        a.store.run_now(lambda tx: links.save_state(tx, first.row, fenced))
        with pytest.raises(Forgotten, match="say on the one that shall live"):
            await a.act(second, "capture")
        assert [(a.state(half).phase, a.state(half).life[0]) for half in a.halves] == [(Phase.STOPPED, 1)] * 2
        assert "second copy" in a.store.read_now(lambda tx: links.get(tx, second.row)).reason

    hub(story)


@pytest.mark.parametrize("meanwhile", ["after tracker.apply", "before tracker.written"])
def test_what_another_link_is_writing_is_not_forgotten(meanwhile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is in the tracker, and its outcome is not recorded yet; or was not, when we began to look."""

    async def story(world: Several) -> None:
        a, b, _ = world.sites.values()
        first, second = a.halves
        made(a, "of both", "b", "c")
        assert await world.settle()
        b.tracker.edit("1", {TITLE: "edited"}, "ben")
        for site, half, what in ((b, b.halves[0], "capture"), (b, b.halves[0], "send"), (a, first, "receive")):
            await site.act(half, what)
        writes, looks = (first, "apply"), (second, "capture")
        outer, inner = (writes, looks) if meanwhile.startswith("after") else (looks, writes)
        if inner is writes:
            a.tracker.edit("1", {Cell("status"): "open"}, a.tracker.user)
        came: list[str] = []

        async def point(node: str, name: str) -> None:
            if (node, name) == ("a", meanwhile) and not came:
                came.append(name)
                await a.act(*inner)

        with monkeypatch.context() as patched:
            patched.setattr(world, "point", point)
            await a.act(*outer)
        assert came
        assert await world.settle()
        assert [a.state(half).life[0] for half in a.halves] == [1, 1]
        assert titles(a) == titles(b) == ["edited"]

    hub(story)


def test_what_another_node_makes_in_the_same_tracker_is_not_ours() -> None:
    """For a partner of its own: to us it is an issue like any other."""

    async def story(pair: Pair) -> None:
        await pair.settle()
        user = pair.bob.tracker.user
        made_there = creation(f"{'7' * 8}-{'a' * 30}")
        cells: Cells = {
            TITLE: "of somebody else",
            Cell("description"): "of somebody else",
            Cell(COMMENT, "+77777777-c"): TEXT,
        }
        await pair.bob.tracker.apply([Write(made_there, None, None, cells, user)])
        await pair.settle()
        assert pair.title(pair.alice) == "of somebody else"
        (comment,) = [cell for _, cell in promises._registers(pair.alice) if cell.field == COMMENT]
        assert born_at(comment.element, pair.bob.node_id)
        assert [node.state().life[0] for node in pair.world.nodes] == [1, 1]

    run(story)


def test_what_was_made_with_an_issue_in_a_forgotten_life_is_not_made_again() -> None:
    """The issue is found by its key. Its file was made with it then; now its content has not come yet."""

    async def story(pair: Pair) -> None:
        await pair.settle()
        plan: Record = {"name": "plan.txt", "type": "text/plain", "sha256": sha256(b"the plan").hexdigest()}
        whole: Cells = {TITLE: "with a file", Cell("description"): "with a file", Cell(ATTACHMENT, "+a"): plan}
        pair.alice.tracker.create(whole, "alice", files=[b"the plan"])
        await arrives(pair)
        pair.bob.back_up(machine=True)
        for step in ("parts", "apply"):
            await pair.bob.act(step)
        assert files(pair.cells(pair.bob)) != []
        await snapshot(pair.bob)
        await pair.bob.act("apply")
        await pair.settle()
        assert [len(files(pair.cells(node))) for node in pair.world.nodes] == [1, 1]
        assert promises.finally_(pair.world) == []

    run(story)


def test_names_that_both_stores_forgot_come_from_the_writes_themselves() -> None:
    """Bob's comment in alice's issue, made there over the link; then both stores are put back to before the first word:
    alice's says the issue anew, and the comment is still bob's.
    """

    async def story(pair: Pair) -> None:
        for node in pair.world.nodes:
            node.back_up()
        issue(pair, "hers")
        await pair.settle()
        pair.bob.tracker.comment("1", "his", "bob")
        await pair.settle()
        await pair.restore()
        await pair.settle()
        for node in pair.world.nodes:
            assert len([cell for cell in pair.cells(node) if cell.field == COMMENT]) == 1
        assert promises.finally_(pair.world) == []

    run(story)
