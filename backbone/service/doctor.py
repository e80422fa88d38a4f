"""Looks at everything that a node needs, and says for each what to do. Changes nothing.

What cannot be looked at is itself a finding, and does not stop the rest.
"""

import asyncio
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from backbone.config import Folder, load_node
from backbone.errors import BackboneError
from backbone.service.doctor_links import examine_link
from backbone.service.findings import Finding, ok, problem, warning
from backbone.service.node import Node, judge, open_node
from backbone.service.parties import open_tracker
from backbone.store import links, lock, schema
from backbone.store.anchor import Finding as Anchored
from handshake.errors import KeyRingError
from handshake.home import check_path, gpg_version, version_warning

EARLIEST = 1_767_225_600.0
"""2026-01-01: a clock that stands before this program was written is wrong."""
BACKWARDS_SECONDS_MAX = 120.0
"""Time services correct less than this at once."""
FREE_BYTES_MIN = 100 * 2**20
FREE_BYTES_ADVISED = 2**30
"""Attachments lie twice on the disk while they travel."""
TRACKER_SECONDS_MAX = 60.0
"""A tracker that takes longer to be looked at is in trouble."""


async def examine(path: Path) -> list[Finding]:
    """The node in ``path``: one finding for each thing that was looked at. Raises nothing that it can report."""
    found = [*_gpg(), *_folder(Folder(path)), *_disk(path)]
    try:
        config = load_node(Folder(path))
    except BackboneError as error:
        return [*found, problem("configuration", str(error))]
    found.append(ok("configuration", f"node {config.node.name}, {len(config.trackers)} trackers"))
    try:
        async with open_node(path, exclusive=False) as node:
            found += await _node(node)
    except BackboneError as error:
        found.append(problem("store", str(error)))
    return found


def is_running(folder: Folder) -> bool:
    """Whether another process holds the node's lock."""
    try:
        with lock.hold(folder.lock):
            return False
    except lock.LockHeld:
        return True


async def _node(node: Node) -> list[Finding]:
    rows = await node.store.read(links.every)
    heard = await node.store.read(lambda tx: [links.state(tx, row.id).heard_at for row in rows if row.peer is not None])
    found = [await _store(node), *_anchor(node), *_clock(node, heard)]
    if not node.config.trackers:
        found.append(warning("trackers", "this node has no tracker yet: add one with `backbone tracker add`"))
    for name in sorted(node.config.trackers):
        found += await _tracker(node, name)
    for row in rows:
        found += await examine_link(node, row)
    known = {row.name for row in rows}
    for name in sorted(set(node.folder.links()) - known):
        file = node.folder.link_file(name)
        found.append(warning(f"link {name}", f"{file} belongs to no link of this store: move it away"))
    return found


def _gpg() -> Iterator[Finding]:
    try:
        version = gpg_version()
    except KeyRingError as error:
        yield problem("gpg", str(error))
        return
    advice = version_warning(version)
    yield warning("gpg", advice) if advice else ok("gpg", f"GnuPG {'.'.join(map(str, version))}")


def _folder(folder: Folder) -> Iterator[Finding]:
    if not folder.path.is_dir():
        yield problem("folder", f"there is no folder {folder.path}: name the node's with -C, or `backbone init`")
        return
    try:
        check_path(folder.gnupg("0" * 8))
    except KeyRingError as error:
        yield problem("folder", str(error))
    else:
        yield ok("folder", f"{folder.path.absolute()}: short enough for gpg's sockets")
    yield from _private(folder.path, 0o700)
    for path, mode in ((folder.store, 0o600), (folder.path / "g", 0o700)):
        if path.exists():
            yield from _private(path, mode)


def _private(path: Path, mode: int) -> Iterator[Finding]:
    found = path.stat().st_mode & 0o777
    if found & ~mode:
        sentence = f"{path} can be read or written by others (mode {found:04o}): chmod {mode:o} {path}"
        yield warning("permissions", sentence)
    else:
        yield ok("permissions", f"{path}: {found:04o}")


def _disk(path: Path) -> Iterator[Finding]:
    with suppress(OSError):
        free = shutil.disk_usage(path).free
        sentence = f"{free / 2**30:.1f} GiB free below {path.absolute()}"
        if free < FREE_BYTES_MIN:
            yield problem("disk", f"{sentence}: free some, or nothing can be stored")
        elif free < FREE_BYTES_ADVISED:
            yield warning("disk", f"{sentence}: attachments need room on their way")
        else:
            yield ok("disk", sentence)


async def _store(node: Node) -> Finding:
    damage = await node.store.read(schema.damage)
    if damage:
        return problem("store", f"{node.folder.store} is damaged ({damage[0]}): stop the node, put back a copy")
    return ok("store", f"{node.folder.store} opens and is whole")


def _anchor(node: Node) -> Iterator[Finding]:
    try:
        verdict = judge(node)
    except BackboneError as error:
        yield problem("anchor", str(error))
        return
    match verdict.finding:
        case Anchored.FINE:
            yield ok("anchor", f"{node.anchor_path} agrees with the store")
        case Anchored.UNCLEAN if is_running(node.folder):
            yield ok("anchor", f"{node.anchor_path}; the node is running")
        case Anchored.UNCLEAN:
            yield warning("anchor", verdict.sentence)
        case Anchored.MISSING | Anchored.FOREIGN:
            renew = "backbone doctor --renew-anchor, if this is surely the newest copy of the store"
            yield problem("anchor", f"{verdict.sentence} ({renew})")
        case Anchored.ROLLED_BACK:
            yield problem("anchor", verdict.sentence)


def _clock(node: Node, heard: Sequence[float | None]) -> Iterator[Finding]:
    now = time.time()
    shown = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    seen = max([EARLIEST, node.folder.store.stat().st_mtime, *(at for at in heard if at is not None)])
    if now < seen - BACKWARDS_SECONDS_MAX:
        yield problem(
            "clock", f"it says {shown}, before what this node has already seen: set it, and run a time service"
        )
    else:
        yield ok("clock", shown)


async def _tracker(node: Node, name: str) -> list[Finding]:
    subject = f"tracker {name}"
    try:
        tracker = open_tracker(node, name)
        try:
            async with asyncio.timeout(TRACKER_SECONDS_MAX):
                sentences = await tracker.check()
                fields = len((await tracker.describe()).fields) if not sentences else 0
        finally:
            await tracker.close()
    except TimeoutError:
        return [problem(subject, f"it did not answer within {TRACKER_SECONDS_MAX:.0f} s: see that it is up")]
    except BackboneError as error:
        return [problem(subject, str(error))]
    return [problem(subject, one) for one in sentences] or [ok(subject, f"answers; its issues have {fields} fields")]
