"""Links of one tracker: a hub with two suppliers, of whom neither sees, names or writes what is the other's."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import select

from backbone.model import Cell, Edit
from backbone.replication.merge import Stamp
from backbone.replication.message import ChangeSet, Operation, decode_change_sets, inflate
from backbone.replication.origin import Origin
from backbone.service.flow.entering import nameable
from backbone.service.flow.recording import emit
from backbone.service.flow.sighting import NOTHING
from backbone.service.flow.tracing import whence
from backbone.store import kin, ledger, links, lists
from backbone.store.ledger import Ledger, Provenance
from backbone.store.tables import outbox, provenance
from tests.simulation import together
from tests.simulation.node import RULES
from tests.simulation.people import texts
from tests.simulation.several import NEWEST, Several, Shape
from tests.simulation.site import Half, Site

TITLE, DESCRIPTION, STATUS = Cell("title"), Cell("description"), Cell("status")
AGREED = {"fields": {**NEWEST["fields"], "key": {"type": "text", "direction": "to_slave"}}}
NUMBER = {"local": "@number", "direction": "to_remote", "add_prefix": "HUB-"}


def rules(site: str, peer: str) -> dict[str, Any]:
    """The hub shares with each what has the supplier's label."""
    if site != "a":
        return {"fields": {**RULES["fields"], "key": {"as_comment": "The hub's number:"}}}
    return {
        "fields": {**{n: f for n, f in RULES["fields"].items() if n != "labels"}, "key": NUMBER,
                   "labels": {"local": "labels", "direction": "to_remote"}},
        "on_create": {"labels": [peer]},
        "only_if": [{"local": "labels", "values": [peer, f"{peer}, *", f"*, {peer}"]}],
    }  # fmt: skip


def scoped(site: str, peer: str) -> dict[str, Any]:
    """The same by an expression; and comments go on only with a word."""
    found = rules(site, peer)
    if site == "a":
        del found["only_if"]
        found["scope"] = {"issues": f'"{peer}" in issue.labels'}
        found["comments"] = {"send": {"words": ["#all"]}}
    return found


def hub(story: Callable[[Several], Awaitable[None]], rules: Callable[[str, str], Any] = rules) -> None:
    async def tell() -> None:
        world = Several(1, Shape.STAR, agreement=AGREED, rules=rules)
        world.calm = True
        for site in world.sites.values():
            await site.start()
        await story(world)

    asyncio.run(tell())


def made(site: Site, title: str, *labels: str) -> str:
    cells: dict[Cell, Any] = {TITLE: title, DESCRIPTION: title, **{Cell("labels", label): True for label in labels}}
    return site.tracker.create(cells, "ann")


def titles(site: Site) -> list[str]:
    return sorted(str(issue.cells[TITLE]) for issue in together.issues(site))


def gids_said(site: Site, half: Half) -> set[str]:
    """The issues that a site ever named to a partner."""

    def read(tx: Any) -> set[str]:
        rows = tx.execute(select(outbox).where(outbox.c.link == half.row, outbox.c.kind == "DATA")).all()
        return {one.gid for row in rows for one in decode_change_sets(inflate(row, row.body))}

    return site.store.read_now(read)


def gid_of(site: Site, half: Half, local: str) -> str:
    return together._names(site, half)[local]


def say(site: Site, half: Half, gid: str, **values: str) -> None:
    """A partner says whatever he likes."""
    stamp = Stamp(0, 0, 1, 1_000)
    operations = tuple(Operation(Cell(name), value, stamp, stamp) for name, value in values.items())
    site.store.run_now(lambda tx: emit(tx, half.ep, [ChangeSet(gid, "mallory", "", operations)]))


def test_a_gid_opens_nothing() -> None:
    async def story(world: Several) -> None:
        a, b, c = world.sites.values()
        local = made(a, "of b", "b")
        born = made(b, "born at b")
        assert await world.settle()
        assert (titles(b), titles(c)) == (["born at b", "of b"], [])
        (at_b,) = b.halves
        for number, stolen in enumerate((gid_of(a, a.halves[0], local), gid_of(b, at_b, born))):
            say(c, c.halves[0], stolen, title=f"taken {number}", description="taken")
            await world.settle(retries=False)
        assert titles(a) == titles(b) == ["born at b", "of b"]
        assert titles(c) == []
        assert gids_said(a, a.halves[1]) == set()
        reasons = [item.reason for item in a.store.read_now(lambda tx: lists.set_aside_items(tx, a.halves[1].row))]
        assert len(reasons) == 2
        assert all("not shared over this link" in reason for reason in reasons)

    hub(story)


