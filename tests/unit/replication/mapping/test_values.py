"""One value of one field: tables, wildcards, expressions, prefixes, characters, forms."""

from typing import Any, ClassVar

import pytest

from backbone.errors import ConfigError
from backbone.model import Cell, Cells, Value
from tests.unit.replication.mapping.half import Half, translation

STATUS = {"status": {"type": "choice"}}
VERSION = {"version": {"type": "version"}}
TEXT = {"text": {"type": "text"}}
LABELS = {"labels": {"type": "labels"}}


def half(rule: dict[str, Any], agreed: dict[str, Any]) -> Half:
    (name,) = agreed
    return Half(translation({name: rule}, agreed))


def said(cells: Cells) -> Value:
    (value,) = cells.values()
    return value


class TestTables:
    RULE: ClassVar[dict[str, Any]] = {"local": "state", "values": {"open": ["chatting", "test*"], "new": "unread"}}

    def test_a_wildcard_covers_what_no_row_names(self) -> None:
        alice = half(self.RULE, STATUS)
        assert said(alice.edit(state="testing")) == "open"
        assert said(alice.edit(state="unread")) == "new"

    def test_the_first_value_is_the_way_back(self) -> None:
        assert half(self.RULE, STATUS).hear({Cell("status"): "open"}) == {Cell("state"): "chatting"}

    def test_a_star_with_a_stroke_is_a_star(self) -> None:
        rule = {"local": "release", "values": {"any": r"\*", "one": ["1*\\*"]}, "direction": "to_remote"}
        alice = half(rule, TEXT)
        assert said(alice.edit(release="*")) == "any"
        assert said(alice.edit(release="1.0*")) == "one"
        alice.edit(release="1.0")
        assert alice.problems == ("release: the value '1.0' has no row under fields.text.values",)

    @pytest.mark.parametrize(
        ("rule", "here", "there"),
        [
            ({"values": {"größer": ["größte", "größ*ß😀"]}}, "größer als ß😀", "größer"),
            ({"patterns": [{"local": "Größe {ü}", "agreed": "{ü}"}]}, "Größe {ü}", "{ü}"),
            (
                {"patterns": [{"local": "Größe «{u}»", "agreed": "«{u}»", "holes": {"u": "[ä-ü]+"}}]},
                "Größe «äü»",
                "«äü»",
            ),
        ],
    )
    def test_words_of_any_script(self, rule: dict[str, Any], here: str, there: str) -> None:
        assert said(half({"local": "release", **rule}, TEXT).edit(release=here)) == there

    def test_rows_for_one_way_only_come_after_the_others(self) -> None:
        rule = {**self.RULE, "values_to_local": {"clo*": "resolved"}, "values_to_remote": {"*": "other"}}
        alice = half(rule, STATUS)
        assert alice.hear({Cell("status"): "closed"}) == {Cell("state"): "resolved"}
        assert alice.said_again() == {}
        assert said(alice.edit(state="deferred")) == "other"

    def test_members_that_the_tracker_does_not_have_are_named(self) -> None:
        alice = half({"local": "area"}, LABELS)
        assert alice.hear({Cell("labels", "core"): True, Cell("labels", "odd"): True}) == {Cell("area", "core"): True}
        assert alice.problems[0].startswith("labels: area has no value 'odd' here; add it to the tracker")

    def test_what_could_not_be_written_does_not_hinder_what_is_edited_here(self) -> None:
        alice = half({"local": "state", "values": {"new": "unread"}, "values_to_local": {"clo*": "resolved"}}, STATUS)
        assert alice.hear({Cell("status"): "odd"}) == {}
        assert said(alice.edit(state="unread")) == "new"

    def test_a_table_in_one_way_leaves_the_other_as_it_is(self) -> None:
        alice = half({"local": "state", "values_to_local": {"done": "resolved"}}, STATUS)
        assert said(alice.edit(state="unread")) == "unread"

    def test_a_flag_may_be_a_choice_elsewhere(self) -> None:
        flag = {"private": {"type": "boolean"}}
        alice = half({"local": "yes_no", "values": {"true": "yes", "false": "no"}}, flag)
        assert said(alice.edit(yes_no="yes")) is True
        assert alice.hear({Cell("private"): False}) == {Cell("yes_no"): "no"}

    def test_a_choice_may_be_a_flag_here(self) -> None:
        level = {"level": {"type": "choice"}}
        alice = half({"local": "hidden", "values": {"secret": "true", "open": "false"}}, level)
        assert said(alice.edit(hidden=True)) == "secret"
        assert alice.hear({Cell("level"): "open"}) == {Cell("hidden"): False}


