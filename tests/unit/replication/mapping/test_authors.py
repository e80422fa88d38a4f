"""Who made an issue or a file is told by a comment of ours, where nobody here is known to be that person."""

from typing import Any

import pytest

from backbone.errors import ConfigError
from backbone.model import ATTACHMENT, COMMENT, Cell, Record
from tests.unit.replication.mapping.half import Half, translation

PEOPLE = {
    "issue_author_as_comment": "by {author}, {created}",
    "file_author_as_comment": "{name} by {author}, {created}",
}
FILE: Record = {
    "name": "log.txt",
    "type": "text/plain",
    "size": 1,
    "sha256": "0" * 64,
    "author": "Eve",
    "created": "now",
}
TITLE, LOG = Cell("title"), Cell(ATTACHMENT, "a-9")


def half(**more: Any) -> Half:
    return Half(translation({"title": {"local": "subject"}}, {"title": {"type": "text"}}, people=PEOPLE, **more))


def test_it_is_said_when_the_issue_or_the_file_is_made_and_never_again() -> None:
    alice = half()
    alice.hear({TITLE: "It leaks", LOG: FILE})
    assert alice.comments() == ["by Bob, then", "log.txt by Eve, now"]
    alice.hear({TITLE: "It drips", LOG: {**FILE, "name": "other.txt"}})
    alice.hear({LOG: None})
    assert len(alice.comments()) == 2


def test_who_is_known_here_needs_no_comment() -> None:
    alice = half(users={"ann": "Bob", "eve": "Eve"})
    alice.hear({TITLE: "It leaks", LOG: FILE})
    assert alice.comments() == []


def test_what_the_partner_calls_somebody_is_no_template() -> None:
    alice = half()
    alice.hear({TITLE: "It leaks", LOG: {**FILE, "author": "{created}{name}"}})
    assert alice.comments()[1] == "log.txt by {created}{name}, now"


def test_the_comment_is_ours_and_the_partner_never_hears_of_it() -> None:
    alice = half()
    alice.hear({TITLE: "It leaks"})
    assert any(cell.field == COMMENT for cell in alice.shown)
    assert alice.said_again() == {}


@pytest.mark.parametrize(("key", "text", "there"), [
    ("issue_author_as_comment", "{name}", "{name} stands for nothing; there are {author}, {created}"),
    ("file_author_as_comment", "{who}", "{who} stands for nothing; there are {author}, {created}, {name}"),
])  # fmt: skip
def test_a_hole_that_stands_for_nothing_is_named(key: str, text: str, there: str) -> None:
    with pytest.raises(ConfigError) as told:
        translation({}, {}, people={key: text})
    assert str(told.value).endswith(there)
