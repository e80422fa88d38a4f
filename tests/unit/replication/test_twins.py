"""Which issue of ours is one of the partner's: by the key or by a table, never by a guess; and what both say then."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from backbone.errors import PeerError
from backbone.model import Cell, Cells, Record
from backbone.replication.agreement import Agreement
from backbone.replication.diff import Conflict, Plan
from backbone.replication.merge import EMPTY, Policy, Register, Side, Stamp
from backbone.replication.twins import (
    Doubt,
    Found,
    Pairing,
    PairingRules,
    Speaker,
    TableError,
    choose,
    greet,
    key_problem,
    met,
    normal,
    populated,
    read_populated,
    read_table,
    same_contents,
    unsaid,
)

TITLE, STATUS = Cell("title"), Cell("status")
STAMP = Stamp(1, 3)
BY_KEY = Pairing("ticket")


def shows(value: str) -> Register:
    """What a twin shows, and nobody has said."""
    return EMPTY._replace(image=value)


def comment(text: str, author: str = "ann", created: str = "2026-01-01T09:00:00Z") -> Record:
    return {"text": text, "author": author, "created": created}


def file(name: str, sha256: str) -> Record:
    return {"name": name, "type": "text/plain", "size": 1, "sha256": sha256, "author": "ann", "created": ""}


@pytest.mark.parametrize(("one", "other"), [("K-1", " k-1 "), ("A  B", "a b"), ("Ⅳ", "iv"), ("straße", "STRASSE")])
def test_keys_are_compared_without_regard_to_how_they_are_written(one: str, other: str) -> None:
    assert normal(one) == normal(other) != ""


@given(st.text())
def test_what_was_made_normal_stays_so_but_for_what_unicode_composes(text: str) -> None:
    assert normal(normal(normal(text))) == normal(normal(text))


@pytest.mark.parametrize("nothing", [None, "", "  ", True, {"text": "x"}])
def test_an_issue_without_a_value_has_no_key(nothing: object) -> None:
    assert BY_KEY.word_of({Cell("ticket"): nothing}) == ""  # type: ignore[dict-item]
    assert BY_KEY.word_of({}) == ""


def test_one_that_shows_the_key_is_the_twin_and_without_one_there_is_none() -> None:
    assert choose(BY_KEY, "k", [Found("7")]) == "7"
    assert choose(BY_KEY, "k", []) is None


@pytest.mark.parametrize(("found", "why"), [
    ([Found("7"), Found("8")], "2 issues here may be the partner's with the ticket 'k': 7, 8"),
    ([*map(Found, "012345")], "6 issues here may be the partner's with the ticket 'k': 0, 1, 2, 3, 4 and more"),
    ([Found("7", taken=True)], "7 has the partner's ticket 'k', and is shared already as another issue"),
    ([Found("7", outside=True)], "7 has the partner's ticket 'k', and is out of this link's scope"),
])  # fmt: skip
def test_what_is_not_certain_is_told_and_never_guessed(found: list[Found], why: str) -> None:
    with pytest.raises(Doubt) as told:
        choose(BY_KEY, "k", found)
    assert str(told.value) == why


def test_one_of_ours_in_two_rows_of_a_table_is_nobodys_twin() -> None:
    pairing = Pairing("ticket", {"a": ("7",), "b": ("7",), "c": ("8",)})
    assert choose(pairing, "c", [Found("8")]) == "8"
    with pytest.raises(Doubt, match="gives several issues of the partner's to 7: 'a', 'b'"):
        choose(pairing, "a", [Found("7")])


def test_a_table_has_their_key_and_our_issue_in_whatever_form_texts_name_it() -> None:
    lines = ["# their ticket, our issue\n", "\n", "T-1,issue12\n", '"T, 2", 13\n', "t-1,12\n", "t-1,14\n"]
    assert read_table(lines, ("issue{id}", "{key}")) == {"t-1": ("12", "14"), "t, 2": ("13",)}


@pytest.mark.parametrize("row", ["T-1", "T-1,12,13", ",12", "T-1, "])
def test_a_row_that_cannot_be_is_named(row: str) -> None:
    with pytest.raises(TableError, match="line 2: needs two columns"):
        read_table(["a,1", row], ())


@pytest.mark.parametrize("rules", [{"table": "twins.csv"}, {"wait": True}])
def test_a_table_needs_the_field_that_it_is_about(rules: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="needs key"):
        PairingRules.model_validate(rules)
    assert PairingRules.model_validate({"key": "ticket", **rules}).key == "ticket"


@pytest.mark.parametrize(("field", "problem"), [
    ({"type": "text"}, ""),
    ({"type": "labels"}, "is a list: the key must have one value in each issue"),
    ({"type": "text", "direction": "to_master"}, "is never said by the master, whose issues come first"),
])  # fmt: skip
def test_not_every_field_can_be_the_key(field: dict[str, str], problem: str) -> None:
    assert key_problem(Agreement.parse({"fields": {"ticket": field}}, "here"), "ticket") == problem


def cells(kind: str, *values: Record) -> Cells:
    return {Cell(kind, str(number)): value for number, value in enumerate(values)}


def test_a_comment_that_both_have_is_one_where_author_or_time_agree() -> None:
    ours = cells("comment", comment("hello\n"), comment("+1", "bo", "then"), comment("same", "bo"))
    theirs = cells("comment", comment("hello", "cy"), comment("+1", "cy", "now"), comment("same", "cy"), comment("new"))
    assert same_contents(ours, theirs) == {Cell("comment", "0"): Cell("comment", "0"),
                                           Cell("comment", "2"): Cell("comment", "2")}  # fmt: skip


def test_each_comment_is_taken_once_and_the_one_that_fits_best_first() -> None:
    ours = cells("comment", comment("+1", "ann", "later"), comment("+1", "ann"))
    theirs = cells("comment", comment("+1", "ann"), comment("+1", "ann", "much later"), comment("+1", "ann", "last"))
    assert same_contents(ours, theirs) == {Cell("comment", "0"): Cell("comment", "1"),
                                           Cell("comment", "1"): Cell("comment", "0")}  # fmt: skip


def test_a_comment_for_a_few_is_not_one_for_everybody() -> None:
    internal: Record = {**comment("hello"), "visibility": "internal"}
    assert same_contents(cells("comment", comment("hello")), cells("comment", internal)) == {}


def test_an_attachment_is_what_is_in_it_rather_under_the_same_name() -> None:
    ours = cells("attachment", file("b.txt", "11"), file("a.txt", "11"), file("c.txt", "22"))
    theirs = {**cells("attachment", file("a.txt", "11"), file("x.txt", "11")), Cell("attachment", "gone"): None}
    assert same_contents(ours, theirs) == {Cell("attachment", "0"): Cell("attachment", "1"),
                                           Cell("attachment", "1"): Cell("attachment", "0")}  # fmt: skip
    assert same_contents(ours, cells("comment", comment("11"))) == {}


def test_what_differs_is_said_against_the_partner_unless_the_newest_stands_or_it_is_not_ours_to_say() -> None:
    shadow = {TITLE: shows("ours"), STATUS: shows("new"), Cell("level"): shows("low"), Cell("size"): shows("3"),
              Cell("said"): Register(STAMP, STAMP, "x", "x"),
              Cell("comment", "c"): EMPTY._replace(image=comment("a"))}  # fmt: skip
    policies = {c.field: Policy.MASTER for c in shadow} | {"status": Policy.NEWEST}
    theirs = [(cell, "theirs") for cell in shadow if cell.field != "size"]
    theirs += [(Cell("size"), "3"), (Cell("other"), "theirs")]
    said = greet(policies, shadow, theirs, Speaker(Side.SLAVE, 1, 9), {"title", "status", "size", "said", "comment"})
    assert said == {TITLE: Register(Stamp(0, 0, 1, 9), Stamp(0, 0, 1, 9), "ours", "ours")}


def test_what_is_replaced_unsaid_is_on_the_list_and_what_both_have_stays_as_it_is() -> None:
    mine = Cell("comment", "c")
    shadow = {TITLE: shows("ours"), mine: EMPTY._replace(image=comment("a ")), STATUS: Register(STAMP, STAMP, "x", "x")}
    targets: Cells = {TITLE: "theirs", mine: comment("a"), STATUS: "theirs", Cell("new"): "theirs"}
    plan = met(shadow, Plan({}, targets, ()))
    assert plan.targets == {TITLE: "theirs", STATUS: "theirs", Cell("new"): "theirs"}
    assert plan.conflicts == (Conflict(TITLE, "theirs", "ours", lost_here=True, open=False),)


def test_what_a_twin_shows_and_nobody_said_is_new_to_whoever_looks() -> None:
    shadow = {TITLE: shows("ours"), STATUS: Register(STAMP, STAMP, "x", "x"), Cell("empty"): EMPTY}
    assert dict(unsaid(shadow)) == {TITLE: EMPTY}


def test_the_record_that_says_all_was_said_comes_back_as_it_was() -> None:
    assert read_populated(populated(7)).after == 7
    for wrong in ({"type": "populated"}, {"type": "populated", "after": -1}, {"type": "other", "after": 1}):
        with pytest.raises(PeerError, match="first population"):
            read_populated(wrong)
