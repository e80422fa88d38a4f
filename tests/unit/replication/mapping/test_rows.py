"""Rows of tables, from one side's words to the agreement's and back."""

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from backbone.model import ROW, Cell, Person, Record, Value
from backbone.replication.agreement import Agreement
from backbone.replication.mapping import Rules, Translation, proving
from backbone.replication.merge import Register, Stamp
from backbone.replication.scope.judging import Circumstances, Scope
from backbone.replication.scope.rules import Part, ScopeRules
from tests.unit.replication.mapping.half import SCHEMA, Half, names

AGREED: dict[str, Any] = {
    "author": {"type": "user"},
    "day": {"type": "date"},
    "minutes": {"type": "number"},
    "kind": {"type": "choice", "values": ["repair", "travel"]},
    "paid": {"type": "boolean"},
    "text": {"type": "text", "characters_max": 20},
}
COLUMNS: dict[str, Any] = {
    "author": "by",
    "day": "date",
    "minutes": "minutes",
    "kind": {"local": "activity", "values": {"repair": ["fixing", "patching"], "travel": "driving"}},
    "paid": "paid",
    "text": {"local": "note", "characters_max": 10},
}
OURS, THEIRS = Cell("worklog", "r-1"), Cell("worklog", "r-9")


def words(columns: dict[str, Any] | None = None, rows_max: int = 3, **more: Any) -> Translation:
    fields = {"worklog": {"type": "table", "columns": AGREED, "rows_max": rows_max}, "title": {"type": "text"}}
    rule = {"local": "times", "columns": COLUMNS if columns is None else columns, **more.pop("rule", {})}
    rules = {"fields": {"worklog": rule, "title": {"local": "subject"}}, "users": {"ann": "ann@acme"}, **more}
    return Translation(Agreement.parse({"fields": fields}, "agreement"), Rules.parse(rules, "beta.toml"), "acme", "bot")


def faults(**more: Any) -> list[str]:
    return words(**more).problems(SCHEMA)


_LETTERS = st.characters(codec="utf-8", exclude_characters="\0")
_COLUMNS = {
    "by": st.just("ann"),
    "date": st.dates().map(lambda day: f"{day}T00:00:00Z"),
    "paid": st.sampled_from(["true", "false"]),
    "minutes": st.integers(0, 10**6).map(str),
    "activity": st.sampled_from(["fixing", "driving"]),
    "note": st.text(_LETTERS, min_size=1, max_size=10),
}


@given(st.fixed_dictionaries({}, optional=_COLUMNS))
def test_what_goes_out_comes_back(row: Record) -> None:
    there = words()
    (said,) = there.to_agreed({Cell("times", "1"): row}, SCHEMA, names(), {}).cells.items()
    assert there.agreement.allows(*said)
    register = Register(Stamp(1, 1), Stamp(1, 1), said[1], said[1])
    back = there.to_local(dict([said]), SCHEMA, names(), {said[0]: register}, bool)
    (written,) = back.cells.values()
    assert isinstance(written, dict)
    assert {column: text for column, text in written.items() if text != ""} == row
    assert back.at == {OURS: Cell("times", "1")}
    assert there.to_agreed(back.cells, SCHEMA, names(), {}).cells == dict([said])


def test_rows_are_added_edited_and_taken_out_on_both_sides() -> None:
    alice = Half(words())
    assert alice.edit(times={"1": {"by": "ann", "activity": "patching"}}) == {
        OURS: {"author": "ann@acme", "kind": "repair"}
    }
    written = alice.hear({THEIRS: {"author": "bob@beta", "minutes": "5"}})
    empty = {"by": "", "date": "", "activity": "", "paid": "", "note": ""}
    assert written == {Cell("times", "+r-9"): {**empty, "minutes": "5"}}
    assert alice.hear({THEIRS: {"author": "bob@beta", "minutes": "6"}}) == {
        Cell("times", "9"): {**empty, "minutes": "6"}
    }
    assert alice.edit(times={"9": {"minutes": "7"}}) == {THEIRS: {"author": "bob@beta", "minutes": "7"}}
    assert alice.hear({OURS: None}) == {Cell("times", "1"): None}
    assert alice.hear({OURS: None}) == {}
    assert alice.edit(times={"9": None}) == {THEIRS: None}
    assert alice.said_again() == {}


def test_a_row_that_nobody_shared_is_taken_out_without_a_word() -> None:
    assert Half(words()).edit(times={"1": None}) == {}
    assert words().to_local({THEIRS: None}, SCHEMA, names(), {}, bool).cells == {}


