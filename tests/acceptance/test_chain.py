"""Three companies in a chain: the outer two know nothing of each other and share what the middle one shares."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backbone.model import Cell
from tests.acceptance.nodes import reasons, until
from tests.acceptance.several import DESCRIPTION, TITLE, Web, comments, files, local, titles, web

NAMES = ("alder", "beech", "cherry")


@pytest.fixture(scope="module")
def chain(shared_place: Path) -> Iterator[Web]:
    with web(shared_place, *NAMES) as made:
        made.link("alder", "beech")
        made.link("beech", "cherry")
        made.start()
        yield made


def test_what_one_end_does_reaches_the_other(chain: Web) -> None:
    for name in NAMES:
        chain[name].tracker.create({TITLE: f"of {name}", DESCRIPTION: name}, name)
    every = sorted(f"of {name}" for name in NAMES)
    until("all have all", lambda: all(set(every) <= set(titles(chain[name])) for name in NAMES))
    first, last = chain["alder"], chain["cherry"]
    first.tracker.comment(local(first, "of cherry"), "from the far end", "ann")
    first.tracker.attach(local(first, "of cherry"), "plan.txt", b"the plan", "ann")
    last.tracker.edit(local(last, "of alder"), {Cell("status"): "resolved", TITLE: "done by cherry"})
    until("the comment", lambda: comments(last, "of cherry") == ["ann wrote:\n\nfrom the far end"])
    until("the file", lambda: files(last, "of cherry") == ["plan.txt"])
    until("the edit", lambda: "done by cherry" in titles(first))


def test_when_all_is_quiet_nothing_is_sent_and_every_pair_is_equal(chain: Web) -> None:
    chain["cherry"].tracker.create({TITLE: "quiet", DESCRIPTION: "quiet"})
    until("all have it", lambda: all("quiet" in titles(chain[name]) for name in NAMES))
    assert "all equal" in chain["alder"].cli("audit", "beech").stdout
    assert "all equal" in chain["beech"].cli("audit", "cherry").stdout
    before = chain.sent()
    assert "all equal" in chain["alder"].cli("audit", "beech").stdout
    assert "all equal" in chain["cherry"].cli("audit", "beech").stdout
    assert chain.sent() == before
    for name in NAMES:
        assert titles(chain[name]).count("quiet") == 1
        assert reasons(chain[name]) == []
