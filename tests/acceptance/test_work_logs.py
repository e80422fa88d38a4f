"""Work logs between two real Roundup trackers in which the class, its link and its columns have other names."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import roundup.instance

from backbone.model import Cell
from tests.acceptance.test_rules import RoundupCompany
from tests.support.roundup import PEOPLE, ROW_CLASSES
from tests.unit.cli.company import link, settle, stop_agents

AGREEMENT = """
[fields.title]
type = "text"
[fields.worklog]
type = "table"
rows_max = 100
[fields.worklog.columns]
author = { type = "user" }
day = { type = "date" }
minutes = { type = "number" }
took = { type = "duration" }
kind = { type = "choice", values = ["urgent", "planned"] }
text = { type = "text", characters_max = 200 }
"""
ACME = """
[fields.title]
local = "title"
[fields.worklog]
local = "times"
[fields.worklog.columns]
author = "by"
day = "date"
minutes = "minutes"
took = "period"
text = "note"
kind = { local = "kind", values = { urgent = ["critical", "urgent"], planned = ["wish", "bug", "feature"] } }
[people]
match = ["email"]
"""
BETA = """
[fields.title]
local = "title"
[fields.worklog]
local = "efforts"
[fields.worklog.columns]
author = "who"
day = "day"
minutes = "spent"
took = "took"
text = "remark"
kind = { local = "level", values = { urgent = "critical", planned = ["normal", "minor", "major"] } }
[people]
match = ["email"]
[on_create]
type = "behavior"
severity = "normal"
"""
LIMIT = """
from roundup.exceptions import Reject

def audit(db, cl, nodeid, new):
    if new.get("spent") == 6000:
        raise Reject("nobody works for so long in a day")

def init(db):
    db.effort.audit("create", audit)
