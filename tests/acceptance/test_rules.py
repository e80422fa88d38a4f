"""The rules of two mappings at work between two real Roundup trackers with other names, values and required fields."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import roundup.instance

from backbone.model import Cell
from tests.support.roundup import PEOPLE, RoundupHarness, make_home
from tests.unit.cli.company import Company, link, settle, stop_agents

AGREEMENT = """
attachments = false

[fields.title]
type = "text"
[fields.state]
type = "choice"
values = ["open", "done"]
[fields.level]
type = "choice"
direction = "to_slave"
[fields.labels]
type = "labels"
[fields.origin]
type = "text"
"""
ACME = """
[fields.title]
local = "title"
strip_prefix = "ACME: "

[fields.state]
local = "status"
[fields.state.values]
open = ["chatting", "un*", "in-*", "need*", "testing", "deferred"]
done = ["resolved", "done-*"]

[[fields.level.first_match]]
when = { priority = "critical", status = "*" }
value = "now"
[[fields.level.first_match]]
when = { priority = "*" }
value = "later"

[fields.labels]
local = "keyword"
strip_prefix = "beta/"

[fields.origin]
constant = "ACME"

[[only_if]]
local = "keyword"
values = ["*beta/*"]
"""
BETA = """
[fields.title]
local = "title"

[fields.state]
local = "status"
[fields.state.values]
open = ["open", "new", "pending"]
done = "closed"

[fields.level]
as_comment = "Acme wants this:"

[fields.labels]
local = "keywords"
allowed_characters = "a-z-"
replace_with = "-"

[fields.origin]
local = "versions"
separator = ", "
direction = "to_local"

[on_create]
type = "behavior"
severity = "normal"
"""


class RoundupCompany(Company):
    """A company whose tracker is a Roundup."""

    def found(self) -> None:
        anchor = self.folder / f"{self.name}-anchor.json"
        self.run("init", self.node, "--name", self.name, "--anchor", anchor)
        issue_class = {"acme": "issue", "beta": "bug"}[self.name]
        home = make_home(self.folder / f"{self.name}-home", {"acme": "classic", "beta": "responsive"}[self.name])
        self.run("tracker", "add", "main", "--kind", "roundup", "--home", home, "--class", issue_class)

    def people(self) -> RoundupHarness:
        """Who works in the tracker."""
        template = {"acme": "classic", "beta": "responsive"}[self.name]
        return RoundupHarness(self.folder / f"{self.name}-home", template)


@pytest.fixture
def companies(place: Path) -> Iterator[tuple[RoundupCompany, RoundupCompany]]:
    acme, beta = RoundupCompany("acme", place), RoundupCompany("beta", place)
    for company in (acme, beta):
        company.found()
    link(place, acme, beta, agreement=AGREEMENT, ours=ACME, theirs=BETA)
    yield acme, beta
    stop_agents(place)


def cells(company: RoundupCompany) -> list[dict[str, Any]]:
    """Every issue as Roundup itself shows it: lists by their names."""
    tracker = company.people()
    db = roundup.instance.open(str(tracker.home)).open("admin")
    try:
        issues = db.getclass(tracker.issue_class)
        return [
            {name: _shown(db, issues, node, name) for name in issues.getprops(protected=0)} for node in issues.list()
        ]
    finally:
        db.close()


def _shown(db: Any, issues: Any, node: str, name: str) -> Any:
    value = issues.get(node, name)
    linked = getattr(issues.getprops()[name], "classname", None)
    if linked is None or value is None:
        return value
    if linked == "msg":
        return [db.msg.get(one, "content") for one in value]
    label = db.getclass(linked).labelprop(default_to_id=1)
    return [db.getclass(linked).get(v, label) for v in value] if isinstance(value, list) else (
        db.getclass(linked).get(value, label))  # fmt: skip


@pytest.mark.slow
def test_two_trackers_with_other_words_and_fields(companies: tuple[RoundupCompany, RoundupCompany]) -> None:
    acme, beta = companies
    assert "5 fields fit" in acme.run("link", "check", "beta", "--invert").stdout
    assert "5 fields fit" in beta.run("link", "check", "acme", "--invert").stdout

    people = acme.people()
    shared, own = people.create("ACME: it leaks", PEOPLE[0]), people.create("ACME: salaries", PEOPLE[0])
    people.edit(shared, {Cell("keyword", "beta/needs work"): True, Cell("keyword", "ours"): True,
                         Cell("priority"): "critical", Cell("status"): "in-progress"}, PEOPLE[0])  # fmt: skip
    settle(acme, beta)
    (bug,) = cells(beta)
    assert (bug["title"], bug["status"], bug["keywords"]) == ("it leaks", "open", ["needs-work"])
    assert (bug["type"], bug["severity"], bug["versions"]) == ("behavior", "normal", ["ACME"])
    assert bug["messages"] == ["Acme wants this:\n\nnow"]

    there = beta.people()
    db = there.open(PEOPLE[1])
    (local,) = db.bug.list()
    there.edit(local, {Cell("title"): "it drips", Cell("status"): "closed", Cell("keywords", "ui"): True}, PEOPLE[1])
    settle(acme, beta)
    first, second = sorted(cells(acme), key=lambda issue: str(issue["title"]))
    assert (first["title"], first["status"]) == ("ACME: it drips", "resolved")
    assert sorted(first["keyword"]) == ["beta/needs work", "beta/ui", "ours"]
    assert second["title"] == "ACME: salaries"

    people.edit(own, {Cell("keyword", "beta/late"): True}, PEOPLE[0])
    settle(acme, beta)
    assert sorted(str(bug["title"]) for bug in cells(beta)) == ["it drips", "salaries"]
    for company, partner in ((acme, "beta"), (beta, "acme")):
        assert company.json("status")[0]["quarantined"] == 0
        assert company.json("link", "check", partner)["problems"] == []
