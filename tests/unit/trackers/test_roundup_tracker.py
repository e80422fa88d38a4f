"""What only a real Roundup tracker can show: its own writers, its crashes, its habits."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from roundup.date import Date

from backbone.errors import TrackerUnavailable
from backbone.model import COMMENT, Applied, Cell, Outcome, Person, Refused, Stale, Value, Write
from backbone.trackers.roundup import connect
from tests.support.roundup import RoundupHarness, copy_home

TITLE = Cell("title")
RIVAL = """
import sys, roundup.instance
db = roundup.instance.open(sys.argv[1]).open("alice")
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[2])):
    db.clearCache()
    db.conn.rollback()
    db.sql("BEGIN IMMEDIATE")
    db.issue.set("1", title=str(int(db.issue.get("1", "title")) + 1))
    db.commit()
"""
WRITER = """
import asyncio, sys
from backbone.trackers.roundup import connect
from tests.unit.trackers.test_roundup_tracker import population
async def main():
    tracker = connect({"home": sys.argv[1], "class": "issue"})
    writes = population()
    for start in range(0, len(writes), 5):
        await tracker.apply(writes[start:start + 5])
        print(start, flush=True)
asyncio.run(main())
"""
ROOT = Path(__file__).parents[3]


def population(count: int = 400) -> list[Write]:
    """Issues with two comments each."""
    return [
        Write(
            f"k{number}",
            None,
            None,
            {
                TITLE: f"issue {number}",
                Cell(COMMENT, "+a"): {"text": f"{number} a", "author": "alice", "created": ""},
                Cell(COMMENT, "+b"): {"text": f"{number} b", "author": "bob", "created": ""},
            },
        )
        for number in range(count)
    ]


async def test_no_update_is_lost_beside_another_process(classic: RoundupHarness) -> None:
    rounds = 40
    local = classic.create("0", "alice")
    rival = await asyncio.create_subprocess_exec(
        sys.executable, "-c", RIVAL, classic.home, str(rounds), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert rival.stdin is not None
    assert rival.stdout is not None
    await rival.stdout.readline()
    rival.stdin.write(b"go\n")
    stale = written = 0
    while written < rounds:
        issue = (await classic.tracker.read([local]))[local]
        raised = str(int(str(issue.cells[TITLE])) + 1)
        write = Write(f"k{written}x{stale}", local, issue.position, {TITLE: raised})
        (outcome,) = await classic.tracker.apply([write])
        stale += isinstance(outcome, Stale)
        written += isinstance(outcome, Applied)
    await rival.communicate()
    assert rival.returncode == 0
    assert (await classic.tracker.read([local]))[local].cells[TITLE] == str(2 * rounds)


async def test_a_killed_writer_leaves_each_write_whole_or_not_at_all(classic_home: Path, tmp_path: Path) -> None:
    home = copy_home(classic_home, tmp_path / "home")
    writer = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        WRITER,
        home,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert writer.stdout is not None
    for _ in range(7):
        assert await writer.stdout.readline()
    writer.send_signal(signal.SIGKILL)
    await writer.communicate()
    tracker = connect({"home": str(home), "class": "issue"})
    issues = await tracker.issues(None, 1000)
    marked = await tracker.find([write.key for write in population()])
    assert 35 <= len(issues) < 400
    assert {applied.local for applied in marked.values()} == {issue.local for issue in issues}
    outcomes = await tracker.apply(population())
    assert all(isinstance(outcome, Applied) for outcome in outcomes)
    issues = await tracker.issues(None, 1000)
    assert [issue.cells[TITLE] for issue in issues] == [f"issue {number}" for number in range(400)]
    for number, issue in enumerate(issues):
        texts = [value["text"] for cell, value in issue.cells.items() if isinstance(value, dict)]
        assert texts == [f"{number} a", f"{number} b"]
    await tracker.close()


async def test_the_feed_survives_vacuum_and_pack(classic: RoundupHarness) -> None:
    local = classic.create("one", "alice")
    for number in range(5):
        classic.edit(local, {TITLE: f"title {number}"}, "bob")
    seen = await classic.tracker.head()
    db = classic.open("admin")
    db.pack(Date("+1d"))
    db.commit()
    with sqlite3.connect(classic.home / "db" / "db") as database:
        database.execute("vacuum")
    classic.edit(local, {TITLE: "after"}, "bob")
    touched = await classic.tracker.touched(seen, 10)
    assert [dict(edit.cells) for edit in touched.edits] == [{TITLE: "after"}]
    everything = await classic.tracker.touched((0,), 100)
    titles = [edit.cells[TITLE] for edit in everything.edits]
    assert titles == ["one", "title 0", "title 1", "title 2", "title 3", "title 4", "after"]


async def test_one_change_costs_the_same_among_few_and_many(classic: RoundupHarness) -> None:
    first = await _statements_for_one_change(classic, "few")
    await classic.tracker.apply(population(200))
    assert await _statements_for_one_change(classic, "many") == first


async def _statements_for_one_change(classic: RoundupHarness, title: str) -> int:
    local = classic.create(title, "alice")
    position = await classic.tracker.head()
    classic.edit(local, {TITLE: f"{title} changed"}, "bob")
    statements: list[str] = []
    connection = classic.tracker._connection

    def trace(callback: object) -> None:
        connection._handle().conn.set_trace_callback(callback)

    await classic.tracker._run(trace, statements.append)
    touched = await classic.tracker.touched(position, 100)
    await classic.tracker._run(trace, None)
    assert len(touched.edits) == 1
    plans = [_plan(classic.home, statement) for statement in statements if statement.startswith("select")]
    assert not [plan for plan in plans if "SCAN" in plan and "backbone" in plan]
    return len(statements)


def _plan(home: Path, statement: str) -> str:
    with sqlite3.connect(home / "db" / "db") as database:
        return " ".join(str(row[3]) for row in database.execute(f"explain query plan {statement}"))


async def test_a_restored_issue_is_told_as_it_stands(classic: RoundupHarness) -> None:
    local = classic.create("one", "alice")
    classic.remove(local)
    seen = (await classic.tracker.touched((0,), 10)).position
    db = classic.open("bob")
    db.issue.restore(local)
    db.commit()
    (edit,) = (await classic.tracker.touched(seen, 10)).edits
    assert edit.cells == (await classic.tracker.read([local]))[local].cells
    assert not edit.created


async def test_a_retired_message_is_a_removed_comment(classic: RoundupHarness) -> None:
    local = classic.create("one", "alice")
    comment = classic.comment(local, "text", "bob")
    seen = await classic.tracker.head()
    db = classic.open("alice")
    db.msg.retire(comment.removeprefix("msg"))
    db.commit()
    (edit,) = (await classic.tracker.touched(seen, 10)).edits
    assert edit.cells == {Cell(COMMENT, comment): None}
    assert Cell(COMMENT, comment) not in (await classic.tracker.read([local]))[local].cells


async def test_a_text_whose_rename_a_crash_cut_off_is_the_new_one(classic: RoundupHarness) -> None:
    local = classic.create("one", "alice")
    comment = classic.comment(local, "old", "bob")
    cell = Cell(COMMENT, comment)
    classic.edit_comment(local, comment, "new", "bob")
    _undo_rename(_content(classic, comment), "old")
    assert await _text(classic, local, cell) == "new"
    assert _age_draft(_content(classic, comment), 3600)
    assert await _text(classic, local, cell) == "new"
    assert not _age_draft(_content(classic, comment), 0)
    assert _content(classic, comment).read_text() == "new"


async def test_a_new_text_that_is_being_put_in_place_is_read_where_it_lies(classic: RoundupHarness) -> None:
    local = classic.create("one", "alice")
    comment = classic.comment(local, "new", "bob")
    content = _content(classic, comment)
    content.rename(_draft(content))
    assert await _text(classic, local, Cell(COMMENT, comment)) == "new"
    assert _age_draft(content, 0)


async def test_a_text_that_was_never_committed_is_not_told(classic: RoundupHarness) -> None:
    local = classic.create("one", "alice")
    comment = classic.comment(local, "old", "bob")
    _draft(_content(classic, comment)).write_text("never")
    assert await _text(classic, local, Cell(COMMENT, comment)) == "old"


def _content(classic: RoundupHarness, comment: str) -> Path:
    return Path(classic.open("bob").filename("msg", comment.removeprefix("msg"), create=1))


def _draft(content: Path) -> Path:
    return Path(f"{content}.tmp")


def _undo_rename(content: Path, old: str) -> None:
    """What a crash between Roundup's commit and its rename leaves."""
    content.rename(_draft(content))
    content.write_text(old)


