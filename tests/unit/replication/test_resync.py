"""What a store that was restored makes of its tracker and of its partner's state."""

import pytest

from backbone.errors import PeerError
from backbone.model import Cell, Value
from backbone.replication.diff import Plan
from backbone.replication.digest import of_value
from backbone.replication.merge import EMPTY, Policy, Register, Side, Stamp, join
from backbone.replication.message import ChangeSet, Operation, encode_record
from backbone.replication.resync import (
    Met,
    Standing,
    Told,
    decode_told,
    decode_welcome,
    encode_told,
    in_messages,
    meet,
    without_taken_out,
)

TITLE = Cell("title")
OLD, NEW = Stamp(1, 1), Stamp(1, 1, 1, 5)
OURS = Register(OLD, OLD, "old", "old")


def met(shown: Value, base: dict[Cell, Value], former: tuple[Value, ...] = (), ours: Register = OURS) -> Met:
    theirs = [Operation(TITLE, "theirs", NEW, NEW)]
    standing = Standing({TITLE: shown}, {TITLE: shown}, base)
    history = {TITLE: [of_value(value) for value in former]}
    return meet({TITLE: ours}, theirs, history, standing, {"title": Policy.NEWEST}, lambda _: True)


def test_what_the_tracker_still_shows_of_the_backup_is_no_edit() -> None:
    assert met("old", {}).registers == {}


def test_what_our_own_last_write_left_is_no_edit() -> None:
    assert met("ours", {TITLE: "ours"}).registers[TITLE].image == "ours"


@pytest.mark.parametrize(("former", "image"), [((), "old"), (("edited",), "edited")])
def test_a_value_that_the_peer_had_is_no_edit(former: tuple[Value, ...], image: str) -> None:
    found = met("edited", {}, former)
    assert found.registers[TITLE].image == image
    assert [one.lost for one in found.conflicts] == ([] if former else ["theirs"])


@pytest.mark.parametrize(("known", "image"), [(NEW, "old"), (OLD, "later")])
def test_what_our_last_write_left_is_said_as_ours_where_the_peer_says_only_what_our_store_knows(
    known: Stamp, image: str
) -> None:
    """The peer said it once, and forgot it; else its own word is news, and is written."""
    found = met("later", {TITLE: "later"}, ours=Register(OLD, known, "old", "old"))
    assert (
        found.registers[TITLE] == Register(OLD, known, "old", image) if image != "old" else TITLE not in found.registers
    )


@pytest.mark.parametrize(("shown", "image"), [("edited", "theirs"), ("theirs", "theirs")])
def test_what_we_wrote_under_a_number_that_the_peer_knows_with_another_value_is_captured_anew(
    shown: str, image: str
) -> None:
    """Our store was put back without a word, and gave the number once more before anybody found out."""
    said = Operation(TITLE, "theirs", OLD, OLD)
    standing = Standing({TITLE: shown}, {TITLE: shown}, {})
    ours = Register(OLD, OLD, "edited", shown)
    found = meet({TITLE: ours}, [said], {}, standing, {"title": Policy.NEWEST}, lambda _: True)
    assert found.registers[TITLE] == Register(OLD, OLD, "theirs", image)
    assert (found.lacking, found.conflicts) == ((), ())


@pytest.mark.parametrize("alike", ["theirs", "as shown here"])
def test_what_is_shown_and_the_peer_says_is_the_peers_where_our_store_forgot_it(alike: str) -> None:
    said = Operation(TITLE, "theirs", NEW, NEW)
    standing = Standing({TITLE: alike}, {TITLE: "theirs"}, {})
    found = meet({}, [said], {}, standing, {"title": Policy.NEWEST}, lambda _: True)
    assert found.registers == {TITLE: Register(NEW, NEW, "theirs", alike)}


def test_what_a_peer_that_has_seen_ours_made_of_both_stands_whatever_the_policy_says_today() -> None:
    ours = Register(Stamp(1, 4), Stamp(1, 4), "open", "open")
    closed = Operation(TITLE, "closed", Stamp(1, 1, 1, 12), Stamp(1, 4, 1, 12))
    standing = Standing({TITLE: "open"}, {TITLE: "open"}, {})
    for policy in Policy:
        found = meet({TITLE: ours}, [closed], {}, standing, {"title": policy}, lambda _: True)
        after = found.registers.get(TITLE, ours)
        assert join(policy, after, "closed", closed.write, closed.known).register._replace(image=None) == Register(
            closed.write, closed.known, "closed"
        )
        assert (found.operations, found.conflicts) == ((closed,), ())


