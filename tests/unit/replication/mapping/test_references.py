"""Issue keys, files and mentions inside texts: what is meant travels, and an unedited round trip changes nothing."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backbone.errors import ConfigError
from backbone.model import COMMENT, Cell, Cells, Field, FieldType, Person, Schema
from backbone.replication.mapping import Names
from backbone.richtext import CONVERT
from tests.unit.replication.mapping.half import Half, translation

TEXT = Cell("text")
OURS = Cell(COMMENT, "c-1")
FORMS = {"issue": ("#{id}", "issue{id}"), "attachment": ("file{id}",), "user": ("@{login}",)}


class Tracker:
    """Local names by gid; everything else is unknown to the link."""

    def __init__(self, called: dict[str, str]) -> None:
        self.called = called

    def names(self) -> Names:
        return Names(
            lambda kind, local: self.shared(kind, local) or f"{kind[0]}-{local}", self.called.get,
            lambda gid: not gid.startswith("b"), lambda *_: False, self.shared,
        )  # fmt: skip

    def shared(self, kind: str, local: str) -> str | None:
        return next((gid for gid, name in self.called.items() if name == local and kind[0] in gid[:2]), None)


def half(called: dict[str, str], forms: Any = FORMS, login: str = "ann", **text: Any) -> tuple[Half, Tracker]:
    fields = {"text": {"local": "text"}}
    agreed = {"text": {"type": "richtext"}}
    schema = Schema({"text": Field("text", FieldType.TEXT)}, {login: Person(login, login)}, references=forms)
    words = translation(fields, agreed, text=text, users={login: "Ann@x (A)"}, convert=CONVERT)
    alice, tracker = Half(words, schema), Tracker(called)
    alice.names = tracker.names()
    return alice, tracker


def written(one: Half) -> Any:
    return one.shown[TEXT]


ALICE = {"i-12": "12", "i-3": "3", "a-f": "file5"}
BOB = {"i-12": "7", "i-3": "12", "a-f": "file9"}


class TestTranslated:
    def test_what_both_sides_have_is_named_as_each_side_names_it(self) -> None:
        alice, _ = half(ALICE)
        bob, _ = half(BOB, login="ann2")
        said = alice.edit(text="#12, issue3 (file5), @ann and #99 of @bob")
        bob.hear(said)
        assert written(bob) == "#7, #12 (file9), @ann2 and #99 of @bob"
        assert bob.said_again() == {}
        assert alice.said_again() == {}

    def test_an_edit_there_comes_back_with_every_other_name_as_it_was(self) -> None:
        alice, _ = half(ALICE)
        bob, _ = half(BOB, login="ann2")
        bob.hear(alice.edit(text="#12, issue3"))
        alice.hear(bob.edit(text="#7, #12, and file9"))
        assert written(alice) == "#12, #3, and file5"
        assert alice.said_again() == {}

    @pytest.mark.parametrize(
        "text",
        ["x#12", "##12", "#12a", "#12-3", "https://x.example/i#12", "/#12", "issue 12", "#999", "@anna", "a@ann"],
    )
    def test_what_only_looks_like_a_name_stays(self, text: str) -> None:
        alice, _ = half(ALICE)
        assert alice.edit(text=text) == {TEXT: text}

    def test_keys_of_projects(self) -> None:
        alice, _ = half({"i-1": "PROJ-12"}, {"issue": ("{key}",)})
        bob, _ = half({"i-1": "4"})
        bob.hear(alice.edit(text="PROJ-12, XPROJ-12 and PROJ-123"))
        assert written(bob) == "#4, XPROJ-12 and PROJ-123"

    def test_nothing_is_looked_for_where_no_form_is_known(self) -> None:
        alice, _ = half(ALICE, {})
        assert alice.edit(text="#12") == {TEXT: "#12"}
        alice.hear({TEXT: "[#7](backbone:issue/i-12)"})
        assert written(alice) == "#7"
        assert alice.said_again() == {}

    def test_the_links_file_has_the_last_word(self) -> None:
        alice, _ = half(ALICE, issues=["bug{id}"], people=[])
        assert alice.edit(text="bug12 #12 @ann") == {TEXT: "[bug12](backbone:issue/i-12) #12 @ann"}

    def test_in_another_markup(self) -> None:
        alice, _ = half(ALICE, markup="textile")
        bob, _ = half(BOB, markup="jira")
        bob.hear(alice.edit(text="*see* #12 and\n\n#3"))
        assert written(bob) == "*see* #7 and\n\n#12"
        assert bob.said_again() == alice.said_again() == {}

    def test_comments_too(self) -> None:
        alice, _ = half(ALICE)
        bob, _ = half(BOB)
        said = alice.capture({Cell(COMMENT, "1"): {"text": "see #12", "author": "x", "created": ""}})
        assert said == {OURS: {"text": "see [#12](backbone:issue/i-12)", "author": "x", "created": ""}}
        bob.heard.add("c-1")
        bob.names = Names(
            lambda kind, local: f"{kind[0]}-{local}", lambda gid: BOB.get(gid, gid[2:]), lambda _: False,
            lambda *_: False,
        )  # fmt: skip
        bob.hear(said)
        assert bob.comments() == ["x wrote:\n\nsee #7"]
        assert bob.said_again() == {}
        edited = bob.capture({Cell(COMMENT, "1"): {"text": "not #12", "author": "bot", "created": ""}})
        assert edited == {OURS: {"text": "not #12", "author": "x", "created": ""}}

    def test_a_field_that_becomes_a_comment(self) -> None:
        alice, _ = half(BOB)
        agreed = {"text": {"type": "richtext"}}
        alice.words = translation({"text": {"as_comment": "They say:"}}, agreed)
        alice.hear({TEXT: "[#12](backbone:issue/i-12)"})
        assert alice.comments() == ["They say:\n\n#7"]


class TestNotHereYet:
    SAID = "see [#12](backbone:issue/i-12) and [#3](backbone:issue/i-3)"

    def test_it_stands_as_it_was_written_and_waits(self) -> None:
        bob, tracker = half({})
        bob.hear({TEXT: self.SAID})
        assert written(bob) == "see #12 and #3"
        assert bob.said_again() == {}
        assert bob.shadow[TEXT].value == self.SAID
        assert bob.shadow[TEXT].image != self.SAID  # so that it is written again
        inward = bob.words.to_local({TEXT: self.SAID}, bob.schema, bob.names, bob.shadow, bool)
        assert inward.waiting == {TEXT: "ref:i-12"}
        tracker.called.update({"i-12": "7"})
        inward = bob.words.to_local({TEXT: self.SAID}, bob.schema, bob.names, bob.shadow, bool)
        assert (inward.waiting, inward.cells) == ({TEXT: "ref:i-3"}, {TEXT: "see #7 and #3"})
        assert bob.said_again() == {}  # it still stands as it was written

    def test_an_edit_meanwhile_keeps_what_was_meant(self) -> None:
        bob, _ = half({"i-x": "12"})
        bob.hear({TEXT: self.SAID})
        assert bob.edit(text="#12 only") == {TEXT: "[#12](backbone:issue/i-12) only"}

    def test_a_comment_waits_too(self) -> None:
        bob, _ = half({})
        said: Cells = {Cell(COMMENT, "b-1"): {"text": self.SAID, "author": "x", "created": ""}}
        inward = bob.words.to_local(said, bob.schema, bob.names, {}, bool)
        assert inward.waiting == {Cell(COMMENT, "b-1"): "ref:i-12"}
        assert [v["text"] for v in inward.cells.values() if isinstance(v, dict)] == ["x wrote:\n\nsee #12 and #3"]

    def test_files_and_people_are_not_waited_for(self) -> None:
        bob, _ = half({})
        said = "[file5](backbone:attachment/a-f) [@eve](backbone:user/eve)"
        inward = bob.words.to_local({TEXT: said}, bob.schema, bob.names, {}, bool)
        assert (inward.waiting, inward.cells) == ({}, {TEXT: "file5 @eve"})


class TestLaws:
    WORDS = st.lists(
        st.sampled_from(["#12", "issue3", "#3", "file5", "@ann", "#99", " ", "[", "](", "[#12](backbone:issue/i-3)"])
        | st.text(max_size=4)
    ).map("".join)  # fmt: skip

    @given(WORDS)
    @example("#3[#12](backbone:issue/i-3)")
    def test_an_unedited_round_trip_changes_nothing(self, text: str) -> None:
        alice, _ = half(ALICE)
        bob, _ = half(BOB, login="ann2")
        said = alice.edit(text=text or "x")
        bob.hear(said)
        assert bob.said_again() == {}
        assert alice.said_again() == {}
        assert bob.shadow[TEXT].image == said[TEXT]

    @given(WORDS)
    def test_whatever_the_partner_says_is_not_sent_back(self, text: str) -> None:
        alice, _ = half({"i-12": "4"})
        alice.hear({TEXT: text or "x"})
        assert alice.said_again() == {}


class TestForms:
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ({"issues": ["#"]}, r"issues: '#' must have \{id\} or \{key\} in it once"),
            ({"issues": ["{id}-{id}"]}, "must have"), ({"people": ["@{id}"]}, r"must have \{login\}"),
            ({"attachments": ["[{id}]"]}, "no brackets"), ({"issue": ["#{id}"]}, r"text\.issue: .* mean 'issues'"),
        ],
    )  # fmt: skip
    def test_a_form_that_cannot_be_is_named(self, text: Any, words: str) -> None:
        with pytest.raises(ConfigError, match=words):
            half({}, **text)

    @pytest.mark.parametrize("form", ["#{id}", "see_x{id}", "~x{id}", "tracker-issue{id}", "ä{id}-z", "{id}"])
    def test_each_is_found_also_where_markdown_escapes_its_signs(self, form: str) -> None:
        word = form.format(id="12")
        for text in (word, "".join(c if c.isalnum() else f"\\{c}" for c in word)):
            alice, _ = half(ALICE, {"issue": (form,)})
            assert alice.edit(text=text) == {TEXT: f"[{word}](backbone:issue/i-12)"}
