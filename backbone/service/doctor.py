"""Everything a node needs, looked at once: what is well, what is not, and what to do."""

import asyncio
import shutil
import stat
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from backbone.config import Folder, load_link
from backbone.errors import BackboneError
from backbone.service.node import Node, judge, open_node
from backbone.service.parties import open_channel, open_keyring, open_tracker
from backbone.store import links
from backbone.store.anchor import Finding as AnchorFinding
from backbone.store.links import LinkRow
from backbone.store.schema import damage
from channels.base import INFORMATION, ChannelError
from handshake.errors import HandshakeError, KeyRingError
from handshake.home import check_path, gpg_version, version_warning
from handshake.keyring import GnupgKeyRing
from handshake.limits import SIGNATURE_SECONDS_WARN

FREE_BYTES_MIN = 500 * 2**20
"""Less free disk than this is worth a word: attachments and the store grow."""
KEY_DAYS = (7, 30, 60)
"""When the end of a key is spoken of."""
CLOCK_YEAR_MIN = 2026
"""A clock that says less was never set."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``state``: ok, warning or problem."""

    what: str
    state: str
    sentence: str


def examine_now(path: Path) -> list[Finding]:
    """All findings on the node in ``path``."""
    return asyncio.run(examine(path))


async def examine(path: Path) -> list[Finding]:
    """All findings; nothing is written and nothing is sent."""
    findings = [_gnupg(), _clock(), _disk(path)]
    try:
        async with open_node(path, exclusive=False) as node:
            findings += [*_permissions(node.folder), _store(node), _anchor(node)]
            for name in node.config.trackers:
                findings += await _tracker(node, name)
            for row in node.store.read_now(links.every):
                findings += await _link(node, row)
    except BackboneError as error:
        findings.append(Finding("node", "problem", str(error)))
    return findings


def _gnupg() -> Finding:
    try:
        version = gpg_version()
    except KeyRingError as error:
        return Finding("gnupg", "problem", str(error))
    warning = version_warning(version)
    return Finding("gnupg", "warning" if warning else "ok", warning or f"version {'.'.join(map(str, version))}")


def _clock() -> Finding:
    now = datetime.now().astimezone()
    if now.year < CLOCK_YEAR_MIN:
        return Finding("clock", "problem", f"the clock says {now:%Y-%m-%d}: set it, for example with an NTP client")
    return Finding("clock", "ok", f"{now:%Y-%m-%d %H:%M %Z}")


def _disk(path: Path) -> Finding:
    try:
        free = shutil.disk_usage(path).free
    except OSError as error:
        return Finding("disk", "problem", f"{path}: {error.strerror}")
    if free < FREE_BYTES_MIN:
        return Finding("disk", "warning", f"only {free // 2**20} MB are free: make room before the store cannot grow")
    return Finding("disk", "ok", f"{free // 2**30} GB free")


def _permissions(folder: Folder) -> Iterator[Finding]:
    private = [folder.store, *(file for file in (folder.path / "g").glob("*") if file.is_dir())]
    for file in private:
        mode = stat.S_IMODE(file.stat().st_mode)
        if mode & 0o077:
            wanted = "0700" if file.is_dir() else "0600"
            yield Finding("permissions", "problem", f"others can read {file}: chmod {wanted} {file}")
    for home in (folder.path / "g").glob("*"):
        try:
            check_path(home)
        except KeyRingError as error:
            yield Finding("permissions", "problem", str(error))


def _store(node: Node) -> Finding:
    found = node.store.read_now(damage)
    if found:
        return Finding("store", "problem", f"{node.folder.store} is damaged ({found[0]}): put back a copy")
    size = node.folder.store.stat().st_size / 2**20
    return Finding("store", "ok", f"whole, {size:.1f} MB")


def _anchor(node: Node) -> Finding:
    verdict = judge(node)
    if verdict.finding is AnchorFinding.FINE:
        return Finding("anchor", "ok", f"agrees with the store ({node.anchor_path})")
    if verdict.finding is AnchorFinding.UNCLEAN:
        return Finding("anchor", "ok", "a process runs this node, or the last one did not end in order")
    return Finding("anchor", "problem", verdict.sentence)


async def _tracker(node: Node, name: str) -> list[Finding]:
    what = f"tracker {name}"

    async def check() -> list[Finding]:
        tracker = open_tracker(node, name)
        try:
            problems = await tracker.check()
            schema = await tracker.describe() if not problems else None
        finally:
            await tracker.close()
        if schema is None:
            return [Finding(what, "problem", sentence) for sentence in problems]
        return [Finding(what, "ok", f"answers, {len(schema.fields)} fields, {len(schema.people)} people")]

    return await _guarded(what, check)


async def _link(node: Node, row: LinkRow) -> list[Finding]:
    found = await _guarded(f"link {row.name}: keys", lambda: _keys(node, row))
    found += await _guarded(f"link {row.name}: channel", lambda: _channel(node, row))
    state = "problem" if row.state in ("failed", "resync") else "ok"
    return [*found, Finding(f"link {row.name}", state, f"{row.state}{f': {row.reason}' if row.reason else ''}")]


async def _channel(node: Node, row: LinkRow) -> list[Finding]:
    what = f"link {row.name}: channel"
    channel = open_channel(node, row.name, row.link_id, load_link(node.folder, row.name, node.config))
    try:
        sentences = await channel.check()
    finally:
        await channel.close()
    if not sentences:
        return [Finding(what, "ok", "ready in both directions")]
    return [Finding(what, "ok" if s.startswith(INFORMATION) else "problem", s) for s in sentences]


async def _keys(node: Node, row: LinkRow) -> list[Finding]:
    what = f"link {row.name}: keys"
    keys = await open_keyring(node, row)
    assert isinstance(keys, GnupgKeyRing)
    seconds = await keys.signature_seconds()
    found = [Finding(what, "ok", f"one signature takes {seconds * 1000:.0f} ms")]
    if seconds > SIGNATURE_SECONDS_WARN:
        sentence = f"one signature takes {seconds:.1f} s: is the key protected with an expensive passphrase?"
        found = [Finding(what, "warning", sentence)]
    for whose, certificate in (("our", keys.own), ("the partner's", keys.peer)):
        ends = [s.expires for use in "se" if certificate and (s := certificate.subkey(use)) and s.expires]
        if ends:
            found += _expiry(what, whose, (min(ends) - time.time()) / 86400)
    return found


def _expiry(what: str, whose: str, days: float) -> list[Finding]:
    if days < 0:
        return [Finding(what, "problem", f"{whose} key has expired: make a new handshake with the partner")]
    if days < KEY_DAYS[-1]:
        state = "problem" if days < KEY_DAYS[0] else "warning"
        return [Finding(what, state, f"{whose} key ends in {days:.0f} days: plan a new handshake with the partner")]
    return []


async def _guarded(what: str, check: Callable[[], Awaitable[list[Finding]]]) -> list[Finding]:
    try:
        return await check()
    except (BackboneError, ChannelError, HandshakeError, KeyRingError) as error:
        return [Finding(what, "problem", str(error))]