def test_what_is_shown_for_the_agreed_word_keeps_it_and_what_somebody_wrote_does_not() -> None:
    alice = Half(words())
    alice.hear({THEIRS: {"author": "bob@beta", "text": "longer than ten", "kind": "repair"}})
    assert alice.shown[Cell("times", "9")] == {"note": "longer tha", "activity": "fixing"}
    assert alice.said_again() == {}
    assert alice.edit(times={"9": {"by": "ann", "note": "short", "activity": "patching"}}) == {
        THEIRS: {"author": "ann@acme", "text": "short", "kind": "repair"}
    }
    assert alice.edit(times={"9": {"note": "short"}}) == {THEIRS: {"text": "short"}}


def test_a_person_whom_nobody_knows_is_the_one_who_stands_in() -> None:
    alice = Half(words(people={"stand_in": "bot"}))
    alice.hear({THEIRS: {"author": "bob@beta"}})
    assert alice.shown[Cell("times", "9")] == {"by": "bot"}
    assert alice.said_again() == {}
    assert alice.edit(times={"1": {"by": "eve"}}) == {OURS: {}}  # nobody named her to the partner


def test_a_value_that_cannot_be_said_keeps_its_row_at_home_with_a_sentence() -> None:
    alice = Half(words())
    for row, why in (
        ({"activity": "unheard of"}, "fields.worklog.columns.kind.values"),
        ({"note": "x" * 21}, "of column text is none that the agreement allows"),
        ({"minutes": "a while"}, "of column minutes is none that the agreement allows"),
    ):
        assert alice.edit(times={"1": row}) == {}
        assert why in alice.problems[0]
        assert alice.problems[0].startswith("times 1: ")


def test_a_value_that_cannot_be_written_is_refused_with_a_sentence() -> None:
    bare = Half(words({**COLUMNS, "kind": "activity"}))
    bare.hear({THEIRS: {"kind": "repair"}})
    assert bare.problems == ("worklog: the partner's value 'repair' of column kind is nothing in times.activity here",)
    one = Half(words({**COLUMNS, "kind": {"local": "activity", "values": {"travel": "driving"}}}))
    assert one.hear({THEIRS: {"kind": "repair"}}) == {}
    assert "has no row under fields.worklog.columns.kind.values" in one.problems[0]
    known = {THEIRS: Register(Stamp(1, 1), Stamp(1, 1), {"kind": "repair"}, {})}
    said = one.words.to_agreed({Cell("times", "9"): {"activity": "driving"}}, SCHEMA, names(), known)
    assert said.cells == {THEIRS: {"kind": "travel"}}


def test_a_row_too_many_stays_at_home_with_a_sentence() -> None:
    alice = Half(words(rows_max=2))
    assert len(alice.edit(times={"1": {"note": "a"}, "2": {"note": "b"}, "3": {"note": "c"}})) == 2
    assert alice.problems == ("times 3: the agreement allows 2 rows of worklog, and this is one more",)
    assert alice.edit(times={"1": {"note": "still edited"}}) != {}
    assert alice.edit(times={"1": None}) != {}
    assert len(alice.edit(times={"3": {"note": "c"}})) == 1


def test_one_way_tables_and_what_is_expected() -> None:
    there = words(rule={"direction": "to_remote"})
    one = Half(there)
    assert one.hear({THEIRS: {"minutes": "5"}}) == {}
    row: Value = {"minutes": "5"}
    assert not there.is_expected(THEIRS, row, names(), {})
    assert there.is_expected(THEIRS, row, names(lambda _: True), {})
    assert words().is_expected(THEIRS, row, names(), {})
    assert not words().is_expected(THEIRS, None, names(), {})
    assert words().agreed_of("times") == ("worklog",)
    assert ROW == "row"


def test_authors_of_rows_are_made_users_where_the_mapping_allows_it() -> None:
    there = words(people={"create": "beta-{name}"})
    made = there.people_to_make([(THEIRS, {"author": "carl", "text": "x"}), (OURS, None)], "", SCHEMA)
    assert made == [Person("beta-carl", "carl")]


def test_a_row_is_named_to_the_scope_with_all_its_columns() -> None:
    rules = ScopeRules(issues='issue.worklog.exists(row, row.kind == "travel" && row.text == "")')
    scope = Scope(rules, words().agreement, "acme", "master", "beta.toml")
    about = Circumstances(here=True)
    assert scope.part({OURS: {"minutes": "5"}, THEIRS: {"kind": "travel"}}, about) is Part.FULL
    assert scope.part({OURS: {"kind": "repair"}, THEIRS: None}, about) is Part.SKIPPED


