"""Texts that name files: by the name at one company, by a number in the other's Roundup."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from backbone.model import COMMENT, Cell
from tests.acceptance.test_rules import RoundupCompany
from tests.support.roundup import PEOPLE
from tests.unit.cli.company import Company, link, settle, stop_agents

MAPPING = '[fields.title]\nlocal = "title"\n'
BY_NAME = '[text]\nattachments = ["![]({name})", "[]({name})"]\n[attachments]\nstrip_prefix = "beta-"\n' + MAPPING
AGREEMENT = 'comments = true\nattachments = true\n[fields.title]\ntype = "text"\n'


@pytest.fixture
def companies(place: Path) -> Iterator[tuple[Company, RoundupCompany]]:
    acme, beta = Company("acme", place), RoundupCompany("beta", place)
    for company in (acme, beta):
        company.found()
    link(place, acme, beta, agreement=AGREEMENT, ours=BY_NAME, theirs=MAPPING)
    settle(acme, beta)
    yield acme, beta
    stop_agents(place)


@pytest.mark.slow
def test_a_file_is_named_as_each_tracker_names_it(companies: tuple[Company, RoundupCompany]) -> None:
    acme, beta = companies
    here, there = acme.tracker, beta.people()
    there.attach(there.create("ours alone", PEOPLE[0]), "other.png", b"o", PEOPLE[0])
    local = here.create({Cell("title"): "it leaks"}, "alice")
    here.attach(local, "beta-plan.png", b"p")
    here.attach(local, "secret.png", b"s")
    here.comment(local, "See ![the plan](beta-plan.png), not ![](secret.png)")
    settle(acme, beta)

    db = there.open("admin")
    bug = next(one for one in db.bug.list() if db.bug.get(one, "title") == "it leaks")
    (named,) = (one for one in db.bug.get(bug, "files") if db.file.get(one, "name") == "plan.png")
    (message,) = db.bug.get(bug, "messages")
    assert db.msg.get(message, "content") == f"alice wrote:\n\nSee file{named}, not ![](secret.png)"
    assert not any(db.file.get(one, "name").startswith("secret") for one in db.file.list())

    report = there.attach(bug, "report.pdf", b"r", PEOPLE[1])
    there.comment(bug, f"See file{named} and {report}", PEOPLE[1])
    there.edit_comment(bug, f"msg{message}", f"alice wrote:\n\nSee, at last, file{named}", PEOPLE[1])
    settle(acme, beta)
    (issue,) = (one for one in asyncio.run(acme.tracker.issues(None, 10)) if one.local == local)
    assert sorted(str(v["text"]) for c, v in issue.cells.items() if c.field == COMMENT and isinstance(v, dict)) == [
        "Bob wrote:\n\nSee [beta-plan.png](beta-plan.png) and [beta-report.pdf](beta-report.pdf)",
        "See, at last, ![the plan](beta-plan.png)",
    ]
    sent = [company.link()["sent"] for company in companies]
    settle(acme, beta)
    assert [company.link()["sent"] for company in companies] == sent
    assert [company.link()["quarantined"] for company in companies] == [0, 0]
