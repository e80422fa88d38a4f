"""The parts of an attachment, and a process that dies between a file and the store."""

import pytest

from backbone.service.flow import inbound
from tests.simulation import promises
from tests.simulation.faults import Crash
from tests.unit.service.pair import Pair, issue, run

LARGE = bytes(range(256)) * (5 * 4096)
"""Two parts."""


@pytest.mark.parametrize("point", ["parts: appended", "parts: complete"])
@pytest.mark.parametrize("death", [1, 2])
def test_an_attachment_arrives_whole_although_the_process_died_over_it(
    monkeypatch: pytest.MonkeyPatch, point: str, death: int
) -> None:
    async def story(pair: Pair) -> None:
        pair.alice.tracker.attach(issue(pair, "with a file"), "large.bin", LARGE, "alice")
        passed: list[str] = []

        def dies(name: str) -> None:
            passed.append(name)
            if passed.count(point) == death and name == point:
                raise Crash

        monkeypatch.setattr(inbound, "passed", dies)
        await pair.settle()
        assert promises.finally_(pair.world) == []
        assert [cell.field for cell in pair.cells(pair.bob)].count("attachment") == 1
        assert point in passed

    run(story)
