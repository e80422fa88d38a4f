"""A corpus in a real Roundup tracker, read back through Roundup's own interface."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from roundup import instance

from backbone.demo.corpus import Corpus, DemoComment, DemoFile, DemoIssue, DemoPerson
from backbone.demo.generator import generate
from backbone.demo.load_roundup import PRIORITIES, STATUSES, Loaded, load
from backbone.errors import TrackerUnavailable, UsageError

ALICE = DemoPerson("alice", "Alice Invented", "alice@example.org")
BOB = DemoPerson("bob", "Bob Invented", "bob@example.org")


def install(home: Path) -> Path:
    admin = [str(Path(sys.executable).with_name("roundup-admin")), "-i", str(home)]
    settings = (
        "tracker_web=http://127.0.0.1/,admin_email=admin@example.org,tracker_name=test,mail_domain=example.org,"
        f"mail_host=localhost,mail_debug={home}/mail.log,password_pbkdf2_default_rounds=1000"
    )
    for command in (["install", "classic", "sqlite", settings], ["initialise", "secret"]):
        subprocess.run([*admin, *command], check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    return home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("roundup") / "tracker")


@pytest.fixture
def db(home: Path) -> Iterator[Any]:
    opened = instance.open(str(home)).open("admin")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def generated(home: Path) -> tuple[Corpus, Loaded, list[tuple[int, int]]]:
    corpus = generate(11, 60)
    steps: list[tuple[int, int]] = []
    return corpus, load(home, corpus, progress=lambda done, total: steps.append((done, total))), steps


def made_of(*issues: DemoIssue) -> Corpus:
    return Corpus("hand-made", (ALICE, BOB), len(issues), 0, lambda: iter(issues))


def issue(key: str, **changed: Any) -> DemoIssue:
    plain = DemoIssue(key, f"Issue {key}", "Text.", "alice", "2024-03-01T10:20:30Z", "open")
    return replace(plain, **changed)


def messages(db: Any, local: str) -> list[tuple[str, str, str]]:
    found = []
    for message in db.issue.get(local, "messages"):
        author = db.user.get(db.msg.get(message, "author"), "username")
        date = db.msg.get(message, "date").pretty("%Y-%m-%dT%H:%M:%SZ")
        found.append((author, date, db.msg.get(message, "content")))
    return sorted(found, key=lambda entry: entry[1])


Generated = tuple[Corpus, Loaded, list[tuple[int, int]]]


def test_the_counts_are_those_of_the_corpus(generated: Generated) -> None:
    corpus, loaded, steps = generated
    issues = list(corpus)
    assert loaded.issues == len(loaded.ids) == 60
    assert loaded.messages == corpus.comment_count + sum(1 for one in issues if one.body)
    assert loaded.files == sum(len(one.attachments) for one in issues)
    assert loaded.relations == sum(len(one.relations) for one in issues)
    assert loaded.relations_missing == 0
    assert steps == [(done, 60) for done in range(1, 61)]


def test_every_issue_reads_back_as_it_was_written(generated: Generated, db: Any) -> None:
    corpus, loaded, _ = generated
    for one in corpus:
        node = db.issue.getnode(loaded.ids[one.key])
        assert node.title == one.title
        assert db.status.get(node.status, "name") == STATUSES[one.status]
        assert (db.priority.get(node.priority, "name") if node.priority else None) == PRIORITIES.get(one.priority)
        assert {db.keyword.get(keyword, "name") for keyword in node.keyword} == set(one.labels)
        assert (db.user.get(node.assignedto, "username") if node.assignedto else "") == one.assignee
        assert set(node.superseder) == {loaded.ids[key] for key in one.relations}
        assert db.user.get(node.creator, "username") == one.author


def test_every_message_keeps_its_author_date_and_text(generated: Generated, db: Any) -> None:
    corpus, loaded, _ = generated
    for one in corpus:
        expected = [(comment.author, comment.created, comment.text) for comment in one.comments]
        if one.body:
            expected.insert(0, (one.author, one.created, one.body))
        assert messages(db, loaded.ids[one.key]) == expected


def test_every_file_keeps_its_bytes(generated: Generated, db: Any) -> None:
    corpus, loaded, _ = generated
    seen = 0
    for one in corpus:
        files = db.issue.get(loaded.ids[one.key], "files")
        stored = [
            DemoFile(db.file.get(file, "name"), db.file.get(file, "type"), db.file.get(file, "binary_content"))
            for file in files
        ]
        assert sorted(stored, key=repr) == sorted(one.attachments, key=repr)
        seen += len(stored)
    assert seen > 0


def test_nobody_was_mailed(generated: Generated, home: Path) -> None:
    assert generated[1].messages > 0
    assert not (home / "mail.log").exists()


def test_an_issue_is_one_commit(home: Path, db: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    commits: list[str] = []
    original: Callable[..., None] = type(db).commit

    def counted(self: Any, *arguments: Any, **named: Any) -> None:
        commits.append("commit")
        original(self, *arguments, **named)

    monkeypatch.setattr(type(db), "commit", counted)
    load(home, made_of(issue("c1", labels=("fresh label",)), issue("c2", comments=(DemoComment("bob", "", "."),) * 3)))
    assert len(commits) == 2


def test_relations_forward_in_a_circle_and_to_nowhere(home: Path, db: Any) -> None:
    loaded = load(home, made_of(issue("r1", relations=("r2", "gone")), issue("r2", relations=("r1",))))
    first, second = loaded.ids["r1"], loaded.ids["r2"]
    assert db.issue.get(first, "superseder") == [second]
    assert db.issue.get(second, "superseder") == [first]
    assert (loaded.relations, loaded.relations_missing) == (2, 1)


def test_dirt_is_written_as_far_as_it_goes(home: Path, db: Any) -> None:
    comments = (DemoComment("", "", ""), DemoComment("bob", "2024-03-02T00:00:00Z", "a\r\nb " + "x" * 300_000))
    dirty = issue("d1", title="", body="", author="", created="", status="weird", priority="odd", comments=comments)
    loaded = load(home, made_of(dirty))
    node = db.issue.getnode(loaded.ids["d1"])
    assert (node.title or "", node.priority, db.status.get(node.status, "name")) == ("", None, "unread")
    stored = messages(db, loaded.ids["d1"])
    assert sorted(entry[2] for entry in stored) == ["", comments[1].text]
    assert {entry[0] for entry in stored} == {"admin", "bob"}


def test_users_and_keywords_that_are_there_are_used(home: Path) -> None:
    corpus = made_of(issue("u1", labels=("shared",), assignee="bob"))
    load(home, corpus)
    again = load(home, corpus)
    assert (again.users, again.keywords, again.issues) == (0, 0, 1)


def test_a_tracker_that_somebody_else_writes_is_reported_and_stays_as_it_was(home: Path, tmp_path: Path) -> None:
    busy = tmp_path / "busy"
    shutil.copytree(home, busy)
    config = busy / "config.ini"
    config.write_text(config.read_text().replace("sqlite_timeout = 30", "sqlite_timeout = 1"))
    with closing(sqlite3.connect(busy / "db" / "db")) as other:
        before = other.execute("select count(*) from _issue").fetchone()
        other.execute("begin immediate")
        with pytest.raises(TrackerUnavailable, match="is busy"):
            load(busy, made_of(issue("b1")))
        other.rollback()
        assert other.execute("select count(*) from _issue").fetchone() == before


def test_a_class_that_is_not_there_is_named(home: Path) -> None:
    with pytest.raises(UsageError, match=r"no class 'bug': use one of .*issue"):
        load(home, made_of(issue("x")), "bug")


def test_a_folder_that_is_no_tracker_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no Roundup tracker"):
        load(tmp_path, made_of(issue("x")))
