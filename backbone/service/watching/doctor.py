"""Everything a node needs, looked at once: what is well, what is not, and what to do."""

import asyncio
import shutil
import stat
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from backbone.config import Folder, load_link
from backbone.errors import BackboneError
from backbone.replication.agreement import Agreement
from backbone.replication.alarm import FREE_BYTES_MIN, KEY_DAYS, key_advice
from backbone.replication.mapping import Rules, Translation
from backbone.replication.merge import Side
from backbone.replication.scope.judging import Scope
from backbone.richtext import CONVERT
from backbone.service.links.progress import load
from backbone.service.node import Node, judge, open_node
from backbone.service.parties import open_channel, open_keyring, open_tracker
from backbone.service.watching import alarms
from backbone.service.watching.picture import ends
from backbone.store import alarms as store
from backbone.store import links
from backbone.store.anchor import Finding as AnchorFinding
from backbone.store.links import LinkRow
from backbone.store.schema import damage
from channels.base import INFORMATION, ChannelError
from handshake.errors import HandshakeError, KeyRingError
from handshake.home import check_path, gpg_version, version_warning
from handshake.keyring import GnupgKeyRing
from handshake.limits import SIGNATURE_SECONDS_WARN

CLOCK_YEAR_MIN = 2026
"""A clock that says less was never set."""
CLOCK_BACK_SECONDS_MAX = 120.0
"""Time services correct less than this at once."""
TRACKER_SECONDS_MAX = 60.0
"""A tracker that takes longer to be looked at is in trouble."""


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
    findings = [_gnupg(), _disk(path), *_permissions(Folder(path))]
    try:
        async with open_node(path, exclusive=False) as node:
            rows = node.store.read_now(links.every)
            findings += [_clock(node, rows), _store(node), *await _guarded("anchor", lambda: _anchor(node))]
            if not node.config.trackers:
                findings.append(Finding("trackers", "warning", "there is none yet: backbone tracker add"))
            findings += _alarms(node)
            for name in node.config.trackers:
                findings += await _tracker(node, name)
            for row in rows:
                findings += await _link(node, row)
            findings += _strays(node.folder, rows)
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


def _clock(node: Node, rows: Sequence[LinkRow]) -> Finding:
    """A clock cannot be checked against another here, but it never stands before what was already seen."""
    heard = node.store.read_now(lambda tx: [links.state(tx, row.id).heard_at for row in rows if row.peer is not None])
    seen = max([node.folder.store.stat().st_mtime, *(at for at in heard if at is not None)])
    now = datetime.now().astimezone()
    if now.year < CLOCK_YEAR_MIN or now.timestamp() < seen - CLOCK_BACK_SECONDS_MAX:
        sentence = f"the clock says {now:%Y-%m-%d %H:%M}, before what was already seen: set it, with an NTP client"
        return Finding("clock", "problem", sentence)
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
    homes = [file for file in (folder.path / "g").glob("*") if file.is_dir()]
    for file in (file for file in (folder.path, folder.store, *homes) if file.exists()):
        mode = stat.S_IMODE(file.stat().st_mode)
        if mode & 0o077:
            wanted = "0700" if file.is_dir() else "0600"
            yield Finding("permissions", "problem", f"others can read {file}: chmod {wanted} {file}")
    try:
        check_path(folder.gnupg("0" * 8))
    except KeyRingError as error:
        yield Finding("folder", "problem", str(error))
    else:
        yield Finding("folder", "ok", "its path is short enough for gpg")


def _store(node: Node) -> Finding:
    found = node.store.read_now(damage)
    if found:
        return Finding("store", "problem", f"{node.folder.store} is damaged ({found[0]}): put back a copy")
    size = node.folder.store.stat().st_size / 2**20
    return Finding("store", "ok", f"whole, {size:.1f} MB")


async def _anchor(node: Node) -> list[Finding]:
    verdict = judge(node)
    if verdict.finding is AnchorFinding.FINE:
        return [Finding("anchor", "ok", f"{node.anchor_path} agrees with the store")]
    if verdict.finding is AnchorFinding.UNCLEAN:
        return [Finding("anchor", "ok", "a process runs this node, or the last one did not end in order")]
    if verdict.finding is AnchorFinding.MISSING:
        renew = "backbone doctor --renew-anchor, if this is surely the newest copy"
        return [Finding("anchor", "problem", f"{verdict.sentence} ({renew})")]
    return [Finding("anchor", "problem", verdict.sentence)]


