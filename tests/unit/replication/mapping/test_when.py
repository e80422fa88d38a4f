"""Which way a field travels, when, and which issues take part."""

from typing import Any

import pytest

from backbone.errors import ConfigError
from backbone.model import ATTACHMENT, COMMENT, Cell, Record, Value
from backbone.replication.merge import Side
from tests.unit.replication.mapping.half import Half, translation

AGREED = {"title": {"type": "text"}, "status": {"type": "choice"}, "labels": {"type": "labels"}}
FIELDS = {"title": {"local": "subject"}, "status": {"local": "state"}, "labels": {"local": "keyword"}}
TITLE, STATUS, STATE = Cell("title"), Cell("status"), Cell("state")


def half(status: dict[str, Any] | None = None, **more: Any) -> Half:
    return Half(translation({**FIELDS, "status": {"local": "state", **(status or {})}}, AGREED, **more))


class TestDirections:
    def test_what_only_comes_in_does_not_leave_and_its_image_follows_the_tracker(self) -> None:
        alice = half({"direction": "to_local"})
        assert alice.edit(state="unread", subject="x") == {TITLE: "x"}
        assert alice.hear({STATUS: "resolved"}) == {STATE: "resolved"}
        assert alice.edit(state="unread") == {}
        assert alice.shadow[STATUS].image == "unread"
        assert alice.hear({STATUS: None}) == {STATE: None}

    def test_what_only_goes_out_is_not_written(self) -> None:
        alice = half({"direction": "to_remote"})
        assert alice.edit(state="unread") == {STATUS: "unread"}
        assert alice.hear({STATUS: "resolved"}) == {}
        assert alice.edit(state="deferred") == {STATUS: "deferred"}

    @pytest.mark.parametrize(("side", "sends"), [(Side.MASTER, True), (Side.SLAVE, False)])
    def test_the_agreement_says_who_may_write(self, side: Side, sends: bool) -> None:
        terms = {"comment_direction": "to_slave", "attachment_direction": "to_slave"}
        agreed = {"status": {"type": "choice", "direction": "to_slave"}}
        alice = Half(translation({"status": {"local": "state"}}, agreed, side=side, terms=terms))
        comment: Value = {"text": "t", "author": "ann", "created": "x"}
        file: Value = {"name": "f", "type": "a/b", "size": 5, "sha256": "0" * 64, "author": "ann", "created": "x"}
        cells = {STATE: "unread", Cell(COMMENT, "1"): comment, Cell(ATTACHMENT, "2"): file}
        assert len(alice.capture(cells)) == (3 if sends else 0)
        assert bool(alice.hear({STATUS: "resolved"})) is not sends


class TestOnly:
    def test_what_is_empty_there_is_filled(self) -> None:
        alice = half({"direction": "to_remote", "only": "if_empty"})
        assert alice.edit(state="unread") == {STATUS: "unread"}
        assert alice.edit(state="resolved") == {}
        bob = half({"direction": "to_remote", "only": "if_empty"})
        bob.hear({TITLE: "t", STATUS: "theirs"})
        assert bob.edit(state="unread") == {}

    def test_what_is_empty_here_is_filled(self) -> None:
        alice = half({"direction": "to_local", "only": "if_empty"})
        assert alice.hear({STATUS: "unread"}) == {STATE: "unread"}
        assert alice.hear({STATUS: "resolved"}) == {}
        bob = half({"direction": "to_local", "only": "if_empty"})
        bob.edit(state="chatting")
        assert bob.hear({STATUS: "unread"}) == {}
        bob.edit(state=None)
        assert bob.hear({STATUS: "deferred"}) == {STATE: "deferred"}

    def test_only_when_the_issue_is_made(self) -> None:
        alice = half({"only": "on_create"})
        assert alice.edit(state="unread") == {STATUS: "unread"}
        assert alice.edit(state="resolved") == {}
        assert alice.hear({STATUS: "deferred"}) == {}
        bob = half({"only": ["on_create"]})
        assert bob.hear({STATUS: "unread"}) == {STATE: "unread"}

    def test_only_when_it_is_changed(self) -> None:
        alice = half({"only": "on_update"})
        assert alice.edit(state="unread") == {}
        assert alice.edit(state="resolved") == {STATUS: "resolved"}
        bob = half({"only": "on_update"})
        assert bob.hear({STATUS: "unread"}) == {}
        assert bob.hear({STATUS: "resolved"}) == {STATE: "resolved"}

    def test_only_together_with_something_else(self) -> None:
        alice = half({"direction": "to_remote", "only": "with_other_changes"})
        assert alice.edit(state="unread") == {}
        assert alice.edit(state="resolved") == {}
        assert alice.edit(subject="x") == {TITLE: "x", STATUS: "resolved"}
        assert alice.edit(subject="y") == {TITLE: "y"}
        assert alice.edit(subject="z", state="unread") == {TITLE: "z", STATUS: "unread"}

    def test_a_composed_field_obeys_too(self) -> None:
        row = {"when": {"state": "resolved"}, "value": "done"}
        rule = {"first_match": [row], "only": "on_create"}
        alice = Half(translation({"status": rule}, {"status": {"type": "choice"}}))
        assert alice.edit(state="resolved") == {STATUS: "done"}
        assert alice.hear({STATUS: None}) == {}

    @pytest.mark.parametrize(
        ("rule", "words"),
        [
            ({"only": "if_empty"}, "needs a direction, to_local or to_remote"),
            ({"only": "with_other_changes"}, "is for what goes out: say direction = 'to_remote'"),
            ({"only": ["on_create", "on_update"]}, "together are always: leave both out"),
            ({"only": "sometimes"}, "Input should be"),
            ({"valuse": {}}, "there is no such key (did you mean 'values'?); docs/mapping.md shows"),
            ({"zzz": []}, "there is no such key; docs/mapping.md shows those that there are"),
            ({"patterns": [{"locl": "x"}]}, "there is no such key (did you mean 'local'?)"),
            ({"constant": "x"}, "needs one of local, constant, concatenate, first_match, as_comment"),
        ],
    )
    def test_what_cannot_be_is_named_with_its_place(self, rule: dict[str, Any], words: str) -> None:
        with pytest.raises(ConfigError, match=r"links/bob\.toml: fields\.status") as caught:
            half(rule)
        assert words in str(caught.value)

    def test_a_comment_is_for_what_comes_in(self) -> None:
        with pytest.raises(ConfigError, match="as_comment is for what comes in"):
            translation({"title": {"as_comment": "x", "direction": "to_remote"}}, {"title": {"type": "text"}})


