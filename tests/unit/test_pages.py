"""The pages that promise name tests and commands that exist."""

import re
from pathlib import Path

import pytest

from tests.unit.test_house import ROOT

NAMED = re.compile(r"`((?:unit|acceptance|contract|simulation|fuzz|crash)/[\w/]+\.py)(?:::(\w+))?`")


def named(page: str) -> set[tuple[str, str]]:
    return set(NAMED.findall((ROOT / page).read_text(encoding="utf-8")))


@pytest.mark.parametrize("page", ["SECURITY.md", "RELIABILITY.md"])
def test_each_test_that_a_page_names_exists(page: str) -> None:
    found = named(page)
    assert len(found) > 10
    missing = [f"{file}::{test}" for file, test in found if not holds(ROOT / "tests" / file, test)]
    assert missing == []


def holds(file: Path, test: str) -> bool:
    """An empty name is the whole file."""
    return file.is_file() and (not test or bool(re.search(rf"def {test}\b", file.read_text(encoding="utf-8"))))
