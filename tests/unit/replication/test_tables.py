"""Tables in the agreement: what a row may be, from whichever side it comes."""

from typing import Any

import pytest

from backbone.errors import ConfigError, PeerError
from backbone.model import Cell, Value
from backbone.replication import limits
from backbone.replication.agreement import Agreement
from backbone.replication.merge import NEVER
from backbone.replication.message import ChangeSet, Operation

COLUMNS: dict[str, Any] = {
    "who": {"type": "user"},
    "day": {"type": "date"},
    "at": {"type": "datetime"},
    "minutes": {"type": "number"},
    "took": {"type": "duration"},
    "kind": {"type": "choice", "values": ["repair", "travel"]},
    "billable": {"type": "boolean"},
    "text": {"type": "text", "characters_max": 5},
}
ROW = Cell("worklog", "r-1")


def agreement(**table: Any) -> Agreement:
    said = {"type": "table", "columns": COLUMNS, **table}
    return Agreement.parse({"fields": {"title": {"type": "text"}, "worklog": said}}, "agreement")


@pytest.mark.parametrize("row", [
    None, {}, {"who": "ann@acme.example", "day": "2026-11-21", "at": "2026-11-21T09:30:00Z", "minutes": "2.5"},
    {"took": "PT1H", "kind": "repair", "billable": "false", "text": "12345"},
])  # fmt: skip
def test_a_row_is_text_in_the_form_of_each_column(row: Value) -> None:
    assert agreement().allows(ROW, row)


@pytest.mark.parametrize("row", [
    {"whom": "ann"}, {"day": "2026-02-30"}, {"day": "21.11.2026"}, {"at": "yesterday"}, {"minutes": "many"},
    {"minutes": 5}, {"took": "90m"}, {"kind": "party"}, {"billable": "yes"}, {"billable": True},
    {"text": "123456"}, {"text": ""}, True, "text",
])  # fmt: skip
def test_everything_else_is_refused(row: Any) -> None:
    assert not agreement().allows(ROW, row)
    operation = Operation(ROW, row, NEVER, NEVER)
    with pytest.raises(PeerError, match="the peer wrote worklog"):
        agreement().check(ChangeSet("i-1", "", "", (operation,)))


def test_a_row_has_a_name() -> None:
    assert not agreement().allows(Cell("worklog"), {})
    assert not agreement().allows(Cell("title", "r-1"), {"text": "1"})


@pytest.mark.parametrize(("field", "words"), [
    ({"type": "table"}, "a table needs columns"),
    ({"type": "table", "columns": COLUMNS, "characters_max": 5}, "is of a column"),
    ({"type": "text", "columns": COLUMNS}, "has neither columns nor rows_max"),
    ({"type": "text", "rows_max": 5}, "has neither columns nor rows_max"),
    ({"type": "table", "columns": COLUMNS, "rows_max": limits.rows_max + 1}, "less than or equal"),
    ({"type": "table", "columns": {f"c{n}": {"type": "text"} for n in range(limits.columns_max + 1)}}, "at most"),
    ({"type": "table", "columns": {"a": {"type": "labels"}}}, "a column cannot be of type labels"),
    ({"type": "table", "columns": {"a": {"type": "table"}}}, "a column cannot be of type table"),
    ({"type": "table", "columns": {"a": {"type": "text", "values": ["x"]}}}, "has no list of values"),
    ({"type": "table", "columns": {"a": {"type": "text", "characters_max": limits.column_characters_max + 1}}},
     "less than or equal"),
    ({"type": "table", "columns": COLUMNS, "values": ["x"]}, "has no list of values"),
])  # fmt: skip
def test_a_table_that_cannot_be_is_refused_with_its_place(field: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=r"fields\.work") as error:
        Agreement.parse({"fields": {"work": field}}, "agreement.toml")
    assert words in str(error.value)


def test_an_agreement_without_tables_says_nothing_that_an_older_partner_does_not_know() -> None:
    plain = Agreement.parse({"fields": {"title": {"type": "text"}}}, "agreement").model_dump(mode="json")
    assert plain["fields"]["title"].keys() == {"type", "policy", "direction", "values", "characters_max"}
    said = agreement(rows_max=7).model_dump(mode="json")
    assert Agreement.parse(said, "again") == agreement(rows_max=7)
    assert (agreement(rows_max=7).fields["worklog"].rows, agreement().fields["worklog"].rows) == (7, limits.rows_max)


def test_a_peer_that_writes_rows_without_end_is_refused() -> None:
    few = agreement(rows_max=2)
    present = [Cell("worklog", f"r-{n}") for n in range(3)] + [Cell("labels", "x")]

    def said(*rows: tuple[str, Value]) -> ChangeSet:
        return ChangeSet("i-1", "", "", tuple(Operation(Cell("worklog", e), v, NEVER, NEVER) for e, v in rows))

    few.check_rows(said(("r-3", {}), ("r-0", {}), ("r-9", None)), present)
    few.check_rows(said(("r-9", None)), [*present, ROW])
    with pytest.raises(PeerError, match="more rows of worklog"):
        few.check_rows(said(("r-3", {}), ("r-4", {})), present)