def _alarms(node: Node) -> list[Finding]:
    """Who is told when something is wrong, and whether that can work."""
    if not node.config.alarms.tells:
        return [
            Finding(
                "alarms", "warning", f"nobody is told when something is wrong: set [alarms] in {node.folder.config}"
            )
        ]
    found = [Finding("alarms", "problem", sentence) for sentence in alarms.problems(node)]
    untold = node.store.read_now(store.untold)
    if untold:
        trouble = f"{len(untold)} notices were not taken ({untold[-1].trouble}): backbone alarm test"
        found.append(Finding("alarms", "warning", trouble))
    return found or [Finding("alarms", "ok", "somebody is told; backbone alarm test shows whether it arrives")]


def _strays(folder: Folder, rows: Sequence[LinkRow]) -> Iterator[Finding]:
    for name in sorted(set(folder.links()) - {row.name for row in rows}):
        yield Finding(f"link {name}", "warning", f"{folder.link_file(name)} belongs to no link: move it away")


async def _tracker(node: Node, name: str) -> list[Finding]:
    what = f"tracker {name}"

    async def check() -> list[Finding]:
        tracker = open_tracker(node, name)
        try:
            async with asyncio.timeout(TRACKER_SECONDS_MAX):
                problems = await tracker.check()
                schema = await tracker.describe() if not problems else None
        except TimeoutError:
            return [Finding(what, "problem", f"no answer within {TRACKER_SECONDS_MAX:.0f} s: see that it is up")]
        finally:
            await tracker.close()
        if schema is None:
            return [Finding(what, "problem", sentence) for sentence in problems]
        return [Finding(what, "ok", f"answers, {len(schema.fields)} fields, {len(schema.people)} people")]

    return await _guarded(what, check)


async def _link(node: Node, row: LinkRow) -> list[Finding]:
    what = f"link {row.name}"
    state = "problem" if row.state in ("failed", "resync") else "warning" if row.reason else "ok"
    found = [Finding(what, state, f"{row.state}{f': {row.reason}' if row.reason else ''}")]
    if row.state in ("expired", "revoked"):
        return found
    if row.peer is not None and not load(row).verified_by:
        sentence = f"nobody compared the safety words with the partner: backbone link verify {row.name}"
        found.append(Finding(what, "warning", sentence))
    found += await _guarded(f"{what}: keys", lambda: _keys(node, row))
    found += await _guarded(f"{what}: mapping", lambda: _mapping(node, row))
    return [*found, *await _guarded(f"{what}: channel", lambda: _channel(node, row))]


async def _mapping(node: Node, row: LinkRow) -> list[Finding]:
    what = f"link {row.name}: mapping"
    file = node.folder.link_file(row.name)
    config = load_link(node.folder, row.name, node.config)
    rules = Rules.parse(config.rules, str(file))
    agreement = Agreement.parse(row.agreement, f"the agreement of link {row.name}")
    tracker = open_tracker(node, config.link.tracker)
    try:
        schema = await tracker.describe()
    finally:
        await tracker.close()
    words = Translation(agreement, rules, node.name, tracker.user, Side(row.side), str(file), CONVERT)
    Scope(rules.scope, agreement, node.name, row.side, str(file))
    problems = words.problems(schema)
    fits = Finding(what, "ok", f"{len(rules.fields)} fields fit tracker {config.link.tracker}")
    return [Finding(what, "problem", f"{file}: {sentence}") for sentence in problems] or [fits]


async def _channel(node: Node, row: LinkRow) -> list[Finding]:
    what = f"link {row.name}: channel"
    channel = open_channel(node, row.name, row.link_id, load_link(node.folder, row.name, node.config), row.peer)
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
    try:
        seconds = await keys.signature_seconds()
    finally:
        await keys.close()
    found = [Finding(what, "ok", f"one signature takes {seconds * 1000:.0f} ms")]
    if seconds > SIGNATURE_SECONDS_WARN:
        sentence = f"one signature takes {seconds:.1f} s: is the key protected with an expensive passphrase?"
        found = [Finding(what, "warning", sentence)]
    for whose, certificate in (("our", keys.own), ("the partner's", keys.peer)):
        end = ends(certificate) if certificate is not None else None
        if end is not None:
            found += _expiry(row.name, whose, (end - time.time()) / 86400)
    return found


def _expiry(link: str, whose: str, days: float) -> list[Finding]:
    what, advice = f"link {link}: keys", key_advice(link, whose, days)
    if days < 0:
        return [Finding(what, "problem", f"{whose} key has expired: {advice}")]
    if days < KEY_DAYS[-1]:
        state = "problem" if days < KEY_DAYS[0] else "warning"
        return [Finding(what, state, f"{whose} key ends in {days:.0f} days: {advice}")]
    return []


async def _guarded(what: str, check: Callable[[], Awaitable[list[Finding]]]) -> list[Finding]:
    try:
        return await check()
    except (BackboneError, ChannelError, HandshakeError, KeyRingError) as error:
        return [Finding(what, "problem", str(error))]