def _age_draft(content: Path, seconds: float) -> bool:
    """Whether there is a draft; it is this old from then on."""
    if not _draft(content).exists():
        return False
    written = time.time() - seconds
    os.utime(_draft(content), (written, written))
    return True


async def _text(classic: RoundupHarness, local: str, cell: Cell) -> object:
    record = (await classic.tracker.read([local]))[local].cells[cell]
    assert isinstance(record, dict)
    return record["text"]


async def test_writing_sends_no_mail_and_keeps_the_umask(classic: RoundupHarness) -> None:
    before = os.umask(0o027)
    try:
        local = classic.create("one", "alice")
        classic.edit(local, {Cell("nosy", "alice"): True, Cell("nosy", "bob"): True}, "alice")
        mails = classic.home / "mail.log"
        mails.unlink(missing_ok=True)
        os.umask(0o027)
        cells: dict[Cell, Value] = {Cell(COMMENT, "+a"): {"text": "ours", "author": "bob", "created": ""}}
        (outcome,) = await classic.tracker.apply([Write("k", local, None, cells)])
        assert isinstance(outcome, Applied)
        assert not mails.exists()
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)


async def test_every_kind_of_property_is_carried(classic: RoundupHarness) -> None:
    schema = classic.home / "schema.py"
    kinds = (
        'due=Date(), effort=Interval(), estimate=Number(), votes=Integer(), private=Boolean(), parent=Link("issue"),'
    )
    schema.write_text(schema.read_text().replace('assignedto=Link("user"),', f'assignedto=Link("user"), {kinds}'))
    local = classic.create("one", "alice")
    cells: dict[Cell, Value] = {
        Cell("due"): "2026-12-24T18:00:00Z",
        Cell("effort"): "P1DT2H",
        Cell("estimate"): "2.5",
        Cell("votes"): "3",
        Cell("private"): False,
        Cell("parent", local): True,
        Cell("assignedto"): "bob",
    }
    other = classic.create("two", "alice")
    seen = await classic.tracker.head()
    outcomes: list[Outcome] = [*await classic.tracker.apply([Write("k1", other, None, cells)])]
    assert isinstance(outcomes[0], Applied), outcomes
    assert {cell: outcomes[0].cells[cell] for cell in cells} == cells
    changed: dict[Cell, Value] = {
        Cell("due"): None,
        Cell("effort"): "P2D",
        Cell("estimate"): None,
        Cell("votes"): "4",
        Cell("private"): True,
        Cell("parent", local): None,
        Cell("assignedto"): None,
    }
    outcomes = [*await classic.tracker.apply([Write("k2", other, None, changed)])]
    assert isinstance(outcomes[0], Applied), outcomes
    first, second = (await classic.tracker.touched(seen, 10)).edits
    assert {cell: first.cells[cell] for cell in cells} == cells
    assert second.cells == changed
    described = (await classic.tracker.describe()).fields
    assert described["parent"].single
    assert described["effort"].type == "duration"


