"""All parcels of a run are opened: nothing outside the agreement stands in them, and what was agreed does."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from backbone.errors import PeerError
from backbone.model import Cell
from backbone.replication.message import Kind, decode, inflate
from handshake import keyring
from handshake.file import verify_file
from handshake.limits import FILE_BYTES_MAX
from tests.acceptance.forging import OPENED_BYTES_MAX
from tests.acceptance.test_rules import RoundupCompany
from tests.support.roundup import PEOPLE
from tests.unit.cli.company import Company, link, settle, stop_agents

AGREEMENT = """
attachment_types = ["image/*", "text/plain"]
[fields.title]
type = "text"
[fields.labels]
type = "labels"
[fields.people]
type = "users"
"""
CONTENTS = """
[comments.send]
words = ["#beta"]
[attachments.send]
names = ["*.png"]
except_names = ["*private*"]
bytes_max = 1000
"""
ACME = """
[fields.title]
local = "title"
[fields.labels]
local = "keyword"
strip_prefix = "beta/"
[fields.people]
local = "nosy"
[users]
alice = "alice-at-acme"
[[only_if]]
local = "keyword"
values = ["*beta/*"]
"""
BETA = """
[fields.title]
local = "title"
[fields.labels]
local = "keywords"
[fields.people]
local = "nosy"
[on_create]
type = "behavior"
severity = "normal"
"""
MEMORY = """
[fields.title]
local = "title"
[fields.labels]
local = "labels"
[fields.people]
local = "watchers"
"""


async def _opened(parcels: list[Path], home: Path, signer: Path) -> list[bytes]:
    ours, theirs = await keyring.open_home(home), await keyring.open_home(signer)
    try:
        found = [
            await ours.open(await asyncio.to_thread(parcel.read_bytes), signer=theirs.fingerprint,
                            message_bytes_max=OPENED_BYTES_MAX)
            for parcel in parcels
        ]  # fmt: skip
    finally:
        await ours.close()
        await theirs.close()
    return found


def keys(company: Company) -> Path:
    (home,) = (company.node / "g").iterdir()
    return home


def said(place: Path, acme: Company, beta: Company) -> tuple[list[Kind], bytes]:
    """Everything that ever stood in a parcel, either way, and in the offer; and of what kinds the messages were."""
    kinds: list[Kind] = []
    pieces = [asyncio.run(verify_file((place / "beta.handshake").read_bytes(), FILE_BYTES_MAX)).payload]
    for folder, reader, writer in ((place / "there", beta, acme), (place / "back", acme, beta)):
        parcels = sorted(path for path in folder.rglob("*.bbm"))
        assert parcels
        for plain in asyncio.run(_opened(parcels, keys(reader), keys(writer))):
            pieces.append(plain)
            try:
                message = decode(plain)
            except PeerError:
                continue  # of the handshake
            kinds.append(Kind(message.header.kind))
            pieces.append(inflate(message.header, message.body))
    return kinds, b"\n".join(pieces)


@pytest.fixture
def roundups(place: Path) -> Iterator[tuple[RoundupCompany, RoundupCompany]]:
    acme, beta = RoundupCompany("acme", place), RoundupCompany("beta", place)
    for company in (acme, beta):
        company.found()
    link(place, acme, beta, agreement=AGREEMENT, ours=ACME + CONTENTS, theirs=BETA)
    yield acme, beta
    stop_agents(place)


@pytest.mark.slow
def test_what_was_not_agreed_upon_stands_in_no_parcel(
    place: Path, roundups: tuple[RoundupCompany, RoundupCompany]
) -> None:
    acme, beta = roundups
    people = acme.people()
    alice, bob = PEOPLE
    local, own = people.create("it leaks", alice), people.create("secret-issue", alice)
    people.comment(own, "secret-of-issue #beta", alice)
    first = people.comment(local, "Seen #beta", alice)
    people.comment(local, "secret-comment", bob)
    people.attach(local, "plan.png", b"agreed-content", alice)
    for name, content in (("private.png", b"secret-name"), ("large.png", b"secret-large " * 100), ("x", b"secret-x")):
        people.attach(local, f"secret-file-{name}", content, bob)
    people.edit(local, {Cell("keyword", "beta/ui"): True, Cell("keyword", "secret-label"): True,
                        Cell("nosy", alice): True, Cell("nosy", bob): True,
                        Cell("priority"): "critical"}, bob)  # fmt: skip
    settle(acme, beta)
    people.edit_comment(local, first, "secret-edit", alice)
    second = people.comment(local, "secret-begin", bob)
    people.edit(local, {Cell("title"): "it drips"}, bob)
    settle(acme, beta)
    people.edit_comment(local, second, "Later #beta", bob)
    there = beta.people()
    db = there.open(bob)
    (bug,) = db.bug.list()
    there.comment(bug, "from-beta", bob)
    settle(acme, beta)

    kinds, everything = said(place, acme, beta)
    assert kinds.count(Kind.DATA) >= 4
    assert Kind.BLOB in kinds
    for words in (b"it leaks", b"it drips", b"Seen #beta", b"Later #beta", b"plan.png", b"agreed-content", b"ui",
                  b"alice-at-acme", b"from-beta"):  # fmt: skip
        assert words in everything, words
    for words in (b"secret", b"@example.com", b"beta/", b"keyword", b"priority", b"critical", b"nosy", b"severity"):
        assert words not in everything, everything[max(0, everything.find(words) - 200) :][:400]


@pytest.mark.slow
def test_a_comment_for_a_few_stands_in_no_parcel(place: Path) -> None:
    acme, beta = Company("acme", place), Company("beta", place)
    for company in (acme, beta):
        company.found()
    link(place, acme, beta, agreement="internal_comments = true\n" + AGREEMENT, ours=MEMORY, theirs=MEMORY)
    try:
        tracker = acme.tracker
        local = tracker.create({Cell("title"): "it leaks"})
        shown = tracker.comment(local, "for everybody")
        tracker.comment(local, "secret", visibility="internal")
        settle(acme, beta)
        tracker.edit_comment(local, shown, "secret now", visibility="managers")
        tracker.edit(local, {Cell("priority"): "urgent", Cell("assignee"): "secret-person"})
        settle(acme, beta)
        kinds, everything = said(place, acme, beta)
        assert Kind.DATA in kinds
        assert b"for everybody" in everything
        for words in (b"secret", b"urgent", b"managers"):
            assert words not in everything, words
        (issue,) = asyncio.run(beta.tracker.issues(None, 10))
        assert not any(cell.field == "comment" for cell in issue.cells)
    finally:
        stop_agents(place)
