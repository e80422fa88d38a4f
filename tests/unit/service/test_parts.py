"""The parts of an attachment, and a process that dies between a file and the store."""

import hashlib

import pytest

from backbone.service.flow import inbound
from backbone.service.healing import renewing
from backbone.store.engine import StoreError
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


def test_a_content_whose_file_is_gone_is_said_and_holds_up_nothing_else() -> None:
    async def story(pair: Pair) -> None:
        local = issue(pair, "with a file")
        pair.alice.tracker.attach(local, "small.bin", b"small", "alice")
        await pair.alice.act("capture")
        file = pair.alice.ep.contents.path(hashlib.sha256(b"small").hexdigest())
        kept = file.rename(file.with_name("kept"))
        with pytest.raises(StoreError, match=f"to be sent are gone: put back {file} from a copy"):
            await pair.alice.act("send")
        for step in ("receive", "control", "apply"):
            await pair.bob.act(step)
        assert pair.title(pair.bob) == "with a file"
        kept.rename(file)
        await pair.settle()
        assert promises.finally_(pair.world) == []

    run(story)


def test_a_content_whose_file_is_gone_is_read_from_the_tracker_again_when_the_link_is_joined_anew() -> None:
    async def story(pair: Pair) -> None:
        pair.alice.tracker.attach(issue(pair, "with a file"), "small.bin", b"small", "alice")
        await pair.alice.act("capture")
        pair.alice.ep.contents.path(hashlib.sha256(b"small").hexdigest()).unlink()
        pair.alice.store.run_now(lambda tx: renewing.renew(tx, 1, b"another1", "an admin says so", 0.0))
        await pair.alice.start()
        await pair.settle()
        assert [cell.field for cell in pair.cells(pair.bob)].count("attachment") == 1
        assert promises.finally_(pair.world) == []

    run(story)
