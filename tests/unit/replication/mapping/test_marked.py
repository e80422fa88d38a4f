"""Rich text and comments of a tracker that has a markup of its own."""

from collections.abc import Iterator

import pytest

from backbone.model import COMMENT, Cell, Record
from backbone.replication.markup import ConversionFailed, Markup
from backbone.richtext import CONVERT
from tests.unit.replication.mapping.half import Half, names, translation

TEXT = Cell("description")
AGREED = {"description": {"type": "richtext"}, "title": {"type": "text"}}
FIELDS = {"description": {"local": "steps"}, "title": {"local": "subject"}}


@pytest.fixture(autouse=True)
def _pandoc() -> Iterator[None]:
    yield
    CONVERT.close()


def half(markup: str = "jira", own: str | None = None) -> Half:
    """``own``: the markup of the field, where it differs."""
    fields = {**FIELDS, "description": {"local": "steps", **({"markup": own} if own else {})}}
    return Half(translation(fields, AGREED, text={"markup": markup}, convert=CONVERT, terms={"comments": True}))


def comment(text: str, author: str = "ann") -> Record:
    return {"text": text, "author": author, "created": "2026-11-21T10:00:00Z"}


def test_rich_text_travels_as_markdown_and_other_text_as_it_is() -> None:
    said = half().edit(steps="h1. Stop\n\n*now*", subject="*no markup*")
    assert said == {TEXT: "# Stop\n\n**now**", Cell("title"): "*no markup*"}


def test_what_comes_is_written_in_the_tracker_s_markup_and_is_no_edit_of_ours() -> None:
    alice = half()
    alice.hear({TEXT: "# Stop\n\n*now*\n\n* a\n* b"})
    assert alice.value("steps") == "h1. Stop\n_now_\n\n* a\n* b"
    assert alice.said_again() == {}
    assert alice.shadow[TEXT].value == "# Stop\n\n*now*\n\n* a\n* b"


def test_an_edit_of_something_else_leaves_the_text_alone_on_both_sides() -> None:
    alice, bob = half("jira"), half("textile")
    said = alice.edit(steps="||a||b||\n|1|2|", subject="one")
    bob.hear(said)
    assert bob.said_again() == {}
    back = bob.edit(subject="two")
    assert alice.hear(back) == {Cell("subject"): "two"}
    assert alice.value("steps") == "||a||b||\n|1|2|"


def test_an_edit_there_comes_back_in_our_markup() -> None:
    alice, bob = half("jira"), half("textile")
    bob.hear(alice.edit(steps="h1. Stop\n\n*now*"))
    assert bob.value("steps") == "h1. Stop\n\n*now*"
    alice.hear(bob.edit(steps="h1. Stop\n\n_later_"))
    assert alice.value("steps") == "h1. Stop\n_later_"


def test_a_field_may_have_another_markup_than_the_rest() -> None:
    assert half("jira", own="html").edit(steps="<b>now</b>") == {TEXT: "**now**"}


def test_comments_are_said_in_both_markups() -> None:
    alice, bob = half("jira"), half("textile")
    said = alice.capture({Cell(COMMENT, "1"): comment("*now*")})
    (agreed,) = said.values()
    assert isinstance(agreed, dict)
    assert agreed["text"] == "**now**"
    bob.hear(said)
    assert bob.comments() == ["Ann Example wrote:\n\n*now*"]
    shown = {Cell(COMMENT, "1"): comment("Ann Example wrote:\n\n*now*", "bot")}
    assert bob.words.to_agreed(shown, bob.schema, names(), bob.shadow).cells == said


def test_a_text_that_cannot_be_said_is_left_out_with_a_sentence() -> None:
    def refuses(text: str, source: Markup, target: Markup) -> str:
        raise ConversionFailed(f"the text cannot be said in {target}: it takes too long")

    alice = Half(translation(FIELDS, AGREED, text={"markup": "rst"}, convert=refuses))
    assert alice.edit(steps="x", subject="one") == {Cell("title"): "one"}
    assert alice.problems == (
        "steps: the value 'x' is left out: the text cannot be said in markdown: it takes too long",
    )
    alice.hear({TEXT: "y"})
    assert "it takes too long" in alice.problems[0]
    assert alice.capture({Cell(COMMENT, "1"): comment("z")}) == {}
    assert "it takes too long" in alice.problems[0]
    assert alice.hear({Cell(COMMENT, "c-2"): comment("z", "Bo")}) == {}
    assert "it takes too long" in alice.problems[0]
