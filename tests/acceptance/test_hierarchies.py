"""Parents and children between two real Roundup trackers: room for one parent here, for several links there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.test_rules import RoundupCompany
from tests.support.roundup import PEOPLE
from tests.unit.cli.company import link, settle, stop_agents

AGREEMENT = 'attachments = false\n[fields.title]\ntype = "text"\n[fields.parent]\ntype = "relation"\n'
MAPPING = '[fields.title]\nlocal = "title"\n[fields.parent]\nlocal = "{local}"\n'
FIELD = {"acme": "parent", "beta": "dependencies"}
_NO_CIRCLES = """
from roundup.exceptions import Reject

def above(db, cl, node):
    found = cl.get(node, "{field}") or []
    return found if isinstance(found, list) else [found]

def audit(db, cl, nodeid, new):
    targets = new.get("{field}") or []
    ahead = list(targets if isinstance(targets, list) else [targets])
    seen = set()
    while ahead:
        node = ahead.pop()
        if node == nodeid:
            raise Reject("an issue cannot stand under itself")
        if node not in seen:
            seen.add(node)
            ahead.extend(above(db, cl, node))

def init(db):
    db.{issue_class}.audit("set", audit)
"""


class Family(RoundupCompany):
    """A company whose issues have parents."""

    def found(self) -> None:
        super().found()
        home = self.folder / f"{self.name}-home"
        schema = home / "schema.py"
        text = schema.read_text()
        if self.name == "acme":
            at = 'issue = IssueClass(db, "issue",'
            assert at in text
            schema.write_text(text.replace(at, f'{at}\n                   parent=Link("issue"),'))

    def forbid_circles(self) -> None:
        people = self.people()
        rule = _NO_CIRCLES.format(field=FIELD[self.name], issue_class=people.issue_class)
        (people.home / "detectors" / "circles.py").write_text(rule)

    def make(self, title: str, *parents: str) -> str:
        """A person makes an issue under these."""
        people = self.people()
        db = people.open(PEOPLE[0])
        local: str = db.getclass(people.issue_class).create(title=title, **self._links(parents))
        db.commit()
        return local

    def put(self, title: str, *parents: str) -> None:
        """A person puts it under these, by their titles."""
        people = self.people()
        db = people.open(PEOPLE[0])
        numbers = self.numbers()
        links = self._links([numbers[one] for one in parents])
        db.getclass(people.issue_class).set(numbers[title], **links)
        db.commit()

    def _links(self, parents: "list[str] | tuple[str, ...]") -> dict[str, object]:
        if self.name == "beta":
            return {"dependencies": list(parents)}
        return {"parent": parents[0] if parents else None}

    def numbers(self) -> dict[str, str]:
        people = self.people()
        issues = people.open("admin").getclass(people.issue_class)
        return {issues.get(node, "title"): node for node in issues.list()}

    def tree(self) -> dict[str, list[str]]:
        """The parents of each issue, by titles."""
        people = self.people()
        issues = people.open("admin").getclass(people.issue_class)
        found = {issues.get(node, "title"): issues.get(node, FIELD[self.name]) or [] for node in issues.list()}
        return {
            title: sorted(issues.get(one, "title") for one in (links if isinstance(links, list) else [links]))
            for title, links in found.items()
        }


@pytest.fixture
def companies(place: Path) -> Iterator[tuple[Family, Family]]:
    acme, beta = Family("acme", place), Family("beta", place)
    for company in (acme, beta):
        company.found()
    yield acme, beta
    stop_agents(place)


def shared(place: Path, acme: Family, beta: Family) -> None:
    ours, theirs = (MAPPING.format(local=FIELD[company.name]) for company in (acme, beta))
    link(place, acme, beta, agreement=AGREEMENT, ours=ours, theirs=theirs)
    settle(acme, beta)


def quiet(acme: Family, beta: Family) -> None:
    settle(acme, beta)
    assert acme.tree() == beta.tree()
    assert [company.link()["quarantined"] for company in (acme, beta)] == [0, 0]


@pytest.mark.slow
def test_a_tree_stands_there_as_people_made_it_here(place: Path, companies: tuple[Family, Family]) -> None:
    acme, beta = companies
    assert acme.make("early child") == "1"  # its parent is made after it
    root = acme.make("root")
    acme.make("grandchild", acme.make("child", root))
    acme.put("early child", "root")
    shared(place, acme, beta)
    quiet(acme, beta)
    assert beta.tree() == {"early child": ["root"], "root": [], "child": ["root"], "grandchild": ["child"]}
    numbers = {title: int(number) for title, number in beta.numbers().items()}
    assert numbers["root"] < numbers["child"] < numbers["grandchild"]
    assert numbers["root"] < numbers["early child"]  # all came in one message
    people = beta.people()
    made = people.open("admin").bug.history(str(numbers["grandchild"]))
    assert [entry[3] for entry in made] == ["create"]  # under its parent at once

    beta.make("there", beta.numbers()["grandchild"])
    beta.put("grandchild", "root")
    quiet(acme, beta)
    assert acme.tree()["there"] == ["grandchild"]
    assert acme.tree()["grandchild"] == ["root"]
    beta.put("there", "root", "child")  # acme has room for one
    quiet(acme, beta)
    assert len(beta.tree()["there"]) == 1
    (lost,) = acme.json("conflict", "list", "--all")
    assert (lost["local"], lost["field"], lost["state"]) == (acme.numbers()["there"], "parent", "settled")


@pytest.mark.slow
def test_a_circle_that_both_close_at_once(place: Path, companies: tuple[Family, Family]) -> None:
    acme, beta = companies
    acme.make("left")
    acme.make("right")
    shared(place, acme, beta)
    acme.put("left", "right")
    beta.put("right", "left")
    quiet(acme, beta)
    assert acme.tree() == {"left": ["right"], "right": ["left"]}
    beta.put("left")
    quiet(acme, beta)
    assert acme.tree() == {"left": [], "right": ["left"]}


@pytest.mark.slow
def test_a_circle_where_no_tracker_takes_one_is_opened_by_a_person(
    place: Path, companies: tuple[Family, Family]
) -> None:
    acme, beta = companies
    for company in companies:
        company.forbid_circles()
    acme.make("left")
    acme.make("right")
    shared(place, acme, beta)
    acme.put("left", "right")
    beta.put("right", "left")
    settle(acme, beta)
    assert (acme.tree(), beta.tree()) == ({"left": ["right"], "right": []}, {"left": [], "right": ["left"]})
    for company in companies:
        waits = [item for item in company.json("queue", "list") if item["kind"] == "issue"]
        assert [item["reason"] for item in waits] == ["an issue cannot stand under itself"]
    beta.put("right")  # beta's people give way
    beta.run("queue", "retry", _waiting(beta))
    acme.run("queue", "skip", _waiting(acme))
    settle(acme, beta)
    assert acme.tree() == beta.tree() == {"left": ["right"], "right": []}
    assert not [item for company in companies for item in company.json("queue", "list") if item["kind"] == "issue"]
    acme.put("left")
    settle(acme, beta)
    beta.put("right", "left")
    settle(acme, beta)
    assert acme.tree() == beta.tree() == {"left": [], "right": ["left"]}


def _waiting(company: Family) -> int:
    (number,) = [item["id"] for item in company.json("queue", "list") if item["kind"] == "issue"]
    return int(number)
