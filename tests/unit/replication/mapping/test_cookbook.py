"""Every example of ``docs/mapping.md`` does what it says."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from backbone.model import ATTACHMENT, COMMENT, Cell, Cells, Record, Value
from backbone.replication.agreement import Agreement
from backbone.replication.mapping import Rules, Translation
from backbone.replication.mapping.content_rules import Attachments, Comments, Files, Leaving, Texts
from backbone.replication.mapping.people import PeopleRules
from backbone.replication.merge import Side
from backbone.richtext import CONVERT
from tests.unit.replication.mapping.half import SCHEMA, Half

PAGE = (Path(__file__).parents[4] / "docs" / "mapping.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINE = re.compile(r"(then )?(.*) (->|<-) (.*)")


class Recipe(NamedTuple):
    title: str
    mapping: str
    examples: list[str]


def recipes() -> Iterator[Recipe]:
    """Each mapping of the page with the examples behind it."""
    for section in PAGE.split("\n## ")[1:]:
        blocks = [(kind, text) for kind, text in _BLOCK.findall(section) if kind != "agreement"]
        for index, (kind, text) in enumerate(blocks):
            if kind == "toml":
                yield Recipe(section.split("\n", 1)[0], text, blocks[index + 1][1].splitlines())


RECIPES = list(recipes())


def agreement(names: set[str]) -> Agreement:
    (text,) = (text for kind, text in _BLOCK.findall(PAGE) if kind == "agreement")
    whole = Agreement.parse(tomllib.loads(text), "docs/mapping.md")
    open_ = {"status": whole.fields["status"].model_copy(update={"values": ()})} if "state" not in names else {}
    return whole.model_copy(update={"fields": {n: f for n, f in {**whole.fields, **open_}.items() if n in names}})


def half(mapping: str) -> Half:
    rules = Rules.parse({"fields": {}, **tomllib.loads(mapping)}, "docs/mapping.md")
    side = None if "supplier" in rules.fields else Side.MASTER
    words = Translation(agreement(set(rules.fields)), rules, "acme", "bot", side, convert=CONVERT)
    assert words.problems(SCHEMA) == []
    return Half(words)


def said(text: str) -> dict[str, Any]:
    """``a = "x", b = ["y"]``, or ``nothing``."""
    return {} if text == "nothing" else dict(tomllib.loads(f"said = {{ {text} }}")["said"])


def cells(values: dict[str, Any]) -> dict[Cell, Value]:
    found: dict[Cell, Value] = {}
    for name, value in values.items():
        if isinstance(value, list):
            found |= {Cell(name, element): True for element in value}
        elif isinstance(value, dict):
            found |= {Cell(name, element): row or None for element, row in value.items()}
        else:
            found[Cell(name)] = None if value == "" else value
    return found


def with_contents(values: dict[str, Any], elements: dict[str, str]) -> dict[Cell, Value]:
    """Cells, with the records of a comment and an attachment; the page says what is special about them."""
    usual: dict[str, Record] = {
        COMMENT: {"text": "", "author": "ann", "created": "2026-11-21T09:30:00Z"},
        ATTACHMENT: {"name": "", "type": "text/plain", "size": 5, "sha256": "0" * 64, "author": "ann", "created": ""},
    }
    found = cells({name: value for name, value in values.items() if name not in usual})
    for name in usual.keys() & values.keys():
        value = values[name]
        short = {"text" if name == COMMENT else "name": value} if isinstance(value, str) else value
        found[Cell(name, elements[name])] = {**usual[name], **short} if value != "" else None
    return found


def shown(written: Cells) -> dict[Cell, Value]:
    """As the page writes it: a comment is its text, an attachment its name, a row what is not empty in it."""
    found: dict[Cell, Value] = dict(written)
    for cell, value in written.items():
        if cell.field in (COMMENT, ATTACHMENT):
            del found[cell]
            key = {COMMENT: "text", ATTACHMENT: "name"}[cell.field]
            found[Cell(cell.field)] = str(value[key]) if isinstance(value, dict) else value
        elif isinstance(value, dict):
            del found[cell]
            row = {column: text for column, text in value.items() if text != ""}
            found[Cell(cell.field, cell.element.removeprefix("+r-"))] = row
    return found


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.title.replace(" ", "-"))
def test_a_recipe_does_what_it_says(recipe: Recipe) -> None:
    alice = half(recipe.mapping)
    assert recipe.examples
    for line in recipe.examples:
        found = _LINE.fullmatch(line)
        assert found, line
        goes_on, ours, arrow, theirs = found.groups()
        if not goes_on:
            alice = half(recipe.mapping)
        if arrow == "->":
            contents = with_contents(said(ours), {COMMENT: "1", ATTACHMENT: "1"})
            edit = {name: None if value == "" else value for name, value in said(ours).items()}
            own = {cell: value for cell, value in contents.items() if cell.field in (COMMENT, ATTACHMENT)}
            fields = {name: value for name, value in edit.items() if name not in (COMMENT, ATTACHMENT)}
            sent = {**alice.capture(own), **alice.edit(**fields)} if own else alice.edit(**fields)
            assert shown(sent) == cells(said(theirs)), line
        else:
            element = "1" if "our_" in theirs else "9"
            heard = with_contents(
                said(theirs.replace("our_", "")), {COMMENT: f"c-{element}", ATTACHMENT: f"a-{element}"}
            )
            assert shown(alice.hear(heard)) == cells(said(ours)), line
        assert alice.problems == (), line


def test_the_page_has_a_recipe_for_each_thing_that_can_be_said() -> None:
    rule = {name for field in Rules.model_fields["fields"].annotation.__args__[1:]  # type: ignore[union-attr]
            for name in field.model_fields}  # fmt: skip
    tables = set(Rules.model_fields) - {"users", "scope", "pairing"}
    tables |= {n for model in (Comments, Leaving, Attachments, Files, Texts, PeopleRules) for n in model.model_fields}
    used = {word for recipe in RECIPES for word in re.findall(r"\w+", recipe.mapping)}
    assert (rule | tables) - used == set()


def test_the_agreement_of_the_page_has_every_type() -> None:
    from backbone.model import FieldType

    assert {str(kind) for kind in FieldType} - set(re.findall(r"\w+", PAGE)) == set()
