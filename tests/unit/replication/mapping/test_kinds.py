"""Fields that are several here, or none: joined, composed, constant, comments that rules make."""

from typing import Any, ClassVar

import pytest

from backbone.errors import ConfigError
from backbone.model import COMMENT, Cell, Value
from tests.unit.replication.mapping.half import Half, translation

TEXT = {"text": {"type": "text"}}
LABELS = {"labels": {"type": "labels"}}
LEVEL = {"level": {"type": "choice"}}


class TestASetHereAndATextThere:
    def alice(self) -> Half:
        return Half(translation({"text": {"local": "keyword", "separator": ", "}}, TEXT))

    def test_members_are_joined_in_their_order(self) -> None:
        alice = self.alice()
        assert alice.edit(keyword=["ui", "db"], subject="x") == {Cell("text"): "db, ui"}
        assert alice.edit(keyword=["ui"]) == {Cell("text"): "ui"}
        assert alice.edit(keyword=[]) == {Cell("text"): None}

    def test_a_text_becomes_members(self) -> None:
        alice = self.alice()
        alice.hear({Cell("text"): "ui,  net , "})
        assert alice.members("keyword") == {"ui", "net"}
        assert alice.said_again() == {}
        assert alice.hear({Cell("text"): "net"}) == {Cell("keyword", "ui"): None}
        assert alice.hear({Cell("text"): None}) == {Cell("keyword", "net"): None}

    def test_a_member_with_the_separator_in_it_cannot_be_said(self) -> None:
        alice = self.alice()
        assert alice.edit(keyword=["a,b"]) == {}
        assert alice.problems[0].startswith("keyword: the value 'a,b' has ',' in it, which separates values")

    def test_members_of_the_partners_own_are_left_out(self) -> None:
        rule = {"local": "keyword", "separator": "; ", "values": {"A": "ui"}, "direction": "to_remote"}
        alice = Half(translation({"text": rule}, TEXT))
        assert alice.edit(keyword=["ui", "odd"]) == {}
        assert alice.problems == ("keyword: the value 'odd' has no row under fields.text.values",)


class TestATextHereAndASetThere:
    def alice(self, **more: Any) -> Half:
        return Half(translation({"labels": {"local": "parts", "separator": "\n", **more}}, LABELS))

    def test_a_text_becomes_members(self) -> None:
        alice = self.alice()
        assert alice.edit(parts="ui\ndb") == {Cell("labels", "ui"): True, Cell("labels", "db"): True}
        assert alice.edit(parts="ui") == {Cell("labels", "db"): None}
        assert alice.edit(parts=None) == {Cell("labels", "ui"): None}

    def test_members_become_a_text(self) -> None:
        alice = self.alice()
        assert alice.hear({Cell("labels", "ui"): True, Cell("labels", "db"): True}) == {Cell("parts"): "db\nui"}
        assert alice.said_again() == {}
        assert alice.hear({Cell("labels", "ui"): None, Cell("labels", "x"): True}) == {Cell("parts"): "db\nx"}
        assert alice.hear({Cell("labels", "x"): None, Cell("labels", "db"): None}) == {Cell("parts"): None}

    def test_a_member_with_the_separator_in_it_cannot_be_written(self) -> None:
        alice = self.alice()
        assert alice.hear({Cell("labels", "a\nb"): True}) == {}
        assert alice.problems[0].startswith("labels: the partner's value 'a\\nb' has '\\n' in it")

    def test_words_without_a_row_are_named(self) -> None:
        alice = self.alice(values={"A": "ui"})
        assert alice.hear({Cell("labels", "B"): True}) == {}
        assert alice.problems == ("labels: the partner's value 'B' has no row under fields.labels.values",)
        assert alice.edit(parts="ui\nodd") == {}
        assert alice.problems == ("parts: the value 'odd' has no row under fields.labels.values",)


class TestSeveralFieldsInOneText:
    RULE: ClassVar[dict[str, Any]] = {
        "concatenate": [
            {"local": "steps", "heading": "Steps"},
            {"local": "keyword", "heading": "Labels"},
            {"local": "notes"},
        ]
    }

    def test_each_stands_under_its_heading_and_what_is_not_edited_is_remembered(self) -> None:
        alice = Half(translation({"text": self.RULE}, TEXT))
        assert alice.edit(steps="run it", notes="odd") == {Cell("text"): "Steps\n\nrun it\n\nodd"}
        assert alice.edit(keyword=["ui", "db"]) == {Cell("text"): "Steps\n\nrun it\n\nLabels\n\ndb, ui\n\nodd"}
        assert alice.edit(steps=None, notes=None, keyword=[]) == {Cell("text"): None}
        assert alice.said_again() == {}

    def test_the_partner_cannot_write_it(self) -> None:
        alice = Half(translation({"text": self.RULE}, TEXT))
        assert alice.hear({Cell("text"): "other"}) == {}
        with pytest.raises(ConfigError, match=r"fields\.text: a constant or concatenate is for what goes out"):
            translation({"text": {**self.RULE, "direction": "to_local"}}, TEXT)

    def test_what_is_too_long_for_the_agreement_does_not_leave(self) -> None:
        alice = Half(translation({"text": self.RULE}, {"text": {"type": "text", "characters_max": 9}}))
        assert alice.edit(steps="run it") == {}
        assert alice.problems[0].startswith("fields.text: the value 'Steps")


