"""The part of the doctor's examination that looks at one link: its file, keys, channel and state."""

import time
from collections.abc import Iterator

from backbone.config import LinkConfig, load_link
from backbone.errors import BackboneError
from backbone.replication.agreement import Agreement
from backbone.replication.mapping import Rules, Translation
from backbone.service.explaining import explain
from backbone.service.findings import Finding, ok, problem, warning
from backbone.service.node import Node
from backbone.service.parties import open_channel, open_tracker
from backbone.service.progress import load
from backbone.store.links import LinkRow
from channels.base import INFORMATION, ChannelError
from handshake.certificate import Certificate
from handshake.errors import HandshakeError, KeyRingError
from handshake.events import Stage
from handshake.keyring import GnupgKeyRing, open_home
from handshake.limits import SIGNATURE_SECONDS_WARN

EXPIRY_DAYS = (7, 30, 60)
"""A key that expires within the first is a problem, within the others a warning."""
_DAY = 86400
_ASK = (BackboneError, ChannelError, HandshakeError, KeyRingError)
_OVER = (Stage.EXPIRED, Stage.REVOKED)


async def examine_link(node: Node, row: LinkRow) -> list[Finding]:
    """Everything about one link; a link that is over is not looked at any further."""
    subject = f"link {row.name}"
    found = [*_state(subject, row)]
    if load(row).pairing.stage in _OVER:
        return found
    found += await _keys(node, subject, row)
    try:
        config = load_link(node.folder, row.name, node.config)
    except BackboneError as error:
        return [*found, problem(subject, str(error))]
    found += await _mapping(node, subject, row, config)
    found += await _channel(node, subject, row, config)
    return found


def _state(subject: str, row: LinkRow) -> Iterator[Finding]:
    progress = load(row)
    if row.reason:
        hard = progress.pairing.stage in (Stage.FAILED, Stage.RESYNC)
        yield (problem if hard else warning)(subject, f"{progress.pairing.shown}: {row.reason}")
    else:
        yield ok(subject, progress.pairing.shown)
    if row.peer is not None and not progress.verified_by:
        sentence = f"nobody compared the safety words yet: telephone the partner, `backbone link verify {row.name}`"
        yield warning(subject, sentence)


async def _keys(node: Node, subject: str, row: LinkRow) -> list[Finding]:
    home = node.folder.gnupg(row.home)
    try:
        keyring = await open_home(home)
        try:
            seconds = await keyring.signature_seconds()
        finally:
            await keyring.close()
    except _ASK as error:
        return [problem(f"{subject}: keys", str(error))]
    return [*_home(f"{subject}: keys", home.stat().st_mode & 0o777, str(home)),
            _signature(subject, seconds), *_expiry(subject, keyring, time.time())]  # fmt: skip


def _home(subject: str, mode: int, home: str) -> Iterator[Finding]:
    if mode != 0o700:
        yield warning(subject, f"{home} has mode {mode:04o}: chmod 700 {home}")


def _signature(subject: str, seconds: float) -> Finding:
    shown = f"a signature takes {seconds * 1000:.0f} ms"
    if seconds > SIGNATURE_SECONDS_WARN:
        return warning(f"{subject}: keys", f"{shown}: the machine is busy, or the key's passphrase is dear to check")
    return ok(f"{subject}: keys", shown)


def _expiry(subject: str, keyring: GnupgKeyRing, now: float) -> Iterator[Finding]:
    for whose, certificate in (("our", keyring.own), ("the partner's", keyring.peer)):
        days = _days_left(certificate, now) if certificate is not None else None
        if days is not None and days <= EXPIRY_DAYS[-1]:
            sentence = f"{whose} key {'expires in ' + str(days) + ' days' if days > 0 else 'has expired'}: rotate it"
            yield (problem if days <= EXPIRY_DAYS[0] else warning)(f"{subject}: keys", sentence)


def _days_left(certificate: Certificate, now: float) -> int | None:
    """Until the first use runs out, of the subkeys that would be used today."""
    newest: dict[str, int | None] = {}
    for subkey in sorted(certificate.subkeys, key=lambda subkey: subkey.created):
        newest |= dict.fromkeys(subkey.uses.lower(), subkey.expires)
    ends = [expires for expires in newest.values() if expires is not None]
    return int((min(ends) - now) // _DAY) if ends else None


async def _mapping(node: Node, subject: str, row: LinkRow, config: LinkConfig) -> list[Finding]:
    """Whether the link's file still fits the agreement and the tracker."""
    subject = f"{subject}: mapping"
    try:
        agreement = Agreement.parse(row.agreement, f"the agreement of link {row.name}")
        rules = Rules.parse(config.rules, str(node.folder.link_file(row.name)))
        tracker = open_tracker(node, config.link.tracker)
        try:
            schema = await tracker.describe()
        finally:
            await tracker.close()
    except BackboneError as error:
        return [problem(subject, str(error))]
    sentences = Translation(agreement, rules, node.name, tracker.user).problems(schema)
    file = node.folder.link_file(row.name)
    return [problem(subject, f"{file}: {one}") for one in sentences] or [
        ok(subject, f"{len(rules.fields)} fields fit tracker {config.link.tracker}")
    ]


async def _channel(node: Node, subject: str, row: LinkRow, config: LinkConfig) -> list[Finding]:
    subject = f"{subject}: channel"
    try:
        channel = open_channel(node, row.name, row.link_id, config)
        try:
            sentences = await channel.check()
        finally:
            await channel.close()
    except (*_ASK, OSError) as error:
        return [problem(subject, str(explain(error) or error))]
    wrong = [problem(subject, one) for one in sentences if not one.startswith(INFORMATION)]
    notes = [ok(subject, one) for one in sentences if one.startswith(INFORMATION)]
    return [*(wrong or [ok(subject, f"{config.channel.kind}: writes and reads")]), *notes]
