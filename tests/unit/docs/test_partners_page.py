"""The page about several partners: its file is one, and fits its agreement."""

import re
import tomllib

from backbone.replication.agreement import Agreement
from backbone.replication.mapping import Rules, Translation
from backbone.replication.scope.judging import Scope
from tests.unit.test_house import ROOT

PAGE = (ROOT / "docs" / "partners.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert isinstance(found, str)
    return found


def test_the_file_fits_the_agreement() -> None:
    agreement = Agreement.parse(tomllib.loads(block("agreement")), "agreement.toml")
    rules = Rules.parse(tomllib.loads(block("toml")), "links/amber.toml")
    words = Translation(agreement, rules, "hub")
    assert set(words.fields) == {"title", "labels"}
    assert words.on_create
    assert Scope(rules.scope, agreement).guards


def test_each_rule_that_the_page_tells_of_is_one() -> None:
    rules = Rules.parse({"fields": {}}, "links/amber.toml")
    for name in re.findall(r"`\[comments\.send\]` (.+?) \|", PAGE):
        for rule in re.findall(r"`(\w+)`", name):
            assert hasattr(rules.comments.send, rule), rule
    assert hasattr(rules.comments, "headline")