class TestAnOrderedTable:
    RULE: ClassVar[dict[str, Any]] = {"first_match": [
        {"when": {"state": "resolved", "resolution": "fixed"}, "value": "fixed"},
        {"when": {"state": "resolved"}, "value": "rejected"},
        {"when": {"hidden": "true"}, "value": "secret"},
        {"when": {"state": "*", "resolution": ""}, "value": "open"},
    ]}  # fmt: skip

    def alice(self) -> Half:
        return Half(translation({"level": self.RULE}, LEVEL))

    def test_the_first_row_that_is_so_gives_the_value(self) -> None:
        alice = self.alice()
        assert alice.edit(state="unread") == {Cell("level"): "open"}
        assert alice.edit(hidden=True) == {Cell("level"): "secret"}
        assert alice.edit(state="resolved") == {Cell("level"): "rejected"}
        assert alice.edit(resolution="fixed") == {Cell("level"): "fixed"}
        assert alice.edit(state="deferred", hidden=None) == {Cell("level"): None}

    def test_a_value_writes_the_fields_of_its_first_row(self) -> None:
        alice = self.alice()
        assert alice.hear({Cell("level"): "fixed"}) == {Cell("state"): "resolved", Cell("resolution"): "fixed"}
        assert alice.said_again() == {}
        assert alice.hear({Cell("level"): "open"}) == {Cell("resolution"): None}
        assert alice.hear({Cell("level"): None}) == {}

    def test_a_value_without_a_row_is_named(self) -> None:
        alice = self.alice()
        assert alice.hear({Cell("level"): "odd"}) == {}
        assert alice.problems == ("level: the partner's value 'odd' has no row under fields.level.first_match",)


def test_a_constant_is_said_of_each_issue_made_here_once() -> None:
    words = translation({"text": {"constant": "ACME"}, "level": {"local": "state"}}, {**TEXT, **LEVEL})
    alice = Half(words)
    assert alice.edit(subject="x") == {Cell("text"): "ACME"}
    assert alice.edit(state="unread") == {Cell("level"): "unread"}
    theirs = Half(words)
    theirs.hear({Cell("level"): "unread"})
    assert theirs.edit(state="resolved") == {Cell("level"): "resolved"}


class TestCommentsThatRulesMake:
    def test_a_field_that_has_no_place_here_becomes_a_comment_whenever_it_changes(self) -> None:
        alice = Half(translation({"text": {"as_comment": "The supplier says:"}}, TEXT))
        alice.hear({Cell("text"): "soon"})
        alice.hear({Cell("text"): "now"})
        assert alice.comments() == ["The supplier says:\n\nsoon", "The supplier says:\n\nnow"]
        assert alice.hear({Cell("text"): None}) == {}

    def test_each_member_of_a_set_has_its_own(self) -> None:
        alice = Half(translation({"labels": {"as_comment": "Label:"}}, LABELS))
        alice.hear({Cell("labels", "a"): True, Cell("labels", "b"): True})
        assert alice.comments() == ["Label:\n\na", "Label:\n\nb"]

    def test_the_partner_never_hears_of_it(self) -> None:
        alice = Half(translation({"text": {"as_comment": "The supplier says:"}}, TEXT))
        made: Value = {"text": "mine", "author": "bot", "created": "now"}
        assert alice.capture({Cell(COMMENT, "~k1-text"): made}) == {}

    def test_an_issue_that_comes_without_a_comment_gets_one(self) -> None:
        words = translation({"text": {"local": "subject"}}, TEXT, comments={"if_none": "From Beta"})
        alice = Half(words)
        alice.hear({Cell("text"): "x"})
        alice.hear({Cell("text"): "y"})
        assert alice.comments() == ["From Beta"]
        alice = Half(words)
        alice.hear({Cell("text"): "x", Cell(COMMENT, "c-1"): {"text": "hello", "author": "Bob", "created": "then"}})
        assert alice.comments() == ["Bob wrote:\n\nhello"]


def test_two_agreed_fields_may_come_from_one_local_one() -> None:
    words = translation(
        {"text": {"local": "state", "direction": "to_remote"}, "level": {"local": "state"}}, {**TEXT, **LEVEL}
    )
    assert Half(words).edit(state="unread") == {Cell("text"): "unread", Cell("level"): "unread"}
