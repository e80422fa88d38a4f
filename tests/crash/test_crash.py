"""A few of the deaths that ``make crash`` sweeps: killed, started again, and nothing is lost or doubled."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.nodes import HOUSE
from tests.crash.companies import Again, Companies, over_directories
from tests.crash.sweep import Death, by_admins, die_at_birth, die_at_work, fresh, steady

AT_BIRTH = (Death("alice", "handshake: acceptance stored"), Death("bob", "populate: recorded"))
AT_WORK = (
    Death("alice", "send: sent"), Death("bob", "receive: stored"), Death("bob", "apply: written"),
    Death("bob", "parts: appended"), Death("bob", "resume: found", before="tracker: committed"),
)  # fmt: skip


@pytest.fixture(scope="module")
def again(shared_place: Path) -> Iterator[Again]:
    root = shared_place / "r"
    root.mkdir()
    with over_directories(root) as companies:
        yield Again(companies, root)


@pytest.fixture(scope="module")
def working(again: Again) -> Companies:
    """Both nodes run, and what was there before is on both sides."""
    companies = again.begin()
    companies.start("alice", "bob")
    companies.prove()
    return companies


@pytest.mark.slow
@pytest.mark.parametrize("death", AT_BIRTH, ids=str)
def test_a_node_that_dies_while_a_link_begins_loses_and_doubles_nothing(again: Again, death: Death) -> None:
    assert die_at_birth(again.begin(), death), "the point was not passed"


@pytest.mark.slow
@pytest.mark.parametrize("death", AT_WORK, ids=str)
def test_a_node_that_dies_at_work_loses_and_doubles_nothing(working: Companies, death: Death) -> None:
    assert die_at_work(working, death), "the point was not passed"


def test_every_point_of_the_program_is_swept() -> None:
    source = "\n".join(file.read_text() for file in (HOUSE / "backbone").rglob("*.py"))
    known = {death.point for death in (*fresh([1]), *steady([1]), *by_admins())}
    assert set(re.findall(r'\bpassed\("([^"]+)"\)', source)) == known
