"""Scope as an admin meets it: the check, single issues by hand, looking again, one-way links."""

import asyncio
from pathlib import Path

import pytest

from backbone.model import Cell
from tests.unit.cli.company import Company, settle, stop_agents
from tests.unit.cli.test_check import MAPPING
from tests.unit.cli.test_check import acme as invites

SCOPE = """
[scope]
issues = '''issue.status == "new"'''
"""


def issues(company: Company, *titles: str, status: str = "new") -> None:
    for title in titles:
        company.tracker.create({Cell("title"): title, Cell("status"): status}, "ann")


def test_the_check_counts_what_is_in_scope_and_shows_some_of_it(folder: Path) -> None:
    company = invites(folder, MAPPING + SCOPE)
    issues(company, "It leaks", "It drips")
    issues(company, "Over", status="closed")
    result = company.run("link", "check", "beta")
    assert "2 of 3 issues are in scope (2 full, 1 skipped).\n" in result.stdout
    assert "In it, for example: 1 It leaks; 2 It drips\nNot in it, for example: 3 Over\n" in result.stdout
    found = company.json("link", "check", "beta")["scope"]
    assert found["parts"] == {"full": 2, "skipped": 1}
    assert (found["inside"], found["outside"]) == (["1 It leaks", "2 It drips"], ["3 Over"])


def test_an_issue_on_which_nobody_can_say_is_named(folder: Path) -> None:
    expression = """issue.title == "" || issue.title == "x" || int(issue.title) > 3"""
    company = invites(folder, MAPPING + f"[scope]\nissues = '''{expression}'''\n")
    issues(company, "word")
    result = company.run("link", "check", "beta")
    assert "0 of 1 issues are in scope" in result.stdout
    assert "as nobody can say: 1: it cannot be evaluated" in result.stdout


def titles(company: Company) -> list[str]:
    found = asyncio.run(company.tracker.issues(None, 100))
    return sorted(str(issue.cells[Cell("title")]) for issue in found)


@pytest.mark.parametrize(
    ("before", "after", "key", "sentence"),
    [
        ("issue.status ==", "issue.stats ==", "issues", "issue has no 'stats' (did you mean 'status'?)"),
        ("issues =", "isues =", "isues", "there is no such key (did you mean 'issues'?)"),
        ("issues = '''issue.status == \"new\"'''", "query = 'stats=new'", "query", "'stats=new' is no query"),
        ("issue.status == \"new\"", "issue.status", "issues", "it is neither true nor false"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named_with_file_and_line(
    folder: Path, before: str, after: str, key: str, sentence: str
) -> None:
    company = invites(folder, MAPPING + SCOPE)
    file = company.node / "links" / "beta.toml"
    text = file.read_text()
    start = next(line for line in text.split("\n") if line.startswith("issues ="))
    file.write_text(text.replace(start, SCOPE.split("\n")[2].replace(before, after)))
    result = company.run("link", "check", "beta", code=3)
    line = next(n for n, text in enumerate(file.read_text().split("\n"), 1) if text.startswith(f"{key} ="))
    assert f"{file}:{line}: " in result.stdout
    assert sentence in result.stdout


def test_one_issue_is_cut_and_added_by_hand(pairs: tuple[Company, Company]) -> None:
    acme, beta = pairs
    issues(acme, "It leaks", "It drips")
    settle(acme, beta)
    assert "1 is cut from link beta" in acme.run("link", "cut", "beta", 1).stdout
    settle(acme, beta)
    acme.tracker.edit("1", {Cell("title"): "secret"}, "ann")
    settle(acme, beta)
    assert titles(beta) == ["It drips", "It leaks"]
    (row,) = acme.json("link", "resting", "beta")
    assert row == {"issue": "1", "ours": "cut", "theirs": "", "why": "somebody cut it from this link by hand"}
    (row,) = beta.json("link", "resting", "acme")
    assert (row["ours"], row["theirs"]) == ("", "cut")
    assert "at the partner's" in beta.run("link", "resting", "acme").stdout
    assert "ask them to add it again" in beta.run("link", "add", "acme", row["issue"], code=1).stderr
    assert acme.run("link", "add", "beta", 1).stdout == "1 takes part in link beta.\n"
    settle(acme, beta)
    assert titles(beta) == ["It drips", "secret"]
    assert acme.run("link", "resting", "beta").stdout == "Every issue of this link takes part.\n"
    assert "no issue '77'" in acme.run("link", "add", "beta", 77, code=1).stderr


def test_issues_are_looked_at_again(pairs: tuple[Company, Company]) -> None:
    acme, beta = pairs
    issues(acme, "It squeaks")
    settle(acme, beta)
    said = acme.run("resync", "beta", "--since", "2020-01-01", "--query", "status=new", "--fields", "title").stdout
    assert "issues of link beta were looked at" in said
    assert "--since must be a day" in acme.run("resync", "beta", "--since", "once", code=2).stderr
    assert "'colour' is not in the agreement" in acme.run("resync", "beta", "--fields", "colour", code=2).stderr
    assert "is no query" in acme.run("resync", "beta", "--query", "colour", code=1).stderr
    settle(acme, beta)


def test_a_link_that_goes_one_way_says_so(folder: Path) -> None:
    acme, beta = Company("acme", folder), Company("beta", folder)
    for company in (acme, beta):
        company.found()
    for name in ("there", "back"):
        (folder / name).mkdir()
    file = folder / "beta.handshake"
    send = ("--send", folder / "there", "--receive", folder / "back", "--out", file)
    assert "to-partner" in acme.run("link", "create", "beta", *send, "--one-way", "up", code=2).stderr
    acme.run("link", "create", "beta", *send, "--one-way", "to-partner")
    agreement = acme.json("link", "show", "beta")["agreement"]
    assert agreement["direction"] == "to_slave"
    assert {field["direction"] for field in agreement["fields"].values()} == {"to_slave"}
    assert "the master" in beta.run("handshake", "show", file).stdout
    stop_agents(folder)
