"""Hints come at once where they can, follow the directory, and leave no thread behind."""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from watchdog.observers.api import BaseObserver
from watchdog.utils import BaseThread

from channels.base import ChannelUnavailable
from channels.directory import connect, prepare, watch
from channels.directory.names import prefix
from channels.directory.place import resolve
from channels.directory.watch import Watcher
from tests.contract.channels import PATIENCE_SECONDS, TAG, hints_of, parcel, tokens
from tests.unit.channels.directory.conftest import Share, file_name


def observer_threads() -> list[BaseThread]:
    return [thread for thread in threading.enumerate() if isinstance(thread, BaseThread)]


async def rung(hints: AsyncGenerator[None, None]) -> float:
    """Seconds until the next hint."""
    began = time.perf_counter()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await anext(hints)
    return time.perf_counter() - began


async def test_hints_come_within_milliseconds_also_behind_our_own_tidying(share: Share) -> None:
    hints = hints_of(share.bob)
    await rung(hints)
    waits = []
    for number in range(1, 12):
        await share.alice.send(parcel(number))
        waits.append(await rung(hints))
        await share.bob.confirm(tokens(await share.bob.receive(9)))
    assert sorted(waits)[len(waits) // 2] < 0.1
    await hints.aclose()


async def test_a_file_written_in_place_rings_when_it_is_closed(share: Share) -> None:
    hints = hints_of(share.bob)
    await rung(hints)
    share.plant(parcel(1))
    await rung(hints)
    assert len(await share.bob.receive(9)) == 1
    await hints.aclose()


async def test_no_thread_is_left_when_nobody_listens(share: Share) -> None:
    first, second = hints_of(share.alice), hints_of(share.bob)
    await rung(first)
    await rung(second)
    assert len([thread for thread in observer_threads() if isinstance(thread, BaseObserver)]) == 1
    await first.aclose()
    assert observer_threads()
    await second.aclose()
    assert observer_threads() == []


async def test_a_cancelled_listener_leaves_no_thread(share: Share) -> None:
    listening = asyncio.Event()

    async def listen() -> None:
        async for _ in share.bob.hints():
            listening.set()

    task = asyncio.create_task(listen())
    async with asyncio.timeout(PATIENCE_SECONDS):
        await listening.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert observer_threads() == []


async def test_closing_the_channel_leaves_no_thread_although_somebody_still_listens(share: Share) -> None:
    hints = hints_of(share.bob)
    await rung(hints)
    await share.bob.close()
    assert observer_threads() == []
    with pytest.raises(StopAsyncIteration):
        await anext(hints)


def test_each_link_in_a_directory_is_rung_for_its_own_parcels_only(share: Share) -> None:
    rings: list[str] = []
    both = threading.Event()

    def ring_other() -> None:
        rings.append("other")
        both.set()

    other_tag = "f" * 16
    ours, other = Watcher(prefix(TAG), lambda: rings.append("ours")), Watcher(prefix(other_tag), ring_other)
    for watcher in (ours, other):
        watcher.follow(resolve(share.there, TAG))
    for number in (1, 2):
        share.plant(parcel(number))
    (share.there / file_name(parcel(3)).replace(TAG, other_tag)).touch()
    assert both.wait(PATIENCE_SECONDS)
    assert rings == ["ours", "ours", "other"]
    for watcher in (ours, other):
        watcher.stop()


def test_a_watcher_that_was_stopped_follows_no_more(share: Share) -> None:
    watcher = Watcher("bb1-", lambda: None)
    watcher.stop()
    watcher.follow(resolve(share.there, TAG))
    assert observer_threads() == []


async def test_a_swapped_link_is_followed_after_the_next_scan(share: Share, tmp_path: Path) -> None:
    hints = hints_of(share.bob)
    await rung(hints)
    moved = tmp_path / "moved"
    prepare(moved, share.back, TAG)
    for link in (share.alice_send, share.bob_receive):
        link.unlink()
        link.symlink_to(moved)
    await share.bob.receive(9)
    await rung(hints)
    await share.alice.send(parcel(1))
    await rung(hints)
    assert len(await share.bob.receive(9)) == 1
    await hints.aclose()


async def test_a_directory_removed_and_made_anew_rings_again(share: Share) -> None:
    others = connect(share.bob_settings)
    hints, other_hints = hints_of(share.bob), hints_of(others)
    await rung(hints)
    await rung(other_hints)
    (share.there / f".backbone-{TAG}").unlink()
    share.there.rmdir()
    for channel in (share.bob, others):
        with pytest.raises(ChannelUnavailable):
            await channel.receive(9)
    await rung(hints)
    prepare(share.there, share.back, TAG)
    for channel in (share.bob, others):
        await channel.receive(9)
    await rung(hints)
    await rung(other_hints)
    await share.alice.send(parcel(1))
    await rung(hints)
    await rung(other_hints)
    await hints.aclose()
    await other_hints.aclose()
    await others.close()


async def test_a_share_that_is_away_at_the_start_rings_when_it_has_come(share: Share) -> None:
    share.there.rename(share.there.with_name("away"))
    hints = hints_of(share.bob)
    await rung(hints)
    share.there.with_name("away").rename(share.there)
    await share.bob.receive(9)
    await rung(hints)
    await share.alice.send(parcel(1))
    await rung(hints)
    await hints.aclose()


def test_a_network_file_system_is_not_watched(share: Share, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "network_type", lambda _path: "nfs4")
    watcher = Watcher("bb1-", lambda: None)
    watcher.follow(resolve(share.there, TAG))
    assert "network file system (nfs4)" in (watcher.silent or "")
    assert observer_threads() == []


def test_a_system_without_watches_to_give_is_survived(share: Share, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted() -> None:
        raise OSError(24, "inotify instance limit reached")

    monkeypatch.setattr(watch, "_observer", exhausted)
    watcher = Watcher("bb1-", lambda: None)
    watcher.follow(resolve(share.there, TAG))
    assert "instance limit" in (watcher.silent or "")
    watcher.stop()
    assert observer_threads() == []
