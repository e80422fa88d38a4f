"""What holds for every rule that goes both ways: what came in goes out the same, and twice is as good as once."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbone.model import CHOSEN, SETS, Cell, FieldType, Value
from tests.unit.replication.mapping.half import Half, translation

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12)
NUMBERS = st.integers(0, 99).map(str)
PLAIN = st.text("abc xyz", min_size=1, max_size=6).map(str.strip).filter(bool)
DAYS = st.dates().map(str)
MOMENTS = st.datetimes().map(lambda moment: f"{moment:%H:%M:%S}").map(lambda time: f"2026-11-21T{time}Z")

RULES: Mapping[str, tuple[dict[str, Any], dict[str, Any], st.SearchStrategy[str]]] = {
    "the same": ({"local": "subject"}, {"type": "text"}, WORDS),
    "a table": (
        {"local": "state", "values": {"new": ["unread", "chat*"], "open": "testing", "done": "resolved"}},
        {"type": "choice"}, st.sampled_from(["new", "open", "done"]),
    ),
    "a table for one way more": (
        {"local": "state", "values": {"new": "unread"}, "values_to_local": {"*": "deferred"}},
        {"type": "choice"}, WORDS,
    ),
    "templates": (
        {"local": "release", "patterns": [{"local": "Release {a}-{b}", "agreed": "{a}.{b}", "holes": {"b": "[0-9]+"}}]},
        {"type": "text"}, st.tuples(WORDS, NUMBERS).map(".".join),
    ),
    "templates that lose a part": (
        {"local": "release", "patterns": [{"local": "R{a} {b}", "agreed": "{a}", "holes": {"a": "[0-9]+"},
                                            "back": "R{a} x"}]},
        {"type": "version"}, NUMBERS,
    ),
    "a prefix of ours": ({"local": "subject", "strip_prefix": "ACME: "}, {"type": "text"}, WORDS),
    "a prefix of theirs": ({"local": "subject", "add_prefix": "[a] "}, {"type": "text"}, WORDS),
    "characters": ({"local": "subject", "allowed_characters": "a-z_"}, {"type": "text"}, WORDS),
    "length": ({"local": "subject", "characters_max": 3}, {"type": "text"}, WORDS),
    "characters, length and prefix": (
        {"local": "subject", "strip_prefix": "x", "add_prefix": "y", "characters_max": 4, "allowed_characters": "a-z_"},
        {"type": "text"}, WORDS,
    ),
    "instead of nothing": ({"local": "state", "write_if_empty": "unread"}, {"type": "choice"},
                           st.sampled_from(["unread", "resolved"])),
    "labels": ({"local": "keyword"}, {"type": "labels"}, WORDS),
    "labels with a prefix": ({"local": "keyword", "strip_prefix": "b/"}, {"type": "labels"}, WORDS),
    "labels of few characters": ({"local": "keyword", "allowed_characters": "a-z_"}, {"type": "labels"}, PLAIN),
    "labels in a text": ({"local": "parts", "separator": ", "}, {"type": "choices"}, PLAIN),
    "a day where moments are": ({"local": "since"}, {"type": "date"}, DAYS),
    "a moment where days are": ({"local": "due"}, {"type": "datetime"}, MOMENTS),
    "an ordered table": (
        {"first_match": [
            {"when": {"state": "resolved", "resolution": "fixed"}, "value": "fixed"},
            {"when": {"state": "resolved", "resolution": ""}, "value": "closed"},
            {"when": {"state": "unread"}, "value": "open"},
        ]}, {"type": "choice"}, st.sampled_from(["fixed", "closed", "open"]),
    ),
}  # fmt: skip


def half(name: str) -> tuple[Half, bool, st.SearchStrategy[str]]:
    rule, shared, values = RULES[name]
    kind = FieldType(shared["type"])
    assert kind in SETS | CHOSEN | set(FieldType)
    return Half(translation({"field": rule}, {"field": shared})), kind in SETS, values


def said(words: list[str], *, is_set: bool) -> list[dict[Cell, Value]]:
    """One word after the other; each second time a set loses its first one."""
    if not is_set:
        return [{Cell("field"): word} for word in words]
    return [
        {Cell("field", word): True} if index % 3 < 2 else {Cell("field", words[0]): None}
        for index, word in enumerate(words)
    ]


@pytest.mark.parametrize("name", RULES)
@given(data=st.data())
def test_what_comes_in_is_not_sent_back(name: str, data: st.DataObject) -> None:
    alice, is_set, values = half(name)
    for cells in said(data.draw(st.lists(values, min_size=1, max_size=5)), is_set=is_set):
        alice.hear(cells)
        assert alice.problems == ()
        assert alice.said_again() == {}
        for cell, value in cells.items():
            assert alice.shadow[cell].image == value or (value and alice.shadow[cell].image is None and is_set)


@pytest.mark.parametrize("name", RULES)
@given(data=st.data())
def test_the_same_again_writes_nothing(name: str, data: st.DataObject) -> None:
    alice, is_set, values = half(name)
    for cells in said(data.draw(st.lists(values, min_size=1, max_size=3)), is_set=is_set):
        alice.hear(cells)
        shown = dict(alice.shown)
        alice.hear(cells)
        assert alice.shown == shown


@pytest.mark.parametrize("name", [name for name, (rule, _, _) in RULES.items() if "first_match" not in rule])
@given(data=st.data())
def test_what_went_out_comes_back_as_something_that_goes_out_the_same(name: str, data: st.DataObject) -> None:
    alice, is_set, values = half(name)
    alice.hear(said(data.draw(st.lists(values, min_size=1, max_size=1)), is_set=is_set)[0])
    edited = dict(alice.shown)
    fresh, _, _ = half(name)
    out = fresh.capture(edited)
    other, _, _ = half(name)
    other.hear(out)
    assert other.said_again() == {}
    assert {c: r.value for c, r in other.shadow.items() if c in out} == out