def test_each_is_told_the_hub_s_number_and_nobody_else_s() -> None:
    async def story(world: Several) -> None:
        a, b, c = world.sites.values()
        made(a, "nobody's")
        ours = made(a, "of both", "b", "c")
        made(c, "born at c")
        assert await world.settle()
        born = next(issue.local for issue in together.issues(a) if issue.cells[TITLE] == "born at c")
        shown = {
            (site.name, str(issue.cells[TITLE])): texts(issue.cells)
            for site in (b, c) for issue in together.issues(site)
        }  # fmt: skip
        assert shown == {
            ("b", "of both"): [f"The hub's number:\n\nHUB-{ours}"],
            ("c", "of both"): [f"The hub's number:\n\nHUB-{ours}"],
            ("c", "born at c"): [f"The hub's number:\n\nHUB-{born}"],
        }
        assert gid_of(a, a.halves[0], ours) == gid_of(a, a.halves[1], ours)

    hub(story)


def test_a_comment_keeps_its_author_over_the_hub_and_what_is_hidden_stays_so() -> None:
    async def story(world: Several) -> None:
        a, b, c = world.sites.values()
        made(a, "of both", "b", "c")
        assert await world.settle()
        comment = b.tracker.comment("1", "from b", "bob")
        assert await world.settle()

        def heard() -> list[str]:
            (issue,) = together.issues(c)
            return [text for text in texts(issue.cells) if "hub" not in text]

        assert heard() == ["bob wrote:\n\nfrom b"]
        b.tracker.edit_comment("1", comment, "from b, amended", "bob")
        assert await world.settle()
        assert heard() == ["bob wrote:\n\nfrom b, amended"]
        b.tracker.remove_comment("1", comment, "bob")
        assert await world.settle()
        assert heard() == []

    hub(story)


def test_an_issue_of_one_supplier_is_in_scope_for_the_other_only_as_long_as_the_hub_says_so() -> None:
    async def story(world: Several) -> None:
        a, b, c = world.sites.values()
        made(c, "born at c")
        assert await world.settle()
        assert titles(b) == []
        (local,) = [issue.local for issue in together.issues(a)]
        a.tracker.edit(local, {Cell("labels", "b"): True}, "ann")
        assert await world.settle()
        assert titles(b) == ["born at c"]
        a.tracker.edit(local, {Cell("labels", "b"): None}, "ann")
        assert await world.settle()
        c.tracker.edit("1", {TITLE: "secret of c"}, "carol")
        assert await world.settle()
        assert (titles(a), titles(b)) == (["secret of c"], ["born at c"])
        say(b, b.halves[0], gid_of(a, a.halves[0], local), title="taken")
        await world.settle(retries=False)
        assert titles(a) == titles(c) == ["secret of c"]

    hub(story, scoped)


def test_a_gid_opens_nothing_that_is_out_of_scope() -> None:
    async def story(world: Several) -> None:
        a, b, c = world.sites.values()
        local = made(a, "of b", "b")
        assert await world.settle()
        say(c, c.halves[0], gid_of(a, a.halves[0], local), title="taken", description="taken")
        await world.settle(retries=False)
        assert titles(a) == titles(b) == ["of b"]
        assert gids_said(a, a.halves[1]) == set()

    hub(story, scoped)


def test_a_restored_partner_is_told_no_gid_of_an_issue_that_is_not_his() -> None:
    async def story(world: Several) -> None:
        a, *_ = world.sites.values()
        local = made(a, "of b", "b")
        made(a, "nobody's")
        assert await world.settle()
        told = [a.store.read_now(lambda tx, ep=half.ep: nameable(tx, ep)) for half in a.halves]  # type: ignore[misc]
        assert told == [[gid_of(a, a.halves[0], local)], []]

    hub(story, scoped)
    hub(story)


