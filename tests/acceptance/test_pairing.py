"""Two companies whose Roundup trackers were filled before the link, some issues on both: nothing is there twice."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backbone.model import Cell
from tests.acceptance.test_rules import RoundupCompany, cells
from tests.unit.cli.company import ROUNDS_MAX, link, settle, stop_agents

AGREEMENT = """
[fields.title]
type = "text"
policy = "master"
"""
ACME = """
[fields.title]
local = "title"
"""
BETA = """
[fields.title]
local = "title"
[pairing]
key = "title"
wait = true
[on_create]
type = "behavior"
severity = "normal"
"""


@pytest.fixture
def companies(place: Path) -> Iterator[tuple[RoundupCompany, RoundupCompany]]:
    acme, beta = RoundupCompany("acme", place), RoundupCompany("beta", place)
    for company in (acme, beta):
        company.found()
    link(place, acme, beta, agreement=AGREEMENT, ours=ACME, theirs=BETA)
    yield acme, beta
    stop_agents(place)


def titles(company: RoundupCompany) -> list[str]:
    return sorted(str(issue["title"]) for issue in cells(company))


def exchange(acme: RoundupCompany, beta: RoundupCompany, until: str) -> None:
    """Both sync in turn until Beta's ``link pair`` shows this."""
    for _ in range(ROUNDS_MAX):
        for company in (beta, acme):
            company.run("sync")
        if until in beta.run("link", "pair", "acme").output:
            return
    raise AssertionError(f"`link pair` never says {until!r}: {beta.run('link', 'pair', 'acme').output}")


def test_issues_of_both_trackers_are_paired_by_their_titles(
    companies: tuple[RoundupCompany, RoundupCompany],
) -> None:
    acme, beta = companies
    ours, theirs = acme.people(), beta.people()
    for title in ("It leaks", "Only Acme's", "Twice at Beta"):
        ours.create(title, "alice")
    ours.comment("1", "Acme says so", "alice")
    for title in ("Only Beta's", "it  LEAKS", "twice at beta", "Twice at Beta"):
        theirs.create(title, "bob")
    theirs.comment("2", "Beta says so", "bob")
    checked = beta.run("link", "check", "acme").output
    assert "the key 'twice at beta' is in several issues here: 3, 4" in checked

    exchange(acme, beta, "paired with 2")
    shown = beta.json("link", "pair", "acme")
    assert [(one["key"], one["here"], bool(one["doubt"])) for one in shown["coming"]] == [
        ("it leaks", "2", False), ("only acme's", "", False), ("twice at beta", "", True),
    ]  # fmt: skip
    assert len(titles(beta)) == 4
    assert len(titles(acme)) == 3

    file = beta.node / "links" / "acme.toml"
    file.write_text(file.read_text().replace("wait = true\n", ""))
    settle(acme, beta)
    assert titles(beta) == ["It leaks", "Only Acme's", "Only Beta's", "Twice at Beta", "twice at beta"]
    assert titles(acme) == ["It leaks", "Only Acme's", "Only Beta's", "Twice at Beta"]
    for company in (acme, beta):
        (leaks,) = [issue for issue in cells(company) if issue["title"] == "It leaks"]
        assert sorted(text.split("\n")[-1] for text in leaks["messages"]) == ["Acme says so", "Beta says so"]
    (item,) = beta.json("queue", "list")
    assert item["reason"].startswith("2 issues here may be the partner's with the title 'twice at beta': 3, 4")

    beta.people().edit("4", {Cell("title"): "Beta's own"}, "bob")
    beta.run("queue", "retry", item["id"])
    settle(acme, beta)
    assert titles(beta) == ["Beta's own", "It leaks", "Only Acme's", "Only Beta's", "Twice at Beta"]
    assert titles(acme) == titles(beta)
