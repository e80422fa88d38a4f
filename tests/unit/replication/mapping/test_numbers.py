"""What a tracker calls an issue, told to the partner; and one identifier of an issue over many nodes."""

from typing import Any

import pytest

from backbone.errors import ConfigError
from backbone.model import Cell, Cells
from backbone.replication.mapping import Translation
from backbone.replication.merge import Register
from tests.unit.replication.mapping.test_translation import NAMES, SCHEMA, translation

FIELDS: dict[str, Any] = {"title": {"type": "text"}, "key": {"type": "text"}, "url": {"type": "text"}}
RULES: dict[str, Any] = {
    "fields": {
        "title": {"local": "subject"},
        "key": {"local": "@number", "direction": "to_remote", "add_prefix": "ACME-"},
        "url": {"local": "@number", "direction": "to_remote", "add_prefix": "https://acme.example/issue"},
    }
}
ALT: dict[str, Any] = {
    "fields": {"title": {"local": "subject"}, "key": {"local": "secret", "send_if_empty": "A-{number}"}}
}


def words(rules: dict[str, Any] = RULES, **fields: Any) -> Translation:
    agreed = {name: {**FIELDS[name], **fields.get(name, {})} for name in rules["fields"]}
    return translation(rules, fields=agreed)


def out(cells: Cells, shadow: dict[Cell, Register] | None = None, rules: dict[str, Any] = RULES, **said: Any) -> Cells:
    return words(rules).to_agreed(cells, SCHEMA, NAMES, shadow or {}, **said).cells


def test_the_number_and_the_address_are_told_with_whatever_is_told() -> None:
    assert out({Cell("subject"): "x"}, number="17") == {
        Cell("title"): "x", Cell("key"): "ACME-17", Cell("url"): "https://acme.example/issue17",
    }  # fmt: skip
    assert out({Cell("subject"): "x"}) == {Cell("title"): "x"}


def test_it_fits_any_tracker_and_is_never_written() -> None:
    assert words().problems(SCHEMA) == []
    back = words().to_local({Cell("key"): "EVIL-1"}, SCHEMA, NAMES, {}, lambda _: True)
    assert (back.cells, back.at) == ({}, {})


def test_a_number_that_the_agreement_does_not_take_is_a_problem() -> None:
    outward = words(key={"characters_max": 3}).to_agreed({}, SCHEMA, NAMES, {}, number="17")
    assert "none that the agreement allows" in outward.problems[0]


def test_a_number_that_no_row_covers_is_a_problem() -> None:
    rules = {"fields": {"key": {"local": "@number", "direction": "to_remote", "values": {"one": "1"}}}}
    outward = words(rules).to_agreed({}, SCHEMA, NAMES, {}, number="17")
    assert outward.unsaid == (Cell("key"),)


def test_what_only_comes_in_is_never_said_again_by_itself() -> None:
    found = words({"fields": {"title": {"local": "subject"}, "key": {"local": "secret", "direction": "to_local"}}})
    assert (found.may_send("title"), found.may_send("key")) == (True, False)


@pytest.mark.parametrize("direction", ["both", "to_local"])
def test_a_rule_that_would_write_the_number_is_refused(direction: str) -> None:
    rules = {"fields": {"key": {"local": "@number", "direction": direction}}}
    with pytest.raises(ConfigError, match="never written"):
        words(rules)


class TestOneIdentifierEverywhere:
    def test_where_an_issue_was_born_its_number_is_the_identifier(self) -> None:
        assert out({Cell("subject"): "x"}, rules=ALT, fresh=True, number="17")[Cell("key")] == "A-17"
        assert out({Cell("secret"): None}, rules=ALT, number="17")[Cell("key")] == "A-17"

    def test_elsewhere_it_is_what_came_with_it(self) -> None:
        cells: Cells = {Cell("subject"): "x", Cell("secret"): "B-4"}
        assert out(cells, rules=ALT, fresh=True, number="17")[Cell("key")] == "B-4"

    def test_it_is_said_once(self) -> None:
        shadow = {Cell("key"): Register(value="A-17", image="A-17")}
        assert out({Cell("subject"): "y"}, rules=ALT, number="17") == {Cell("title"): "y"}
        assert out({Cell("subject"): "y"}, shadow, rules=ALT, number="17")[Cell("key")] == "A-17"
