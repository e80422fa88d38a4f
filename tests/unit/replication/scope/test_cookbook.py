"""Every example of ``docs/scope.md`` does what it says."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from backbone.model import SETS, Cell, Value
from backbone.replication.agreement import Agreement
from backbone.replication.mapping import Rules
from backbone.replication.scope.judging import Circumstances, Scope
from backbone.replication.scope.rules import ScopeRules, TypeRule

PAGE = (Path(__file__).parents[4] / "docs" / "scope.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINE = re.compile(r"(.*) (->|<-) (\w+)")


class Recipe(NamedTuple):
    title: str
    file: str
    examples: list[str]


def recipes() -> Iterator[Recipe]:
    """Each file of the page with the examples behind it, if there are any."""
    for section in PAGE.split("\n## ")[1:]:
        blocks = _BLOCK.findall(section)
        for index, (kind, text) in enumerate(blocks):
            if kind == "toml":
                behind = blocks[index + 1][1].splitlines() if index + 1 < len(blocks) else []
                yield Recipe(section.split("\n", 1)[0], text, behind)


RECIPES = list(recipes())
(_AGREEMENT,) = (text for kind, text in _BLOCK.findall(PAGE) if kind == "agreement")
AGREEMENT = Agreement.parse(tomllib.loads(_AGREEMENT), "docs/scope.md")


def values(text: str) -> dict[Cell, Value]:
    """``a = "x", b = ["y"]`` as cells."""
    said: dict[str, Any] = tomllib.loads(f"said = {{ {text} }}")["said"]
    cells: dict[Cell, Value] = {}
    for name, value in said.items():
        elements = value if AGREEMENT.fields[name].type in SETS else [""]
        cells.update({Cell(name, element): True if element else value for element in elements})
    return cells


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.title)
def test_a_recipe_does_what_it_says(recipe: Recipe) -> None:
    rules = Rules.parse({"fields": {}, **tomllib.loads(recipe.file)}, "docs/scope.md")
    scope = Scope(rules.scope, AGREEMENT, "acme", "master", "docs/scope.md")
    for line in recipe.examples:
        found = _LINE.fullmatch(line)
        assert found, line
        ours, arrow, part = found.groups()
        assert scope.part(values(ours), Circumstances(here=arrow == "->", now=1e9, link="beta")) == part, line


def test_the_page_has_a_recipe_for_each_thing_that_can_be_said() -> None:
    used = {word for recipe in RECIPES for word in re.findall(r"\w+", recipe.file)}
    assert (set(ScopeRules.model_fields) | set(TypeRule.model_fields)) - used == set()
    assert len([example for recipe in RECIPES for example in recipe.examples]) >= 15
