"""A tar of Jira's REST answers as a corpus."""

import tarfile
from pathlib import Path
from typing import Any

import pytest

from backbone.demo import archive, jira_archive
from backbone.errors import UsageError
from tests.unit.demo.archives import BOB, jira, jira_comment, jira_issue


def load(tmp_path: Path, files: dict[str, Any], *extra: tarfile.TarInfo) -> Any:
    return archive.load(jira(tmp_path / "a.tar.xz", files, extra))


def test_an_issue_keeps_its_fields(tmp_path: Path) -> None:
    (issue,) = load(tmp_path, {"ACME-1.json": jira_issue("ACME-1", parent={"key": "ACME-7"})})
    assert (issue.key, issue.title) == ("ACME-1", "ACME-1 leaks")
    assert (issue.created, issue.status, issue.priority) == ("2020-05-01T10:00:00Z", "in progress", "high")
    assert issue.labels == ("oil",)
    assert issue.relations == ("ACME-2", "ACME-7")


def test_nobody_real_is_left(tmp_path: Path) -> None:
    comments = [
        jira_comment("Thanks, Alice! bob's idea, says ALICE WUNDERLICH; @implementation Foo"),
        jira_comment("Signed: Baumeister", BOB),
    ]
    corpus = load(tmp_path, {"ACME-1.json": jira_issue("ACME-1", comments)})
    (issue,) = corpus
    shown = repr((corpus.people, issue)).lower()
    assert not [name for name in ("alice", "wunderlich", "bob", "baumeister", "acme.test") if name in shown]
    assert "@implementation Foo" in issue.comments[0].text
    bob = next(person for person in corpus.people if person.login == issue.assignee)
    assert issue.body == f"Ask [~{bob.login}] or {bob.email}."
    assert issue.comments[1].author == bob.login


def test_dirt_is_survived_and_counted(tmp_path: Path) -> None:
    comments = [jira_comment(None), {"body": "anonymous"}, jira_comment("long " * 200_000)]
    lying = jira_issue("D-1", comments, comment={"comments": comments, "total": 99}, summary=None, attachment=[{}, {}])
    corpus = load(
        tmp_path,
        {
            "D-1.json": lying,
            "project.json": {"key": "D"},
            "list.json": [1],
            "broken.json": b'{"key": ',
            "deep.json": b"[" * 100_000,
            "README.md": b"# no issue",
        },
    )
    (issue,) = corpus
    assert (issue.title, len(issue.comments), corpus.comment_count) == ("", 3, 3)
    assert (issue.comments[1].author, len(issue.comments[2].text)) == ("", 1_000_000)
    assert corpus.notes == {
        "attachments without content left out": 2,
        "comments without a text": 1,
        "comments without a time": 1,
        "comments without an author": 1,
        "files that are no JSON left out": 2,
        "files without fields left out": 2,
        "issues whose comment count lies": 1,
        "issues without a title": 1,
    }


def test_hostile_members_are_never_opened(tmp_path: Path) -> None:
    link = tarfile.TarInfo("link.json")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    device = tarfile.TarInfo("device.json")
    device.type = tarfile.CHRTYPE
    corpus = load(tmp_path, {"../../outside.json": jira_issue("H-1"), "/etc/x.json": jira_issue("H-2")}, link, device)
    assert [issue.key for issue in corpus] == ["H-1", "H-2"]
    assert corpus.notes["files that are too large or no files left out"] == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar.xz"]
    assert not (tmp_path.parent / "outside.json").exists()


def test_a_file_beyond_the_limit_is_left_out_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jira_archive, "FILE_BYTES_MAX", 10_000)
    large = jira_issue("L-1", [jira_comment("x" * 10_000)])
    corpus = load(tmp_path, {"L-1.json": large, "L-2.json": jira_issue("L-2")})
    assert [issue.key for issue in corpus] == ["L-2"]
    assert corpus.notes == {"files that are too large or no files left out": 1}


def test_an_archive_with_too_many_files_is_cut_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jira_archive, "MEMBERS_MAX", 2)
    corpus = load(tmp_path, {f"M-{n}.json": jira_issue(f"M-{n}") for n in range(4)})
    assert len(list(corpus)) == len(corpus) == 2
    assert corpus.notes == {"archives cut after 2 files": 1}


def test_a_tar_without_issues_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no Jira issue"):
        load(tmp_path, {"README.md": b"nothing"})