def test_a_write_that_the_peer_does_not_know_is_lacking_there() -> None:
    ours = Register(Stamp(1, 9), Stamp(1, 9), "old", "old")
    assert met("old", {}, ours=ours).lacking == (Operation(TITLE, "old", Stamp(1, 9), Stamp(1, 9)),)


def test_an_edit_after_a_write_that_the_peer_does_not_know_is_one_whatever_it_looks_like() -> None:
    found = met("theirs", {}, ("theirs",), ours=Register(Stamp(1, 9), Stamp(1, 9), "old", "old"))
    assert found.registers[TITLE].image == "old"
    assert [one.lost for one in found.conflicts] == ["theirs"]


def test_an_edit_of_what_the_peer_says_nothing_of_replaces_nothing() -> None:
    standing = Standing({TITLE: "edited"}, {TITLE: "edited"}, {TITLE: "written"})
    found = meet({TITLE: OURS}, [], {}, standing, {"title": Policy.NEWEST}, lambda _: False)
    assert (found.registers[TITLE].image, found.operations, found.conflicts) == ("written", (), ())


def test_what_the_peer_says_of_a_thing_of_ours_that_was_taken_out_is_answered_by_that() -> None:
    gone, stays = Cell("comment", "aa-1"), Cell("comment", "bb-2")
    registers = {cell: Register(NEW, NEW, "text") for cell in (gone, stays)}
    plan = Plan(registers, {gone: "text", stays: "text"}, ())
    found, said = without_taken_out(plan, lambda cell: cell.element.startswith("aa-"), Side.MASTER, 2, lambda: 9)
    assert found.targets == {stays: "text"}
    assert (found.registers[gone].value, found.registers[stays].value) == (None, "text")
    assert said == {gone: found.registers[gone]}
    assert without_taken_out(plan, lambda _: False, Side.MASTER, 2, lambda: 9) == (plan, {})


@pytest.mark.parametrize(("told", "image"), [(True, None), (False, "written")])
def test_what_was_written_for_a_peer_that_forgot_it_is_said_as_ours(told: bool, image: Value) -> None:
    standing = Standing({TITLE: "written"}, {TITLE: "written"}, {TITLE: "written"})
    found = meet({}, [], {}, standing, {"title": Policy.NEWEST}, lambda _: told)
    assert found.registers.get(TITLE, EMPTY).image == image


def test_what_cannot_be_said_and_our_own_notes_are_left_as_they_are() -> None:
    note = Cell("~note")
    standing = Standing({TITLE: "odd"}, {TITLE: "odd"}, {}, unsaid=(TITLE,))
    found = meet({TITLE: OURS, note: OURS}, [], {}, standing, {"title": Policy.NEWEST}, lambda _: True)
    assert (found.registers, found.operations, found.conflicts) == ({}, (), ())


def test_a_state_reads_as_it_was_written() -> None:
    told = Told(
        ("g",), (ChangeSet("g", "", "", (Operation(TITLE, "x", OLD, OLD),)),), {"g": {TITLE: (b"8 bytes!",)}}, True
    )
    assert decode_told(encode_told(told)) == told
    with pytest.raises(PeerError, match="malformed"):
        decode_told(b"\x80")


def test_a_welcome_that_is_none_is_refused() -> None:
    for record in ({"life": 1}, {"life": (1, bytes(8)), "lanes": {"c": (0, bytes(32))}}):
        with pytest.raises(PeerError, match="welcome"):
            decode_welcome(encode_record(record))


def test_a_state_goes_into_messages_of_a_size_and_the_last_one_says_so() -> None:
    cell = Cell("title", "")
    said = [
        (ChangeSet(gid, "", "", (Operation(cell, "t" * 100, Stamp(1, 1), Stamp(1, 1)),)), {cell: [b"d" * 32]})
        for gid in ("i-1", "i-2", "i-2", "i-3")
    ]
    apart = list(in_messages(said, 100, last=True))
    assert [[one.gid for one in told.issues] for told in apart] == [["i-1"], ["i-2"], ["i-2"], ["i-3"]]
    assert [told.last for told in apart] == [False, False, False, True]
    together = list(in_messages(said, 100_000, last=True))
    assert [[one.gid for one in told.issues] for told in together] == [["i-1", "i-2"], ["i-2", "i-3"]], (
        "former once each"
    )
    assert list(in_messages([], 100, last=False)) == []
    assert list(in_messages([], 100, last=True)) == [Told(last=True)]
