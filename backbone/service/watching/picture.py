"""A node at one moment, as the alarms' rules look at it. Nothing is written."""

import asyncio
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from backbone.config import load_link
from backbone.errors import BackboneError
from backbone.replication.alarm import LinkPicture, NodePicture
from backbone.service.healing import audit
from backbone.service.links.progress import load
from backbone.service.node import Node
from backbone.service.parties import MAIL, channel_settings, mail_account, open_keyring
from backbone.store import counts, links, lists, messages
from backbone.store.engine import Connection
from backbone.store.links import LinkRow
from channels.base import ChannelError
from handshake.certificate import Certificate
from handshake.errors import HandshakeError, KeyRingError
from handshake.events import Stage
from handshake.keyring import GnupgKeyRing

_EXCHANGES = (Stage.CONFIRMED, Stage.TESTED, Stage.ACTIVE)
_OVER = ("expired", "revoked")


@dataclass(frozen=True, slots=True)
class Slow:
    """What takes a process or a log-in to find out, and changes by the day."""

    keys: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By link: when whose key ends."""
    mailboxes: Mapping[str, float] = field(default_factory=dict)


async def look_slowly(node: Node, *, mailboxes: bool) -> Slow:
    """Keys, and how full the links' mailboxes are. What does not answer is left out: its link is in trouble anyway."""
    rows = [row for row in await node.store.read(links.every) if row.state not in _OVER]
    keys: dict[str, Mapping[str, float]] = {}
    for row in rows:
        with suppress(BackboneError, KeyRingError, HandshakeError, OSError):
            keys[row.name] = await _key_ends(node, row)
    shares: dict[str, float] = {}
    for account in sorted(_accounts(node, rows)) if mailboxes else ():
        with suppress(BackboneError, ChannelError, OSError):
            share = await _fullness(node, account)
            if share is not None:
                shares[account] = share
    return Slow(keys, shares)


async def take(node: Node, slow: Slow, *, ran_at: float | None = None) -> NodePicture:
    """The picture. ``ran_at`` where the one who looks does not run the node. Raises ``StoreError``."""
    rows = await node.store.read(links.every)
    pictures = [await node.store.read(lambda tx, r=row: _link(tx, r, slow)) for row in rows]  # type: ignore[misc]
    disks = await asyncio.to_thread(_disks, node, rows)
    return NodePicture(node.clock(), pictures, disks, slow.mailboxes, ran_at)


def _link(tx: Connection, row: LinkRow, slow: Slow) -> LinkPicture:
    progress = load(row)
    pairing = progress.pairing
    waiting, oldest, heard = 0, None, None
    if row.peer is not None:
        state = links.state(tx, row.id)
        waiting, oldest = messages.awaited(tx, row.id, state)
        heard = state.heard_at
    return LinkPicture(
        name=row.name,
        state=pairing.shown,
        reason=row.reason,
        revoked_by_peer=pairing.stage is Stage.REVOKED and progress.tell_at is None and not progress.told,
        exchanges=pairing.stage in _EXCHANGES,
        heard_at=heard if heard is not None else counts.made_at(tx, row.id),
        offer_ends_at=pairing.expires_at if pairing.stage is Stage.OFFERED else None,
        waiting=waiting,
        oldest_waiting_at=oldest,
        keys_end_at=slow.keys.get(row.name, {}),
        quarantined=lists.set_aside_count(tx, row.id),
        conflicts=lists.conflict_counts(tx, row.id).get("open", 0),
        differences=_differences(tx, row.id),
    )


def _differences(tx: Connection, link: int) -> int:
    """How much the last audit found, on both sides."""
    return audit.count(lists.last_audit(tx, link))


def _disks(node: Node, rows: list[LinkRow]) -> dict[str, int]:
    """Free bytes of the node's disk, and of each other disk that we write parcels to."""
    free: dict[str, int] = {}
    seen: set[int] = set()
    for folder in (node.folder.path, *_send_folders(node, rows)):
        with suppress(OSError):
            device = folder.stat().st_dev
            if device not in seen:
                seen.add(device)
                free[str(folder)] = shutil.disk_usage(folder).free
    return free


def _send_folders(node: Node, rows: list[LinkRow]) -> list[Path]:
    folders: list[Path] = []
    for row in rows:
        with suppress(BackboneError):
            config = load_link(node.folder, row.name, node.config)
            if row.state not in _OVER and config.channel.kind != MAIL:
                folders.append(Path(str(channel_settings(node, row.name, row.link_id, config)["send"])))
    return folders


def _accounts(node: Node, rows: list[LinkRow]) -> set[str]:
    found: set[str] = set()
    for row in rows:
        with suppress(BackboneError):
            config = load_link(node.folder, row.name, node.config)
            if config.channel.kind == MAIL:
                found.add(str(config.channel.settings.get("account", "")))
    return found


async def _fullness(node: Node, account: str) -> float | None:
    from channels.mail.quota import fullness

    return await fullness(mail_account(node, account, str(node.folder.config)))


async def _key_ends(node: Node, row: LinkRow) -> Mapping[str, float]:
    keys = await open_keyring(node, row)
    assert isinstance(keys, GnupgKeyRing)
    await keys.close()
    return {
        whose: float(at)
        for whose, certificate in (("our", keys.own), ("the partner's", keys.peer))
        if certificate is not None and (at := ends(certificate)) is not None
    }


def ends(certificate: Certificate) -> int | None:
    """When the first use runs out: by the newest subkey of each, whether it still works or not."""
    newest: dict[str, int | None] = {}
    for subkey in sorted(certificate.subkeys, key=lambda subkey: subkey.created):
        newest |= dict.fromkeys((use for use in "se" if use in subkey.uses), subkey.expires)
    return min((end for end in newest.values() if end is not None), default=None)