def test_fixed_values_on_creation_and_on_each_change() -> None:
    alice = half(on_create={"release": "1.0", "keyword": ["a", "b"]}, on_update={"hidden": "yes"})
    assert alice.hear({TITLE: "x"}) == {
        Cell("subject"): "x", Cell("release"): "1.0", Cell("keyword", "a"): True, Cell("keyword", "b"): True,
    }  # fmt: skip
    assert alice.hear({TITLE: "y"}) == {Cell("subject"): "y", Cell("hidden"): "yes"}


class TestEntry:
    OURS = ({"local": "hidden", "values": ["", "false"]}, {"local": "state", "values": ["test*", "resolved"]})

    def test_an_issue_of_ours_enters_with_all_it_has_when_it_is_wanted(self) -> None:
        alice = half(only_if=list(self.OURS))
        comment: Record = {"text": "t", "author": "ann", "created": "x"}
        assert alice.edit(subject="x", hidden=True, state="testing", keyword=["ui"]) == {}
        assert alice.capture({Cell(COMMENT, "1"): comment}) == {}
        assert alice.edit(hidden=False) == {
            TITLE: "x", STATUS: "testing", Cell("labels", "ui"): True,
            Cell(COMMENT, "c-1"): {**comment, "author": "Ann Example"},
        }  # fmt: skip
        assert alice.said_again() == {}

    def test_an_issue_that_is_in_stays_in(self) -> None:
        alice = half(only_if=list(self.OURS))
        assert alice.edit(subject="x", state="testing") == {TITLE: "x", STATUS: "testing"}
        assert alice.edit(state="unread") == {STATUS: "unread"}

    def test_what_stays_at_home_stays_there_when_the_issue_enters(self) -> None:
        alice = half({"direction": "to_local"}, only_if=list(self.OURS))
        alice.edit(subject="x", state="unread")
        assert alice.edit(state="testing") == {TITLE: "x"}

    def test_an_issue_of_the_partners_is_ours_to_change(self) -> None:
        alice = half(only_if=list(self.OURS))
        alice.hear({TITLE: "x"})
        assert alice.edit(subject="y") == {TITLE: "y"}

    @pytest.mark.parametrize(
        ("values", "cells", "wanted"),
        [
            (["*"], {STATUS: "new"}, True), (["*"], {STATUS: None}, False), ([""], {}, True), (["new"], {}, False),
            (["n*"], {STATUS: "new"}, True), (["old", "new"], {STATUS: "new"}, True),
        ],
    )  # fmt: skip
    def test_an_issue_of_the_partners_is_wanted_or_not(
        self, values: list[str], cells: dict[Cell, Value], wanted: bool
    ) -> None:
        words = half(only_if=[{"agreed": "status", "values": values}]).words
        assert words.entry.theirs(cells) is wanted

    @pytest.mark.parametrize(
        ("condition", "labels", "wanted"),
        [
            ({"except_values": ["s*"]}, [], True), ({"except_values": ["s*"]}, ["ui"], True),
            ({"except_values": ["s*"]}, ["ui", "secret"], False), ({"except_values": [""]}, [], False),
            ({"values": ["ui"], "except_values": ["s*"]}, [], False), ({"except_values": [""]}, ["ui"], True),
            ({"values": ["ui"], "except_values": ["s*"]}, ["ui", "db"], True),
            ({"values": ["*"], "except_values": ["s*"]}, [], False),
        ],
    )  # fmt: skip
    def test_all_but_some(self, condition: dict[str, list[str]], labels: list[str], wanted: bool) -> None:
        entry = half(only_if=[{"agreed": "labels", **condition}]).words.entry
        assert entry.theirs({Cell("labels", label): True for label in labels}) is wanted

    def test_a_set_has_one_of_the_values_and_a_flag_is_true_or_false(self) -> None:
        entry = half(
            only_if=[{"agreed": "labels", "values": ["ui"]}, {"agreed": "title", "values": ["true"]}]
        ).words.entry
        assert entry.theirs({Cell("labels", "ui"): True, Cell("labels", "db"): True, TITLE: True})
        assert not entry.theirs({Cell("labels", "ui"): None, TITLE: True})

    def test_a_condition_names_one_field(self) -> None:
        with pytest.raises(ConfigError, match=r"only_if\.0: needs either local .* or agreed"):
            half(only_if=[{"local": "state", "agreed": "status"}])