@pytest.mark.parametrize(("more", "words_"), [
    ({"columns": {**COLUMNS, "minute": "minutes"}},
     "fields.worklog.columns.minute: the agreement has no such column (did you mean 'minutes'?)"),
    ({"columns": {**COLUMNS, "minutes": "minuts"}},
     "fields.worklog.columns.minutes: times has no column 'minuts' here (did you mean 'minutes'?)"),
    ({"columns": {n: c for n, c in COLUMNS.items() if n != "day"}},
     "fields.worklog: the agreement has the column 'day', but this file does not"),
    ({"columns": {**COLUMNS, "text": "minutes"}}, "fields.worklog.columns.text: minutes is the column 'minutes' too"),
    ({"columns": {**COLUMNS, "author": "note", "text": "by"}},
     "fields.worklog.columns.author: only one of the agreement's type user and the tracker's text is a user"),
    ({"columns": {**COLUMNS, "kind": {"local": "activity", "values": {"repair": "fixin", "travel": "driving"}}}},
     "fields.worklog.columns.kind: activity has no value 'fixin' (did you mean 'fixing'?)"),
    ({"columns": {**COLUMNS, "kind": {"local": "activity", "values": {"repairs": "fixing", "travel": "driving"}}}},
     "fields.worklog.columns.kind: the agreement has no value 'repairs' (did you mean 'repair'?)"),
    ({"columns": {**COLUMNS, "kind": {"local": "activity", "values": {"repair": "fix*", "travel": "driving"}}}},
     "fields.worklog.columns.kind.values: the first value of 'repair' has a wildcard"),
    ({"rule": {"local": "subject"}}, "fields.worklog: only one of the agreement's type table and the tracker's text"),
    ({"rule": {"local": "time"}}, "fields.worklog: the tracker has no field 'time' (did you mean 'times'?)"),
    ({"only_if": [{"local": "times"}]}, "only_if: 'times' is a table, which can only be shared as one"),
])  # fmt: skip
def test_what_does_not_fit_is_named_with_the_nearest_name(more: dict[str, Any], words_: str) -> None:
    assert any(words_ in fault for fault in faults(**more)), faults(**more)


def test_a_table_and_a_field_are_not_taken_for_each_other() -> None:
    table = {"type": "table", "columns": {"text": {"type": "text"}}}
    agreed = {"fields": {"one": table, "two": table, "plain": {"type": "text"}, "fixed": table}}
    rule = {"local": "times", "columns": {"text": "note"}}
    rules = {"fields": {"one": rule, "two": rule, "plain": {**rule, "local": "subject"}, "fixed": {"constant": "x"}}}
    there = Translation(Agreement.parse(agreed, "agreement"), Rules.parse(rules, "beta.toml"), "acme", "bot")
    found = "\n".join(there.problems(SCHEMA))
    assert "fields.two: fields.one has the table 'times' already" in found
    assert "fields.plain: the agreement's type is text; columns are of a table" in found
    assert "fields.fixed: the agreement's type is table; columns are of a table" in found
    assert faults() == []
    assert "a table has local, direction and columns" in str(_refused({"only": "on_create"}))
    assert "a table has local, direction and columns" in str(_refused({"values": {"a": "b"}}))
    assert "there is no such key (did you mean 'values'?)" in str(
        _refused({"columns": {"a": {"local": "b", "value": {}}}})
    )


def _refused(rule: dict[str, Any]) -> Exception:
    with pytest.raises(Exception, match=r"fields\.worklog") as error:
        words(rule=rule)
    return error.value


class TestProved:
    def test_columns_are_proved_like_fields(self) -> None:
        there = words()
        assert "times.activity" in set(proving.looked_at(there))
        used = {"times.activity": ["fixing", "painting"]}
        uncovered = [str(fault) for fault in proving.uncovered(there, SCHEMA, used)]
        assert "fields.worklog.columns.kind: no row covers 'painting', which times.activity can be" in uncovered
        assert list(proving.counter_examples(there, SCHEMA, {"times.activity": ["fixing", "patching"]})) == []

    def test_a_value_of_a_column_that_comes_back_as_another_ones_is_shown(self) -> None:
        note = {"local": "note", "patterns": [{"local": "n{d}", "agreed": "x", "back": "zz"}], "values": {"y": "zz"}}
        (fault,) = proving.counter_examples(words({**COLUMNS, "text": note}), SCHEMA, {"times.note": ["n1", "zz"]})
        assert str(fault) == (
            "fields.worklog.columns.text: 'n1' is sent as 'x', which is written back here as 'zz' and would be sent "
            "as 'y'"
        )
