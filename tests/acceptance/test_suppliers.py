"""A hub and one of its three suppliers work with real Roundup trackers; every parcel is opened: in none of them stands
what is another supplier's, and what goes from one to the other is what the hub's file for that link lets leave.
"""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from backbone.errors import PeerError
from backbone.model import ATTACHMENT, COMMENT, Cell, Issue
from backbone.replication.message import decode, inflate
from handshake import keyring
from tests.acceptance.forging import OPENED_BYTES_MAX
from tests.support.roundup import PEOPLE, RoundupHarness, make_home
from tests.unit.cli.company import Company, stop_agents

SUPPLIERS = ("amber", "birch", "cedar")
ROUNDS_MAX = 30
ALICE, BOB = PEOPLE
TITLE = Cell("title")
AGREEMENT = """
[fields.title]
type = "text"
[fields.labels]
type = "labels"
"""
HUB = """
[fields.title]
local = "title"
[fields.labels]
local = "keyword"
strip_prefix = "{name}/"
[on_create]
keyword = ["{name}/shared"]
[scope]
issues = '"shared" in issue.labels'
[comments.send]
words = ["#all"]
[attachments.send]
names = ["public*"]
"""
ROUNDUP = """
[fields.title]
local = "title"
[fields.labels]
local = "keyword"
"""
MEMORY = ROUNDUP.replace("keyword", "labels")


class RoundupCompany(Company):
    """Its people work with a Roundup of the classic template."""

    def found(self) -> None:
        self.run("init", self.node, "--name", self.name, "--anchor", self.folder / f"{self.name}-anchor.json")
        home = make_home(self.folder / f"{self.name}-home", "classic")
        self.run("tracker", "add", "main", "--kind", "roundup", "--home", home, "--class", "issue")

    def people(self) -> RoundupHarness:
        return RoundupHarness(self.folder / f"{self.name}-home", "classic")


@dataclass
class Suppliers:
    """The hub and its suppliers: Amber has a Roundup, the others have trackers in files."""

    place: Path
    hub: RoundupCompany
    others: dict[str, Company]

    def settle(self) -> None:
        """All sync in turn, as cron would, until nothing waits: also not what the hub took from one in the last round,
        and tells another in the next.
        """
        companies, quiet = (self.hub, *self.others.values()), 0
        for _ in range(ROUNDS_MAX):
            for company in companies:
                company.run("sync")
            quiet = quiet + 1 if all(_quiet(link) for one in companies for link in one.json("status")) else 0
            if quiet > 1:
                return
        raise AssertionError("the nodes do not come to rest")

    def parcels(self, name: str) -> bytes:
        """All that ever stood in a parcel between the hub and this supplier, either way."""
        ours, theirs = _keys(self.hub, name), _keys(self.others[name], "hub")
        pieces: list[bytes] = []
        for folder, reader, writer in (("to", theirs, ours), ("from", ours, theirs)):
            files = sorted((self.place / f"{folder}-{name}").rglob("*.bbm"))
            assert files
            for plain in asyncio.run(_opened(files, reader, writer)):
                pieces.append(plain)
                try:
                    message = decode(plain)
                except PeerError:
                    continue  # of the handshake
                pieces.append(inflate(message.header, message.body))
        return b"\n".join(pieces)

    def issues(self, name: str) -> dict[str, Issue]:
        """What a tracker shows, by title."""
        company = self.hub if name == "hub" else self.others[name]
        tracker: Any = company.people().tracker if isinstance(company, RoundupCompany) else company.tracker
        found = asyncio.run(tracker.issues(None, 1_000))
        return {str(issue.cells[TITLE]): issue for issue in found}


def _quiet(link: dict[str, Any]) -> bool:
    return bool(link["state"] == "active" and link["populated"] and not link["waiting"] and not link["cells_waiting"])


def _keys(company: Company, link: str) -> Path:
    with closing(sqlite3.connect(f"file:{company.node / 'store.db'}?mode=ro", uri=True)) as store:
        ((home,),) = store.execute("SELECT home FROM link WHERE name = ?", [link])
    return company.node / "g" / Path(str(home)).name


async def _opened(files: list[Path], home: Path, signer: Path) -> list[bytes]:
    ours, theirs = await keyring.open_home(home), await keyring.open_home(signer)
    try:
        return [
            await ours.open(await asyncio.to_thread(file.read_bytes), signer=theirs.fingerprint,
                            message_bytes_max=OPENED_BYTES_MAX)
            for file in files
        ]  # fmt: skip
    finally:
        await ours.close()
        await theirs.close()


def texts(issue: Issue) -> list[str]:
    return sorted(str(v["text"]) for c, v in issue.cells.items() if c.field == COMMENT and isinstance(v, dict))


