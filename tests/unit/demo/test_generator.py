"""The generated corpus is the same everywhere and holds what a replication has to survive."""

import zlib
from dataclasses import astuple
from hashlib import sha256
from itertools import pairwise

import pytest

from backbone.demo.corpus import Corpus, DemoIssue
from backbone.demo.generator import COMMENTS_MAX, generate
from backbone.demo.pictures import HEIGHT, WIDTH, bars

GOLDEN = "84ab4efd0c5870dee782173b817434ac6a2092c5fc5d39ce73c56985d4a68ef4"


def digest(corpus: Corpus) -> str:
    return sha256(repr([astuple(issue) for issue in corpus]).encode()).hexdigest()


@pytest.fixture(scope="module")
def issues() -> list[DemoIssue]:
    return list(generate(7, 400))


def test_the_same_seed_gives_the_same_bytes_for_ever() -> None:
    assert digest(generate(1, 300)) == GOLDEN


def test_a_corpus_can_be_walked_through_again() -> None:
    corpus = generate(3, 20)
    assert list(corpus) == list(corpus)


def test_another_seed_gives_other_issues() -> None:
    assert digest(generate(1, 5)) != digest(generate(2, 5))


def test_a_larger_corpus_begins_with_the_smaller_one() -> None:
    assert list(generate(5, 50))[:20] == list(generate(5, 20))


def test_the_counts_are_those_of_the_walk(issues: list[DemoIssue]) -> None:
    corpus = generate(7, 400)
    assert len(corpus) == len(issues) == 400
    assert corpus.comment_count == sum(len(issue.comments) for issue in issues)


def test_everybody_named_is_among_the_people_and_belongs_to_nobody(issues: list[DemoIssue]) -> None:
    corpus = generate(7, 400)
    logins = {person.login for person in corpus.people}
    assert len(logins) == len(corpus.people)
    for issue in issues:
        assert {issue.author, *(comment.author for comment in issue.comments)} <= logins
        assert issue.assignee == "" or issue.assignee in logins
    assert all(person.email == f"{person.login}@example.org" and person.login.isascii() for person in corpus.people)


def test_relations_lead_to_earlier_issues_only(issues: list[DemoIssue]) -> None:
    related = [issue for issue in issues if issue.relations]
    assert len(related) > 20
    assert all(0 < int(key) < int(issue.key) for issue in related for key in issue.relations)


def test_comments_follow_one_another_in_time(issues: list[DemoIssue]) -> None:
    counts = {len(issue.comments) for issue in issues}
    assert counts == set(range(COMMENTS_MAX + 1))
    for issue in issues:
        times = [issue.created, *(comment.created for comment in issue.comments)]
        assert all(earlier < later for earlier, later in pairwise(times))


def test_what_is_hard_to_carry_is_there(issues: list[DemoIssue]) -> None:
    bodies = [issue.body for issue in issues]
    texts = "".join(bodies)
    assert "" in bodies
    assert max(len(line) for body in bodies for line in body.splitlines()) > 5000
    assert [
        mark for mark in ("```c", "|---|", "## Steps", "ß", "ü", "再", "ж", "ي", "🚗", "\t") if mark not in texts
    ] == []
    assert {"", "critical", "high", "medium", "low", "trivial"} == {issue.priority for issue in issues}
    assert {"open", "in progress", "in review", "testing", "need info", "deferred", "closed"} == {
        issue.status for issue in issues
    }
    assert {attachment.type for issue in issues for attachment in issue.attachments} == {
        "text/csv",
        "image/png",
        "application/octet-stream",
    }


def test_no_placeholder_is_left_in_any_text(issues: list[DemoIssue]) -> None:
    texts = [text for issue in issues for text in (issue.title, issue.body, *(c.text for c in issue.comments))]
    assert not [
        text for text in texts if any(f"{{{word}}}" in text for word in ("component", "few", "person", "index"))
    ]


def test_titles_differ_and_stand_on_one_line(issues: list[DemoIssue]) -> None:
    assert len({issue.title for issue in issues}) > 350
    assert all(issue.title and issue.title == " ".join(issue.title.split()) for issue in issues)


def test_the_first_issues_can_be_held_in_memory(issues: list[DemoIssue]) -> None:
    held = generate(7, 400).first(30)
    assert list(held) == issues[:30]
    assert len(held) == 30
    assert held.comment_count == sum(len(issue.comments) for issue in issues[:30])


def test_a_picture_is_a_png_that_unpacks_to_its_rows() -> None:
    picture = bars([HEIGHT, 0] * (WIDTH // 2))
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    start = picture.index(b"IDAT") + 4
    rows = zlib.decompress(picture[start : picture.index(b"IEND") - 8])
    assert rows == (b"\0" + b"\x50\xf0" * (WIDTH // 2)) * HEIGHT