class TestPatterns:
    RULE: ClassVar[dict[str, Any]] = {"local": "release", "patterns": [
        {"local": "Release {major}.{minor}", "agreed": "{major}.{minor}", "holes": {"minor": "[0-9]+"}},
        {"local": "Nightly {day}", "agreed": "nightly", "back": "Nightly build"},
    ]}  # fmt: skip

    def test_what_stands_in_the_holes_goes_both_ways(self) -> None:
        alice = half(self.RULE, TEXT)
        assert said(alice.edit(release="Release 4.12")) == "4.12"
        assert alice.hear({Cell("text"): "5.0"}) == {Cell("release"): "Release 5.0"}
        assert alice.said_again() == {}

    def test_what_is_lost_has_one_way_back(self) -> None:
        alice = half(self.RULE, TEXT)
        assert said(alice.edit(release="Nightly 12")) == "nightly"
        alice = half(self.RULE, TEXT)
        assert alice.hear({Cell("text"): "nightly 2"}) == {}
        assert alice.problems == ("text: the partner's value 'nightly 2' has no row under fields.text.values",)
        assert alice.hear({Cell("text"): "nightly"}) == {Cell("release"): "Nightly build"}

    @pytest.mark.parametrize(
        ("pattern", "words"),
        [
            ({"local": "{a}", "agreed": "{a}", "holes": {"a": "("}}, "is no regular expression of RE2"),
            ({"local": "{a}{a}", "agreed": "{a}"}, "has a hole of the same name twice"),
            ({"local": "x", "agreed": "{a}"}, "has a hole that 'x' does not have"),
            ({"local": "{a}", "agreed": "x", "back": "{a}"}, "has a hole that the agreed text does not have"),
        ],
    )
    def test_what_cannot_be_is_named_with_its_place(self, pattern: dict[str, Any], words: str) -> None:
        with pytest.raises(ConfigError, match=r"the mapping: fields\.text: .*") as caught:
            half({"local": "release", "patterns": [pattern]}, TEXT)
        assert words in str(caught.value)

    def test_an_expression_that_would_hang_python_is_answered_at_once(self) -> None:
        rule = {"local": "release", "patterns": [{"local": "{a}", "agreed": "{a}", "holes": {"a": "(a+)+"}}]}
        alice = half(rule, TEXT)
        assert alice.edit(release="a" * 40 + "!") == {}
        assert said(alice.edit(release="a" * 40)) == "a" * 40


class TestPrefixes:
    def test_a_prefix_of_ours_is_not_seen_elsewhere(self) -> None:
        alice = half({"local": "subject", "strip_prefix": "ACME: "}, TEXT)
        assert said(alice.edit(subject="ACME: it leaks")) == "it leaks"
        assert alice.hear({Cell("text"): "it drips"}) == {Cell("subject"): "ACME: it drips"}
        assert said(alice.edit(subject="plain")) == "plain"

    def test_a_prefix_of_theirs_is_not_seen_here(self) -> None:
        alice = half({"local": "subject", "add_prefix": "[acme] "}, TEXT)
        assert said(alice.edit(subject="it leaks")) == "[acme] it leaks"
        assert alice.hear({Cell("text"): "[acme] it drips"}) == {Cell("subject"): "it drips"}
        assert alice.hear({Cell("text"): "without"}) == {Cell("subject"): "without"}
        assert alice.said_again() == {}

    def test_labels_without_our_prefix_stay_at_home_and_are_left_alone(self) -> None:
        alice = half({"local": "keyword", "strip_prefix": "beta/"}, LABELS)
        assert alice.edit(keyword=["beta/urgent", "private", "beta/"]) == {Cell("labels", "urgent"): True}
        assert alice.hear({Cell("labels", "urgent"): None, Cell("labels", "ui"): True}) == {
            Cell("keyword", "beta/urgent"): None, Cell("keyword", "beta/ui"): True,
        }  # fmt: skip
        assert alice.members("keyword") == {"private", "beta/", "beta/ui"}

    def test_labels_of_the_partners_own_are_left_to_the_partner(self) -> None:
        alice = half({"local": "keyword", "add_prefix": "acme/"}, LABELS)
        assert alice.edit(keyword=["urgent"]) == {Cell("labels", "acme/urgent"): True}
        assert alice.hear({Cell("labels", "theirs"): True, Cell("labels", "acme/ui"): True}) == {
            Cell("keyword", "ui"): True
        }


class TestCharacters:
    def test_what_may_not_stand_here_is_replaced_and_does_not_go_back_so(self) -> None:
        alice = half({"local": "keyword", "allowed_characters": "a-z0-9-", "replace_with": "-"}, LABELS)
        assert alice.hear({Cell("labels", "needs work!"): True}) == {Cell("keyword", "needs-work-"): True}
        assert alice.said_again() == {}
        assert alice.edit(keyword=[]) == {Cell("labels", "needs work!"): None}
        assert alice.edit(keyword=["own"]) == {Cell("labels", "own"): True}

    def test_what_had_no_row_here_does_not_hinder_the_others(self) -> None:
        rule = {"local": "keyword", "values_to_local": {"new*": "n"}, "values": {"UI": "ui"}}
        alice = half(rule, LABELS)
        alice.hear({Cell("labels", "odd"): True})
        assert alice.problems
        assert alice.edit(keyword=["ui"]) == {Cell("labels", "UI"): True}

    def test_long_texts_are_cut_here_and_stay_whole_there(self) -> None:
        alice = half({"local": "subject", "characters_max": 4}, TEXT)
        assert alice.hear({Cell("text"): "abcdef"}) == {Cell("subject"): "abcd"}
        assert alice.said_again() == {}
        assert said(alice.edit(subject="abcde")) == "abcde"

    def test_the_replacement_must_be_allowed_itself(self) -> None:
        with pytest.raises(ConfigError, match="replace_with is '_', which allowed_characters do not hold"):
            half({"local": "subject", "allowed_characters": "a-z"}, TEXT)