def files(issue: Issue) -> list[str]:
    return sorted(str(v["name"]) for c, v in issue.cells.items() if c.field == ATTACHMENT and isinstance(v, dict))


@pytest.fixture
def suppliers(place: Path) -> Iterator[Suppliers]:
    amber = RoundupCompany("amber", place)
    made = Suppliers(
        place,
        RoundupCompany("hub", place),
        {"amber": amber, **{name: Company(name, place) for name in SUPPLIERS if name != "amber"}},
    )
    made.hub.found()
    (place / "agreement.toml").write_text(AGREEMENT)
    for name, company in made.others.items():
        company.found()
        there, back, offer = place / f"to-{name}", place / f"from-{name}", place / f"{name}.handshake"
        there.mkdir()
        back.mkdir()
        (place / f"hub-{name}.toml").write_text(HUB.format(name=name))
        (place / f"{name}.toml").write_text(ROUNDUP if company is amber else MEMORY)
        made.hub.run("link", "create", name, "--send", there, "--receive", back, "--out", offer,
                     "--agreement", place / "agreement.toml", "--mapping", place / f"hub-{name}.toml")  # fmt: skip
        company.run("link", "join", offer, "--name", "hub", "--send", back, "--receive", there, "--yes",
                    "--mapping", place / f"{name}.toml")  # fmt: skip
    yield made
    stop_agents(place)


@pytest.mark.slow
def test_no_supplier_hears_of_the_others(suppliers: Suppliers) -> None:
    people, amber = suppliers.hub.people(), suppliers.others["amber"]
    assert isinstance(amber, RoundupCompany)
    people.create("hubs-own", ALICE)
    for name in SUPPLIERS:
        local = people.create(f"{name}-order", ALICE)
        people.comment(local, f"{name}-word #all", BOB)
        people.edit(local, {Cell("keyword", f"{name}/shared"): True, Cell("keyword", f"{name}/{name}-mark"): True}, BOB)
    common = people.create("for-two", ALICE)
    people.edit(common, {Cell("keyword", f"{name}/shared"): True for name in ("amber", "birch")}, ALICE)
    amber.people().create("amber-own", ALICE)
    for name in ("birch", "cedar"):
        tracker = suppliers.others[name].tracker
        local = tracker.create({TITLE: f"{name}-own"})
        tracker.comment(local, f"{name}-remark #all")
    suppliers.settle()

    for name in SUPPLIERS:
        shared = {"for-two"} if name != "cedar" else set()
        assert set(suppliers.issues(name)) == {f"{name}-order", f"{name}-own"} | shared
        said = suppliers.parcels(name)
        for words in (f"{name}-order", f"{name}-own", f"{name}-word", f"{name}-mark"):
            assert words.encode() in said, words
        for words in ("hubs-own", *(other for other in SUPPLIERS if other != name), "keyword", "@example.com"):
            assert words.encode() not in said, (name, words)
    assert len(suppliers.issues("hub")) == 8


@pytest.mark.slow
def test_from_one_supplier_to_the_other_goes_what_may_leave_on_that_link(suppliers: Suppliers) -> None:
    people, amber = suppliers.hub.people(), suppliers.others["amber"]
    assert isinstance(amber, RoundupCompany)
    common = people.create("for-two", ALICE)
    people.edit(common, {Cell("keyword", f"{name}/shared"): True for name in ("amber", "birch")}, ALICE)
    suppliers.settle()
    there = amber.people()
    local = suppliers.issues("amber")["for-two"].local
    told = there.comment(local, "told to both #all", ALICE)
    there.comment(local, "between-amber-and-the-hub", BOB)
    there.attach(local, "public-plan.png", b"public-content", ALICE)
    there.attach(local, "draft.png", b"amber-draft", ALICE)
    suppliers.settle()
    at_hub = suppliers.issues("hub")["for-two"]
    assert len(texts(at_hub)) == 2
    assert files(at_hub) == ["draft.png", "public-plan.png"]
    at_birch = suppliers.issues("birch")["for-two"]
    assert texts(at_birch) == ["Alice wrote:\n\ntold to both #all"]
    assert files(at_birch) == ["public-plan.png"]
    assert suppliers.issues("cedar") == {}

    there.edit_comment(local, told, "amber-changed-its-mind", ALICE)
    suppliers.settle()
    assert texts(suppliers.issues("birch")["for-two"]) == []
    assert len(texts(suppliers.issues("hub")["for-two"])) == 2
    birch = suppliers.others["birch"].tracker
    birch.edit(suppliers.issues("birch")["for-two"].local, {TITLE: "for-two, says Birch"})
    suppliers.settle()
    assert list(suppliers.issues("amber")) == ["for-two, says Birch"]
    said = suppliers.parcels("birch")
    assert b"told to both #all" in said
    for words in (b"between-amber", b"amber-draft", b"draft.png", b"amber-changed"):
        assert words not in said, words
