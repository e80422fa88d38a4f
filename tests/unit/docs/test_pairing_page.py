"""The page about pairing: what it shows is so, and what it explains is what the program says."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from backbone.model import Cell
from backbone.replication.mapping import Rules
from backbone.replication.twins import Doubt, Found, Pairing, choose, read_table
from tests.unit.docs.test_mail_page import matches, sentences

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/pairing.md").read_text(encoding="utf-8")
SECTIONS = [section for section in PAGE.split("\n## ") if "```twins" in section]
KEY = Cell("ticket")


def block(section: str, kind: str) -> str:
    found = re.search(rf"^```{kind}\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return found.group(1) if found else ""


def twin(pairing: Pairing, theirs: str, ours: dict[str, str]) -> str:
    """As the page writes it."""
    word = pairing.word_of({KEY: theirs})
    if pairing.table is not None:
        found = [Found(local) for local in pairing.table.get(word, ()) if local in ours]
    else:
        found = [Found(local) for local, value in ours.items() if word and pairing.word_of({KEY: value}) == word]
    try:
        return choose(pairing, word, found) or "none"
    except Doubt:
        return "?"


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.split("\n")[0])
def test_each_row_of_the_page_is_so(section: str) -> None:
    rules = Rules.parse({"fields": {}, **tomllib.loads(block(section, "toml"))}, "the page").pairing
    assert rules.key == KEY.field
    table = read_table(block(section, "csv").splitlines(), ("issue{id}",)) if rules.table else None
    rows = re.findall(r'^"(.*?)" \| (.*) -> (.*)$', block(section, "twins"), re.MULTILINE)
    assert rows
    for theirs, ours, expected in rows:
        shown = dict(re.findall(r'(\d+) = "(.*?)"', ours))
        assert twin(Pairing(rules.key, table), theirs, shown) == expected, (theirs, ours)


def test_every_file_of_the_page_is_one() -> None:
    files = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert [Rules.parse({"fields": {}, **tomllib.loads(file)}, "the page").pairing.key for file in files] == [
        "ticket"
    ] * 3


def test_each_doubt_of_the_program_has_a_row() -> None:
    module = ROOT / "backbone/replication/twins.py"
    doubts = [
        ast.unparse(node.exc)
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.Raise) and node.exc is not None and "Doubt" in ast.unparse(node.exc)
    ]
    rows = re.findall(r"^\| `([^`]+)` \|", PAGE.partition("## What a person is asked")[2], re.MULTILINE)
    said = [sentence for sentence in sentences(module) if any(matches(_open(row), sentence) for row in rows)]
    assert len(rows) == len(doubts) == len(said)


def _open(row: str) -> str:
    return row.replace("...", "…").replace("ticket", "…")
