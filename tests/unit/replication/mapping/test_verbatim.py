"""What stands here in the partner's own words is read back without a translation: when that is so, and when not.

The law itself, that a translation would say the same, holds for every test that hears something (``half.Half.hear``).
"""

from collections.abc import Mapping
from typing import Any

import pytest

from backbone.model import COMMENT, ISSUE, Cell, Cells
from backbone.replication.mapping import Occasion
from backbone.richtext import CONVERT
from tests.unit.replication.mapping.half import Half, translation

TITLE, TEXT = Cell("title"), Cell("text")
TERMS: Mapping[str, Any] = {"title": {"type": "text"}, "text": {"type": "richtext"}}
SAME: Mapping[str, Any] = {"title": {"local": "subject"}, "text": {"local": "notes"}}
SAID: Cells = {TITLE: "one", TEXT: "two\n\n* see #3"}


def is_verbatim(half: Half, said: Cells) -> bool:
    """Also hears it, which checks the law where it is so, and that what is heard is not said again."""
    shadow = dict(half.shadow)
    inward = half.words.to_local(said, half.schema, half.names, shadow, bool)
    half.hear(said)
    assert half.problems == ()
    assert half.said_again() == {}
    return inward.verbatim


def half(fields: Mapping[str, Any] = SAME, terms: Mapping[str, Any] = TERMS, **more: Any) -> Half:
    return Half(translation(fields, terms, **more))


@pytest.mark.parametrize("said", [SAID, {TITLE: "one"}, {TEXT: "two"}, {TEXT: ""}, {TITLE: None}])
def test_fields_that_are_the_same_on_both_sides_are_the_partners_words(said: Cells) -> None:
    alice = half(text={"issues": ["#{id}"]})
    assert is_verbatim(alice, said)
    assert is_verbatim(alice, dict.fromkeys(said, "again"))


OTHERWISE: Mapping[str, tuple[dict[str, Any], Cells]] = {
    "another markup": ({"text": {"markup": "textile"}, "convert": CONVERT}, {TEXT: "a **word**"}),
    "a reference": ({"text": {"issues": ["#{id}"]}}, {TEXT: f"[#3](backbone:{ISSUE}/i-4)"}),
    "a reference to what is not here": ({"text": {"issues": ["#{id}"]}}, {TEXT: f"[#3](backbone:{ISSUE}/i-)"}),
    "a word that counts as none": (
        {"fields": {**SAME, "text": {"local": "notes", "counts_as_empty": ["-"]}}}, {TITLE: "a", TEXT: "-"}
    ),
    "a word instead of none": (
        {"fields": {**SAME, "text": {"local": "notes", "send_if_empty": "nothing"}}}, {TITLE: "a", TEXT: "b"}
    ),
    "one field in two": (
        {"fields": {"title": {"local": "subject"}, "text": {"local": "subject"}}}, {TITLE: "a"}
    ),
    "a table of values": (
        {"fields": {"title": {"local": "state", "values": {"new": "unread"}}}}, {TITLE: "new"}
    ),
    "a number of ours": (
        {"fields": {**SAME, "text": {"local": "@number", "direction": "to_remote"}}}, {TITLE: "a"}
    ),
    "a comment": ({}, {TITLE: "a", Cell(COMMENT, "c-1"): {"text": "t", "author": "b", "created": ""}}),
    "a headline": ({"fields": {"title": {"local": "subject"}, "text": {"as_comment": "They say:"}}}, SAID),
    "a first comment": ({"comments": {"if_none": "From afar"}}, SAID),
    "what nobody takes": ({"fields": {**SAME, "text": {"local": "notes", "direction": "to_remote"}}}, SAID),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERWISE)
def test_anything_else_is_translated(name: str) -> None:
    more, said = OTHERWISE[name]
    fields = more.get("fields", SAME)
    alice = half(fields, **{key: value for key, value in more.items() if key != "fields"})
    inward = alice.words.to_local(said, alice.schema, alice.names, {}, bool, Occasion("key", "then", fresh=True))
    assert not inward.verbatim
    alice.hear(said)