def test_a_comment_goes_from_one_supplier_to_the_other_only_when_it_may_leave_there() -> None:
    async def story(world: Several) -> None:
        a, b, c = world.sites.values()
        made(a, "of both", "b", "c")
        assert await world.settle()
        comment = b.tracker.comment("1", "for #all", "bob")
        b.tracker.comment("1", "for you", "bob")
        assert await world.settle()

        def heard(site: Site) -> list[str]:
            (issue,) = together.issues(site)
            return sorted(text for text in texts(issue.cells) if "number" not in text)

        assert heard(a) == ["bob wrote:\n\nfor #all", "bob wrote:\n\nfor you"]
        assert heard(c) == ["bob wrote:\n\nfor #all"]
        b.tracker.edit_comment("1", comment, "no more", "bob")
        assert await world.settle()
        assert heard(a) == ["bob wrote:\n\nfor you", "bob wrote:\n\nno more"]
        assert heard(c) == []

    hub(story, scoped)


def test_provenance_goes_when_every_link_has_told_it() -> None:
    async def story(world: Several) -> None:
        a = world.sites["a"]
        made(a, "of both", "b", "c")
        assert await world.settle()

        def kept() -> int:
            return a.store.read_now(lambda tx: len(tx.execute(select(provenance)).all()))

        a.tracker.edit("1", {TITLE: "edited"}, "ann")
        first, second = a.halves
        await world._act(a, first, "capture")
        await a.prune()
        assert kept() > 0
        await world._act(a, second, "capture")
        await a.prune()
        assert kept() == 0

    hub(story)


def test_a_link_that_was_revoked_is_not_waited_for() -> None:
    async def story(world: Several) -> None:
        a = world.sites["a"]
        made(a, "of both", "b", "c")
        assert await world.settle()
        a.tracker.edit("1", {TITLE: "edited"}, "ann")
        first, second = a.halves
        a.store.run_now(lambda tx: links.change(tx, second.row, state="revoked"))
        await world._act(a, first, "capture")
        await a.prune()
        assert a.store.read_now(lambda tx: len(tx.execute(select(provenance)).all())) == 0
        assert a.store.read_now(lambda tx: kin.of(tx, first.row)) == [second.row]

    hub(story)


@pytest.mark.parametrize("named", [True, False])
def test_of_two_that_tell_an_edit_the_narrower_is_meant(named: bool) -> None:
    async def story(world: Several) -> None:
        a = world.sites["a"]

        def tell(tx: Any) -> Provenance | None:
            book = Ledger(tx, "main")
            book.load(["7"])
            book.tell("7", (9,), Provenance({}, after=(0,), whole=True))
            if named:
                book.tell("7", (6,), Provenance({}, after=(3,), author="ann"))
            return book.told("7", (5,))

        found = a.store.run_now(tell)
        assert found is not None
        assert (found.whole, found.author) == ((False, "ann") if named else (True, ""))
        assert ledger.unpack_provenance(ledger.pack_provenance(found)) == found

    hub(story)


def told_late(world: Several, later: Provenance) -> tuple[Provenance, Ledger]:
    """An edit at 6 of title and status, which is told when the title shows what was written at 7, and that was told."""
    half = world.sites["a"].halves[0]

    def tell(tx: Any) -> tuple[Provenance, Ledger]:
        known = Ledger(tx, "main")
        known.load(["1"])
        for _ in range(20):
            known.number()
        known.tell("1", (7,), later)
        shown = later.of(TITLE)
        assert shown is not None
        known.stand("1", TITLE, shown)
        return whence(half.ep, known, Edit("1", (6,), "ann", "", {TITLE: "old", STATUS: "open"}), NOTHING), known

    return world.sites["a"].store.run_now(tell)


def test_an_edit_that_is_told_late_is_not_what_stands_where_a_partner_s_write_came_after_it() -> None:
    async def story(world: Several) -> None:
        partners = Origin(4, "bbbbbbbb", 4)
        said, known = told_late(world, Provenance({TITLE: partners}, Origin(5, "aaaaaaaa", 5)))
        assert known.standing("1", TITLE) == partners
        assert said.own is not None
        assert known.standing("1", STATUS) == said.own > partners

    hub(story)


def test_an_edit_that_is_told_late_is_older_than_one_of_somebody_s_here_that_came_after_it() -> None:
    async def story(world: Several) -> None:
        newer = Origin(9, "aaaaaaaa", 9)
        said, known = told_late(world, Provenance({}, newer))
        assert known.standing("1", TITLE) == newer
        assert said.own is not None
        assert known.standing("1", STATUS) == said.own < newer

    hub(story)
