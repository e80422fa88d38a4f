"""A knock wakes whoever runs the node, and harms nobody else."""

import asyncio
import os
from pathlib import Path

import pytest

from backbone.service.running import requests, waking
from backbone.store import lists
from tests.unit.service.pair import Pair, run

BOUND_SECONDS = 30.0


async def test_whoever_listens_is_woken_each_time(tmp_path: Path) -> None:
    woken = asyncio.Event()
    with waking.listening(tmp_path / "wake", woken.set):
        for _ in range(3):
            assert waking.knock(tmp_path / "wake")
            async with asyncio.timeout(BOUND_SECONDS):
                await woken.wait()
            woken.clear()
    assert not (tmp_path / "wake").exists()


def test_when_nobody_listens_nothing_happens(tmp_path: Path) -> None:
    assert not waking.knock(tmp_path / "wake")
    assert list(tmp_path.iterdir()) == []


async def test_a_pipe_that_a_crash_left_is_used_again(tmp_path: Path) -> None:
    path, woken = tmp_path / "wake", asyncio.Event()
    left = waking._open(path)
    os.close(left)
    assert not waking.knock(path)
    with waking.listening(path, woken.set):
        assert waking.knock(path)
        async with asyncio.timeout(BOUND_SECONDS):
            await woken.wait()


async def test_more_knocks_than_a_pipe_holds_wake_and_do_not_block(tmp_path: Path) -> None:
    woken = asyncio.Event()
    with waking.listening(tmp_path / "wake", woken.set):
        for _ in range(70_000):
            assert waking.knock(tmp_path / "wake")
        async with asyncio.timeout(BOUND_SECONDS):
            await woken.wait()


@pytest.mark.parametrize("what", ["file", "link"])
async def test_what_is_no_pipe_is_left_alone(tmp_path: Path, what: str) -> None:
    path, file = tmp_path / "wake", tmp_path / "file"
    file.write_bytes(b"mine")
    path.symlink_to(file) if what == "link" else file.rename(path)
    before = path.read_bytes()
    with waking.listening(path, lambda: None):
        assert not waking.knock(path)
    assert path.read_bytes() == before


def test_nobody_is_surprised_by_what_they_asked_for_yesterday() -> None:
    async def story(pair: Pair) -> None:
        item = pair.bob.store.run_now(lambda tx: lists.set_aside(tx, 1, "parcel", "no valid signature", 0.0))
        old = await pair.ask(pair.bob, "skip", item=item, until=pair.world.now - 1)
        await requests.carry_out(pair.bob.ep)
        assert len(pair.aside(pair.bob)) == 1
        new = await pair.ask(pair.bob, "skip", item=item, until=pair.world.now + 1)
        await requests.carry_out(pair.bob.ep)
        assert pair.aside(pair.bob) == []
        states = [pair.bob.store.read_now(lambda tx, n=n: lists.request_item(tx, n)) for n in (old, new)]  # type: ignore[misc]
        assert [row.state for row in states if row] == ["expired", "done"]

    run(story)
