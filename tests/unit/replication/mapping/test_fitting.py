"""What keeps a link from starting, what a person should know besides, and what is proved beforehand."""

from typing import Any

import pytest

from backbone.errors import ConfigError
from backbone.model import Field, FieldType, Schema
from backbone.replication.agreement import Agreement, SharedField
from backbone.replication.mapping import Inward, Rules, Translation, proving
from backbone.replication.merge import Side
from tests.unit.replication.mapping.half import SCHEMA, translation

TEXT = {"text": {"type": "text"}}
STATUS = {"status": {"type": "choice", "values": ["new", "done"]}}
LABELS = {"labels": {"type": "labels"}}


@pytest.mark.parametrize(
    ("agreed", "rule", "more", "words"),
    [
        (TEXT, {"local": "subject"}, {"only_if": [{"agreed": "txt"}]}, "only_if: txt is not in the agreement"),
        (TEXT, {"local": "subject"}, {"only_if": [{"local": "stat"}]}, "only_if: the tracker has no field 'stat'"),
        (TEXT, {"local": "subject"}, {"on_update": {"hiden": "x"}}, "on_update.hiden: the tracker has no"),
        (TEXT, {"concatenate": [{"local": "stepps"}]}, {}, "fields.text: the tracker has no field 'stepps'"),
        (STATUS, {"local": "state", "values": {"new": ["*"]}}, {}, "the first value of 'new' has a wildcard"),
        (STATUS, {"local": "state", "values": {"nwe": "unread"}}, {}, "no value 'nwe' (did you mean 'new'?)"),
        (STATUS, {"local": "state", "send_if_empty": "x"}, {}, "the agreement has no value 'x'"),
        (STATUS, {"constant": "odd"}, {}, "the agreement has no value 'odd'"),
        (STATUS, {"local": "state", "write_if_empty": "unred"}, {}, "no value 'unred' (did you mean 'unread'?)"),
        (STATUS, {"local": "state", "values_to_local": {"*": "clsd"}}, {}, "state has no value 'clsd'"),
        (TEXT, {"local": "release", "patterns": [{"local": "{a} {b}", "agreed": "{a}"}]}, {},
         "'{a}' does not hold the 'b' of '{a} {b}', so the way back is not defined; say with 'back'"),
        (STATUS, {"first_match": [{"when": {"state": "*"}, "value": "new"}]}, {}, "row for 'new' has wildcards only"),
        (TEXT, {"local": "keyword"}, {}, "keyword holds several values and the agreement one; say with separator"),
        (LABELS, {"local": "parts"}, {}, "parts holds one value and the agreement several; say with separator"),
        (LABELS, {"local": "keyword", "separator": ","}, {}, "fields.labels.separator: both sides have a set"),
        (TEXT, {"local": "subject", "separator": ","}, {}, "both sides have one value, so nothing is joined"),
        ({"rel": {"type": "relation"}}, {"local": "keyword"}, {}, "relation and the tracker's choices is"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said_with_its_place(
    agreed: dict[str, Any], rule: dict[str, Any], more: dict[str, Any], words: str
) -> None:
    (name,) = agreed
    problems = translation({name: rule}, agreed, **more).problems(SCHEMA)
    assert any(words in problem for problem in problems), problems


def test_two_fields_that_write_one_are_refused() -> None:
    fields = {"text": {"local": "subject"}, "other": {"local": "subject"}}
    agreed = {"text": {"type": "text"}, "other": {"type": "text"}}
    (problem,) = translation(fields, agreed).problems(SCHEMA)
    assert problem == "fields.other: fields.text writes 'subject' too; make one of them to_remote"
    assert (
        translation({**fields, "other": {"local": "subject", "direction": "to_remote"}}, agreed).problems(SCHEMA) == []
    )


@pytest.mark.parametrize(
    ("agreed", "rule"),
    [
        (STATUS, {"local": "state", "values": {"new": ["unread", "chat*"], "done": "resolved"}}),
        (STATUS, {"local": "state", "values": {"new": "*"}, "direction": "to_remote"}),
        (TEXT, {"local": "release", "patterns": [{"local": "{a} {b}", "agreed": "{a}", "back": "{a} 0"}]}),
        (TEXT, {"local": "keyword", "separator": ", "}),
        (LABELS, {"local": "parts", "separator": ", ", "values": {"A": "a"}}),
        (TEXT, {"as_comment": "They say"}),
        (STATUS, {"first_match": [{"when": {"state": "unread"}, "value": "new"}, {"when": {}, "value": "new"}]}),
        (TEXT, {"constant": "ACME"}),
    ],
)  # fmt: skip
def test_what_fits_has_no_problems(agreed: dict[str, Any], rule: dict[str, Any]) -> None:
    (name,) = agreed
    assert translation({name: rule}, agreed).problems(SCHEMA) == []


def test_a_condition_that_is_no_wildcard_is_named() -> None:
    with pytest.raises(ConfigError, match=r"fields\.text: '\[\^z-a\]' is no regular expression"):
        translation({"text": {"local": "subject", "allowed_characters": "z-a"}}, TEXT)


def words(rule: dict[str, Any], agreed: dict[str, Any], **more: Any) -> Translation:
    (name,) = agreed
    return translation({name: rule}, agreed, **more)


class TestLacking:
    SCHEMA = Schema({n: Field(n, FieldType.TEXT, required=n != "c") for n in ("a", "b", "c")})

    def test_a_required_field_that_nothing_fills_is_named(self) -> None:
        (fault,) = proving.lacking(words({"local": "a"}, TEXT, on_create={"c": "x"}), self.SCHEMA)
        assert str(fault) == (
            "on_create: the tracker wants 'b' in each new issue, and nothing fills it; say here what it gets"
        )

    def test_a_rule_that_does_not_write_new_issues_fills_nothing(self) -> None:
        for rule in ({"direction": "to_remote"}, {"only": "on_update"}):
            found = proving.lacking(words({"local": "a", **rule}, TEXT, on_create={"b": "x"}), self.SCHEMA)
            assert [fault.words[:23] for fault in found] == [": the tracker wants 'a'"]


class TestUncovered:
    def test_values_of_both_sides_that_no_row_covers(self) -> None:
        rule = {"local": "state", "values": {"new": ["unread", "chat*", "testing"]}}
        found = proving.uncovered(words(rule, STATUS), SCHEMA, {"state": ["gone"]})
        assert [str(fault) for fault in found] == [
            "fields.status: no row covers 'deferred', which state can be",
            "fields.status: no row covers 'gone', which state can be",
            "fields.status: no row covers 'resolved', which state can be",
            "fields.status: the agreement allows 'done', which is nothing here",
        ]

    def test_an_allowed_value_that_the_tracker_does_not_have(self) -> None:
        found = proving.uncovered(words({"local": "state"}, STATUS), SCHEMA, {})
        assert [fault.words for fault in found] == [
            ": the agreement allows 'new', which is nothing here",
            ": the agreement allows 'done', which is nothing here",
        ]  # fmt: skip

    def test_labels_that_stay_at_home_need_no_row(self) -> None:
        rule = {"local": "keyword", "strip_prefix": "b/", "values": {"UI": "ui"}}
        used = {"keyword": ["private", "b/ui", "b/odd"]}
        found = proving.uncovered(words(rule, LABELS), SCHEMA, used)
        assert [str(fault) for fault in found] == ["fields.labels: no row covers 'b/odd', which keyword can be"]

    def test_what_says_nothing_needs_no_row(self) -> None:
        rule = {"local": "state", "values": {"new": ["unread", "*ing"], "done": "resolved"}}
        for empties, missed in ((["gone", "deferred"], []), (["gone"], ["deferred"])):
            found = proving.uncovered(words({**rule, "counts_as_empty": empties}, STATUS), SCHEMA, {"state": ["gone"]})
            assert [fault.words.split("'")[1] for fault in found] == missed

    def test_one_way_needs_no_rows_for_the_other(self) -> None:
        rule = {"local": "state", "values": {"new": "unread"}}
        agreed = {"status": {"type": "choice", "values": ["new", "done"], "direction": "to_slave"}}
        outward = proving.uncovered(words(rule, agreed, side=Side.MASTER), SCHEMA, {})
        inward = proving.uncovered(words(rule, agreed, side=Side.SLAVE), SCHEMA, {})
        assert {"allows" in str(fault) for fault in outward} == {False}
        assert {"allows" in str(fault) for fault in inward} == {True}


class TestCounterExamples:
    def test_a_mapping_with_a_way_back_has_none(self) -> None:
        rule = {"local": "state", "values": {"new": ["unread", "chat*"], "done": "resolved"}}
        agreed = {"status": {**STATUS["status"], "values": ["new", "done", "spare"]}}
        assert list(proving.counter_examples(words(rule, agreed), SCHEMA, {})) == []
        spare = {**rule, "patterns": [{"local": "deferred", "agreed": "spare"}]}
        assert list(proving.counter_examples(words(spare, agreed), Schema({}), {})) == []
        assert list(proving.uncovered(words(spare, agreed), Schema({}), {})) == []
        assert list(proving.counter_examples(words(rule, STATUS), SCHEMA, {"state": ["chatter"]})) == []

    def test_a_value_that_comes_back_as_another_ones_is_shown(self) -> None:
        rule = {"local": "release", "patterns": [{"local": "n{d}", "agreed": "x", "back": "zz"}], "values": {"y": "zz"}}
        used = {"release": ["n1", "zz", "odd"], "subject": ["s"]}
        (fault,) = proving.counter_examples(words(rule, TEXT), SCHEMA, used)
        assert str(fault) == (
            "fields.text: 'n1' is sent as 'x', which is written back here as 'zz' and would be sent as 'y'"
        )

    def test_an_allowed_value_that_does_not_come_back_is_shown(self) -> None:
        rule = {
            "local": "state",
            "values": {"new": ["unread", "res*"]},
            "patterns": [{"local": "resolved", "agreed": "done"}],
        }
        (fault,) = proving.counter_examples(words(rule, STATUS), SCHEMA, {})
        assert str(fault) == "fields.status: 'done' is written here as 'resolved' and would be sent back as 'new'"

    def test_labels_that_stay_at_home_prove_nothing(self) -> None:
        found = proving.counter_examples(words({"local": "keyword", "strip_prefix": "b/"}, LABELS), SCHEMA, {})
        assert list(found) == []

    def test_a_row_of_an_ordered_table_that_an_earlier_one_hides_is_shown(self) -> None:
        rule = {"first_match": [
            {"when": {"state": "resolved"}, "value": "new"},
            {"when": {"state": "resolved", "resolution": "fixed"}, "value": "done"},
        ]}  # fmt: skip
        (fault,) = proving.counter_examples(words(rule, STATUS), SCHEMA, {})
        assert str(fault) == (
            "fields.status.first_match: 'done' is written here as state = 'resolved', resolution = 'fixed' "
            "and would be sent back as 'new'"
        )

    def test_one_way_needs_no_proof(self) -> None:
        rule = {"local": "state", "values": {"new": "*"}, "direction": "to_remote"}
        assert list(proving.counter_examples(words(rule, STATUS), SCHEMA, {})) == []
        assert list(proving.counter_examples(words({"constant": "new"}, STATUS), SCHEMA, {})) == []


def test_what_was_missed_is_taken_out_of_what_was_written() -> None:
    from backbone.model import Cell

    one, other, fixed = Cell("a"), Cell("b"), Cell("c")
    inward = Inward({one: "1", other: "2", fixed: "3"}, {Cell("x"): one, Cell("y"): other}, {}, ("p",))
    left = inward.without({Cell("x")}, {Cell("x"): "g"})
    assert left == Inward({other: "2", fixed: "3"}, {Cell("y"): other}, {Cell("x"): "g"}, ("p",))


def test_rules_of_fields_that_are_not_agreed_upon_wait_unless_a_name_may_be_misspelt() -> None:
    rules = Rules.parse({"fields": {"text": {"local": "subject"}, "later": {"local": "state"}}}, "here")
    text = SharedField(type=FieldType.TEXT)
    assert rules.within({"text": text}).fields.keys() == {"text"}
    assert rules.within({"text": text, "latr": text}) is rules


def test_a_transition_that_the_workflow_does_not_have_is_named() -> None:
    workflow = frozenset({("new", "open"), ("open", "done"), ("done", "open")})
    schema = Schema({"state": Field("state", FieldType.CHOICE, ("new", "open", "done"), transitions=workflow)})

    def said(values: list[str], **rule: Any) -> list[str]:
        agreement = Agreement.parse({"fields": {"status": {"type": "choice", "values": values}}}, "x")
        rules = Rules.parse({"fields": {"status": {"local": "state", **rule}}}, "x")
        return [str(one) for one in proving.impossible(Translation(agreement, rules, "us", side=Side.MASTER), schema)]

    assert said(["open", "done"]) == []
    (first, second) = said(["new", "open", "done"])
    assert "cannot be changed to 'new' from 'open', 'done': the workflow has no such transition" in first
    assert "to 'done' from 'new'" in second
    assert len(said([])) == 2
    assert said(["new", "open", "done"], direction="to_remote") == []
    free = Schema({"state": Field("state", FieldType.CHOICE, ("new", "open", "done"))})
    agreement = Agreement.parse({"fields": {"status": {"type": "choice"}}}, "x")
    rules = Rules.parse({"fields": {"status": {"local": "state"}}}, "x")
    assert list(proving.impossible(Translation(agreement, rules, "us"), free)) == []
