"""Runs one node until it is told to stop, and notes what that took: ``python -m tests.bench.node FOLDER NOTES``.

``--deaf`` leaves hints out, so that polling alone finds what is new; ``--profile FILE`` keeps a profile of the process.
"""

import argparse
import asyncio
import cProfile
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

from backbone.service import logs, parties
from backbone.service.endpoint import Endpoint
from backbone.service.links.progress import stage_of
from backbone.service.node import Node, open_node
from backbone.service.running import exchanging, runner
from backbone.store.links import LinkRow
from handshake.events import Stage


class Notes:
    """What the measuring process wants to know, in a file of JSON; times are of the machine's monotonic clock."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._told: dict[str, float] = {}

    def tell(self, **values: float) -> None:
        self._told.update(values)
        draft = self._file.with_suffix(".new")
        draft.write_text(json.dumps(self._told), encoding="utf-8")
        draft.replace(self._file)


def _cpu_seconds() -> float:
    """Of this process and of every gpg that it waited for."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _peak_mb() -> float:
    """The high-water mark of this program (proc(5), VmHWM); that of ``getrusage`` is inherited from the parent."""
    told = Path("/proc/self/status").read_text(encoding="ascii")
    return int(told.split("VmHWM:")[1].split()[0]) / 1024


async def _deaf(_hints: AsyncIterator[None], _event: asyncio.Event) -> None:
    await asyncio.Event().wait()


async def _serve(folder: Path, notes: Notes) -> None:
    async def opening(node: Node, row: LinkRow) -> Endpoint:
        begun = time.monotonic()
        endpoint = await parties.open_endpoint(node, row)
        if stage_of(row) is Stage.ACTIVE:
            notes.tell(active=begun, opened=time.monotonic(), cpu_opened=_cpu_seconds())
        return endpoint

    setattr(exchanging, "open_endpoint", opening)  # noqa: B010 - watched from outside, not changed
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with open_node(folder, exclusive=True) as node:
        notes.tell(pid=os.getpid())
        await runner.run(node, stop)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("notes", type=Path)
    parser.add_argument("--deaf", action="store_true")
    parser.add_argument("--profile", type=Path)
    options = parser.parse_args()
    logs.configure()
    notes = Notes(options.notes)
    if options.deaf:
        setattr(exchanging, "hinting", _deaf)  # noqa: B010 - as on a share where no event arrives
    profile = cProfile.Profile() if options.profile else None
    if profile:
        profile.enable()
    asyncio.run(_serve(options.folder, notes))
    if profile:
        profile.disable()
        profile.dump_stats(options.profile)
    notes.tell(peak_mb=_peak_mb(), cpu_seconds=_cpu_seconds())


if __name__ == "__main__":
    main()