@pytest.mark.parametrize("name", ["../../etc/passwd", "msg1", "user1", "file", "file99999"])
async def test_only_attachments_can_be_opened(classic: RoundupHarness, tmp_path: Path, name: str) -> None:
    local = classic.create("one", "alice")
    classic.comment(local, "text", "alice")
    with pytest.raises(Exception, match=r"."):
        await classic.tracker.open_attachment(name, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("text", ["", "\x00", "a\r\nb\rc", "\ufeffx", "  blanks\n\n", "x" * 500_000])
async def test_a_text_is_kept_byte_for_byte(classic: RoundupHarness, text: str) -> None:
    cells: dict[Cell, Value] = {TITLE: "one", Cell(COMMENT, "+a"): {"text": text, "author": "bob", "created": ""}}
    (outcome,) = await classic.tracker.apply([Write("k", None, None, cells)])
    assert isinstance(outcome, Applied), outcome
    assert await _text(classic, outcome.local, Cell(COMMENT, outcome.created["+a"])) == text


async def test_what_no_database_can_store_is_refused_in_words_that_can_be_sent(classic: RoundupHarness) -> None:
    (outcome,) = await classic.tracker.apply([Write("k", None, None, {TITLE: "half \ud83d"})])
    assert isinstance(outcome, Refused)
    assert outcome.words.encode()
    assert not await classic.tracker.issues(None, 10)


async def test_a_busy_database_is_tried_again(classic: RoundupHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backbone.trackers.roundup.connection.BUSY_MILLISECONDS", 50)
    local = classic.create("one", "alice")
    write = Write("k", local, None, {TITLE: "two"})
    other = sqlite3.connect(classic.home / "db" / "db")
    other.execute("begin immediate")
    with pytest.raises(TrackerUnavailable, match="does not answer"):
        await classic.tracker.apply([write])
    other.rollback()
    other.close()
    (outcome,) = await classic.tracker.apply([write])
    assert isinstance(outcome, Applied)


async def test_people_have_their_roles_for_groups(classic: RoundupHarness) -> None:
    people = (await classic.tracker.describe()).people
    assert people["alice"].groups == ("User",)
    assert people["anonymous"].groups == ("Anonymous",)


async def test_a_comment_for_a_few_is_refused_as_all_would_see_it(classic: RoundupHarness) -> None:
    local = classic.create("title", "alice")
    secret: Value = {"text": "secret", "author": "alice", "created": "", "visibility": "internal"}
    (outcome,) = await classic.tracker.apply([Write("k1", local, None, {Cell(COMMENT, "+a"): secret})])
    assert isinstance(outcome, Refused)
    assert "a message is for everybody who sees the issue" in outcome.words


async def test_nobody_becomes_a_user_because_somebody_named_them(classic: RoundupHarness) -> None:
    local = classic.create("title", "alice")
    cells: dict[Cell, Value] = {Cell("nosy", "mallory"): True}
    (outcome,) = await classic.tracker.apply([Write("k1", local, None, cells)])
    assert isinstance(outcome, Refused)
    assert "mallory" not in (await classic.tracker.describe()).people


async def test_users_are_made_who_can_do_nothing(classic: RoundupHarness) -> None:
    people = [Person("acme-eve", "Eve of Acme"), Person("alice", "Not our Alice"), Person("acme-mallory", "Mallory")]
    auditor = "from roundup.exceptions import Reject\ndef audit(db, cl, nodeid, new):\n"
    auditor += "    if new.get('realname') == 'Mallory':\n        raise Reject('not her')\n"
    (classic.home / "detectors" / "gate.py").write_text(f"{auditor}def init(db):\n    db.user.audit('create', audit)\n")
    before = (await classic.tracker.describe()).people
    await classic.tracker.enlist(people)
    await classic.tracker.enlist(people)
    made = (await classic.tracker.describe()).people
    assert made == {**before, "acme-eve": Person("acme-eve", "Eve of Acme")}
    db = classic.open("admin")
    eve = db.user.lookup("acme-eve")
    assert (db.user.get(eve, "password"), db.user.get(eve, "address"), db.user.get(eve, "roles")) == (None, None, None)
    (outcome,) = await classic.tracker.apply([Write("k1", None, None, {Cell("title"): "hers"}, "acme-eve")])
    assert isinstance(outcome, Applied)
    assert (await classic.tracker.read([outcome.local]))[outcome.local].author == "acme-eve"