class TestForms:
    def test_a_day_and_a_moment(self) -> None:
        day, moment = {"day": {"type": "date"}}, {"at": {"type": "datetime"}}
        alice = half({"local": "since"}, day)
        assert said(alice.edit(since="2026-11-21T09:30:00Z")) == "2026-11-21"
        assert alice.said_again() == {}
        assert said(alice.edit(since=None)) is None
        assert alice.hear({Cell("day"): "2026-12-01"}) == {Cell("since"): "2026-12-01T00:00:00Z"}
        assert said(half({"local": "due"}, day).edit(due="2026-11-21")) == "2026-11-21"
        alice = half({"local": "due"}, moment)
        assert said(alice.edit(due="2026-11-21")) == "2026-11-21T00:00:00Z"
        assert alice.hear({Cell("at"): "2026-12-01T12:00:00Z"}) == {Cell("due"): "2026-12-01"}
        assert alice.said_again() == {}
        assert half({"local": "since"}, moment).hear({Cell("at"): "2026-12-01T12:00:00Z"}) == {
            Cell("since"): "2026-12-01T12:00:00Z"
        }

    def test_what_the_agreement_does_not_allow_does_not_leave(self) -> None:
        alice = half({"local": "hours"}, {"hours": {"type": "number"}})
        assert alice.edit(hours="many") == {}
        assert alice.problems == (
            "fields.hours: the value 'many' is none that the agreement allows, or not in its form",
        )
        assert said(alice.edit(hours="2.5")) == "2.5"
        alice = half({"local": "subject"}, {"day": {"type": "date"}})
        assert alice.edit(subject="soon") == {}
        assert "'soon'" in alice.problems[0]
        alice = half({"local": "keyword"}, {"labels": {"type": "labels", "values": ["ui"]}})
        assert alice.edit(keyword=["ui", "other"]) == {Cell("labels", "ui"): True}
        assert alice.edit(keyword=["ui"]) == {}

    def test_a_comment_longer_than_agreed_does_not_leave(self) -> None:
        alice = Half(translation({"text": {"local": "subject"}}, TEXT, terms={"comment_characters_max": 3}))
        long: Value = {"text": "four", "author": "ann", "created": "now"}
        assert alice.capture({Cell("comment", "c1"): long}) == {}
        assert alice.problems == ("comment c1: the value 'four' is longer than the agreement allows",)

    def test_a_file_of_another_type_stays_at_home(self) -> None:
        alice = Half(translation({"text": {"local": "subject"}}, TEXT, terms={"attachment_types": ["image/*"]}))
        file: Value = {"name": "f", "type": "text/html", "size": 5, "sha256": "0" * 64, "author": "ann", "created": "x"}
        assert alice.capture({Cell("attachment", "a1"): file}) == {}
        assert alice.problems == ()


class TestEmpty:
    def test_what_is_said_instead_of_nothing(self) -> None:
        alice = half({"local": "state", "send_if_empty": "new"}, STATUS)
        assert said(alice.edit(subject="x")) == "new"
        assert alice.edit(subject="y") == {}
        assert said(alice.edit(state="resolved")) == "resolved"
        assert said(alice.edit(state=None)) == "new"

    def test_what_is_written_instead_of_nothing(self) -> None:
        alice = half({"local": "state", "write_if_empty": "unread"}, STATUS)
        alice.hear({Cell("status"): "resolved"})
        assert alice.hear({Cell("status"): None}) == {Cell("state"): "unread"}
        assert alice.said_again() == {}
        assert said(half({"local": "state", "write_if_empty": "unread"}, STATUS).edit(state="unread")) == "unread"

    def test_what_says_nothing(self) -> None:
        rule = {"local": "release", "counts_as_empty": ["?", "none"]}
        alice = half(rule, VERSION)
        assert alice.edit(release="?") == alice.edit(release="none") == {}
        assert said(alice.edit(release="4")) == "4"
        assert alice.edit(release="none") == {Cell("version"): None}
        alice.hear({Cell("version"): "?"})
        assert (alice.value("release"), alice.said_again()) == ("?", {})
        full = half({**rule, "send_if_empty": "first"}, VERSION)
        assert said(full.edit(release="?")) == "first"

    def test_a_set_has_no_value_that_says_nothing(self) -> None:
        with pytest.raises(ConfigError, match=r"fields\.labels: counts_as_empty is for fields with one value"):
            half({"local": "keyword", "counts_as_empty": ["?"]}, {"labels": {"type": "labels"}})