"""


@pytest.fixture
def companies(place: Path) -> Iterator[tuple[RoundupCompany, RoundupCompany]]:
    acme, beta = RoundupCompany("acme", place), RoundupCompany("beta", place)
    for company in (acme, beta):
        company.found()
    (place / "beta-home" / "detectors" / "limit.py").write_text(LIMIT)
    link(place, acme, beta, agreement=AGREEMENT, ours=ACME, theirs=BETA)
    yield acme, beta
    stop_agents(place)


def rows(company: RoundupCompany) -> list[dict[str, Any]]:
    """The rows of all issues as Roundup itself shows them, without what is empty; those of no issue are an error."""
    people = company.people()
    row_class, table = ROW_CLASSES[people.template], people.words.table
    db = roundup.instance.open(str(people.home)).open("admin")
    try:
        issues, items = db.getclass(people.issue_class), db.getclass(row_class)
        linked = [node for issue in issues.list() for node in issues.get(issue, table)]
        assert sorted(linked) == sorted(items.list())
        every = [{name: items.get(node, name) for name in items.getprops(protected=0)} for node in linked]
        named = [
            {name: db.user.get(v, "username") if name in ("by", "who") else v if isinstance(v, float) else str(v)
             for name, v in row.items() if v is not None}
            for row in every
        ]  # fmt: skip
        return sorted(named, key=str)
    finally:
        db.close()


@pytest.mark.slow
def test_rows_are_added_edited_and_taken_out_on_both_sides(companies: tuple[RoundupCompany, RoundupCompany]) -> None:
    acme, beta = companies
    assert "2 fields fit" in acme.run("link", "check", "beta", "--invert").stdout
    ours = acme.people()
    leak = ours.create("it leaks", PEOPLE[0])
    first = ours.add_row(leak, {"by": "alice", "date": "2026-11-20", "minutes": "90", "period": "1:30",
                                "note": "Looked for it", "kind": "urgent"}, PEOPLE[0])  # fmt: skip
    second = ours.add_row(leak, {"by": "bob", "minutes": "15", "note": "Called them"}, PEOPLE[1])
    settle(acme, beta)
    assert rows(beta) == [
        {"remark": "Called them", "spent": 15.0, "who": "bob"},
        {"day": "2026-11-20.00:00:00", "level": "1", "remark": "Looked for it", "spent": 90.0, "took": "+ 1:30",
         "who": "alice"},
    ]  # fmt: skip

    theirs = beta.people()
    (bug,) = theirs.open(PEOPLE[1]).bug.list()
    by_text = {str(v["remark"]): c.element for c, v in _cells(theirs, bug).items()}
    theirs.edit_row(bug, by_text["Looked for it"], {"spent": "95"}, PEOPLE[1])
    theirs.remove_row(bug, by_text["Called them"], PEOPLE[1])
    db = theirs.open("admin")
    db.effort.retire(by_text["Called them"].removeprefix("effort"))
    db.commit()
    theirs.add_row(bug, {"who": "bob", "spent": "30", "remark": "New seal", "day": "2026-11-21"}, PEOPLE[1])
    ours.edit_row(leak, first, {"note": "Looked for it twice"}, PEOPLE[0])
    settle(acme, beta)
    assert sorted((row["note"], row["minutes"], row["by"]) for row in rows(acme)) == sorted(
        (row["remark"], row["spent"], row["who"]) for row in rows(beta)
    )
    assert len(rows(acme)) == 2
    assert {row["remark"] for row in rows(beta)} >= {"New seal"}
    assert second not in {cell.element for cell in _cells(ours, leak)}

    before = (rows(acme), rows(beta), _numbered(acme), _numbered(beta))
    for _ in range(3):
        for company in (acme, beta):
            company.run("sync")
    assert (rows(acme), rows(beta), _numbered(acme), _numbered(beta)) == before
    with acme.running(), beta.running():
        assert acme.json("audit", "beta", "--timeout", 60)["equal"]


@pytest.mark.slow
def test_a_refused_row_is_retried_once_and_a_wrong_column_is_named(
    companies: tuple[RoundupCompany, RoundupCompany],
) -> None:
    acme, beta = companies
    ours = acme.people()
    leak = ours.create("it leaks", PEOPLE[0])
    settle(acme, beta)
    ours.add_row(leak, {"by": "alice", "minutes": "6000", "note": "A long day"}, PEOPLE[0])
    settle(acme, beta)
    (refused,) = beta.json("queue", "list")
    assert "nobody works for so long in a day" in refused["reason"]
    assert rows(beta) == []
    (beta.folder / "beta-home" / "detectors" / "limit.py").write_text("def init(db):\n    pass\n")
    for _ in range(2):
        beta.run("queue", "retry", refused["id"], code=0 if rows(beta) == [] else 2)
        settle(acme, beta)
    assert rows(beta) == [{"remark": "A long day", "spent": 6000.0, "who": "alice"}]

    file = beta.node / "links" / "acme.toml"
    text = file.read_text()
    file.write_text(re.sub(r'(?m)^local = "remark"$', 'local = "remrak"', text))
    assert file.read_text() != text
    said = beta.run("link", "check", "acme", code=3)
    assert "efforts has no column 'remrak' here (did you mean 'remark'?)" in said.output
    line = 1 + file.read_text().splitlines().index('local = "remrak"')
    assert re.search(rf"acme\.toml:({line}|{line - 1}): ", said.output), said.output


def _cells(people: Any, local: str) -> dict[Cell, Any]:
    """The rows of an issue, as Roundup has them, by their names."""
    db = people.open(PEOPLE[0])
    issues, row_class = db.getclass(people.issue_class), ROW_CLASSES[people.template]
    items = db.getclass(row_class)
    return {
        Cell(people.words.table, f"{row_class}{node}"): {name: items.get(node, name) for name in items.getprops()}
        for node in issues.get(local, people.words.table)
    }


def _numbered(company: RoundupCompany) -> int:
    """Change sets that were ever sent."""
    return int(company.link()["sent"])
