"""GitHub's issue archive as a corpus."""

from pathlib import Path
from typing import Any

from backbone.demo import archive
from backbone.demo.corpus import Corpus, DemoIssue
from tests.unit.demo.archives import github, github_issue


def load(tmp_path: Path, *issues: Any) -> Corpus:
    return archive.load(github(tmp_path / "archive.json", list(issues)))


def only(tmp_path: Path, **changed: Any) -> DemoIssue:
    (issue,) = load(tmp_path, github_issue(1, **changed))
    return issue


def test_an_issue_keeps_its_fields(tmp_path: Path) -> None:
    issue = only(tmp_path)
    assert (issue.key, issue.title, issue.body) == ("1", "Wheel 1 squeaks", "It squeaks.")
    assert (issue.created, issue.status, issue.priority) == ("2024-01-31T22:30:00Z", "open", "medium")
    assert issue.labels == ("bug", "noise")
    assert issue.comments[0].created == "2024-02-01T10:00:00Z"


def test_nobody_real_is_left(tmp_path: Path) -> None:
    corpus = load(tmp_path, github_issue(1, body="bob and Alice-W: see @bob, @stranger, bob@acme.test"))
    assert len(corpus.people) == 2
    (issue,) = corpus
    shown = repr((corpus.people, issue)).lower()
    assert not [name for name in ("alice-w", "bob", "stranger", "acme.test") if name in shown]
    assert issue.comments[0].text == f"Thanks @{issue.author}"
    assert issue.assignee == issue.comments[0].author


def test_a_person_is_called_the_same_in_every_archive(tmp_path: Path) -> None:
    first = only(tmp_path)
    second = only(tmp_path, author="bob", assignees=["ALICE-W"])
    assert (second.author, second.assignee) == (first.assignee, first.author)


def test_pull_requests_are_left_out_and_counted(tmp_path: Path) -> None:
    path = github(tmp_path / "archive.json", [github_issue(1)], pulls=5)
    corpus = archive.load(path)
    assert len(corpus) == 1
    assert corpus.notes == {"pull requests left out": 5}


def test_references_in_the_text_are_relations_to_issues_of_the_archive(tmp_path: Path) -> None:
    body = "Like #2 and #2, not #1 itself, pull #900, acme#3 or &#3;"
    corpus = load(tmp_path, github_issue(1, body=body), github_issue(2), github_issue(3))
    assert [issue.relations for issue in corpus] == [("2",), (), ()]


def test_dirt_is_survived_and_counted(tmp_path: Path) -> None:
    comments = [{"author": None, "body": None, "createdAt": "yesterday"}, {}, 5]
    dirty = github_issue(2, title=None, body=None, author=None, createdAt=None, comments=comments, assignees=None)
    corpus = load(tmp_path, dirty, {"number": "x"}, 7, github_issue(3, body="half \ud83d pair\0"))
    first, second = corpus
    assert (first.title, first.body, first.author, first.created, len(first.comments)) == ("", "", "", "", 2)
    assert second.body == "half ? pair"
    assert corpus.comment_count == 3
    assert corpus.notes == {
        "comments without a text": 2,
        "comments without a time": 2,
        "comments without an author": 2,
        "issues without a number left out": 2,
        "issues without a text": 1,
        "issues without a time": 1,
        "issues without a title": 1,
        "issues without an author": 1,
        "pull requests left out": 1,
    }
