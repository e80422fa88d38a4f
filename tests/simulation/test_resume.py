"""What a crash interrupted is finished as it was made, not as it would be made now."""

from collections.abc import Sequence

import pytest

from backbone.model import Outcome, Write
from backbone.service.flow import applying, inbound
from backbone.trackers.memory import MemoryTracker
from tests.simulation import promises
from tests.simulation.faults import Crash
from tests.unit.service.pair import Pair, issue, run


def test_content_that_arrives_between_the_write_and_the_crash_is_written_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story(pair: Pair) -> None:
        local = issue(pair, "with a file")
        pair.alice.tracker.attach(local, "notes.txt", b"content", "alice")
        while await pair.world._act(pair.alice, "capture"):
            pass
        await pair.world._act(pair.alice, "send")
        await pair.world._act(pair.bob, "receive")
        whole = MemoryTracker.apply

        async def interrupted(tracker: MemoryTracker, writes: Sequence[Write]) -> Sequence[Outcome]:
            await whole(tracker, writes)
            await inbound.take_parts(pair.bob.ep)
            raise Crash

        with monkeypatch.context() as patched:
            patched.setattr(MemoryTracker, "apply", interrupted)
            with pytest.raises(Crash):
                await applying.apply(pair.bob.ep)
        await pair.bob.start()
        await pair.bob.recover()
        await pair.settle()
        assert [cell.field for cell in pair.cells(pair.bob)].count("attachment") == 1
        assert promises.finally_(pair.world) == []

    run(story)
