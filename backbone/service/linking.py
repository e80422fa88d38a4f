"""What an admin does with links: create, join, accept, compare words, pause, resume, revoke.

Everything is checked before anything is written; what was written when something fails is taken back.
"""

import secrets
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from backbone.config import LinkConfig, check_name, link_template, load_link, read_tables
from backbone.errors import ConfigError, HandshakeRefused, Unreachable, UsageError
from backbone.model import FieldType, Schema
from backbone.replication import limits
from backbone.replication.agreement import Agreement
from backbone.replication.mapping import Rules, Translation
from backbone.service import pairing as parcels
from backbone.service import revoking
from backbone.service.node import Node
from backbone.service.parties import MAIL, address_of, channel_settings, open_channel, open_keyring, open_tracker
from backbone.service.progress import Progress, advance, keep, load, save
from backbone.store import links
from backbone.store.engine import Connection
from backbone.store.links import LinkRow
from channels.base import ChannelError
from handshake import events, keyring
from handshake import pairing as table
from handshake.armor import armor, dearmor
from handshake.base import KeyRing
from handshake.documents import PROTOCOLS, SUITES, Acceptance, ChannelAddress, Offer, decode, encode
from handshake.errors import HandshakeError, KeyRingError, Refused
from handshake.events import Pairing, Role
from handshake.file import verify_file
from handshake.limits import FILE_BYTES_MAX, OFFER_DAYS
from handshake.transcript import check_offer, digest, prove, transcript
from handshake.words import safety_words

_TIME = "%Y-%m-%dT%H:%M:%SZ"
_NO_PROOF = "0" * 64
SKIPPED_FIELDS = frozenset({FieldType.RELATION, FieldType.USER, FieldType.USERS})
"""Not proposed by themselves: they need to be agreed upon."""


@dataclass(frozen=True, slots=True)
class LinkOptions:
    """What the master's admin says when a link is made."""

    tracker: str
    channel: Mapping[str, Any]
    description: str = ""
    agreement: Path | None = None
    mapping: Path | None = None
    expires_days: int = OFFER_DAYS
    encrypt: bool = True
    passphrase: str | None = None


@dataclass(frozen=True, slots=True)
class JoinOptions:
    """What the slave's admin says when a handshake file is joined."""

    tracker: str
    channel: Mapping[str, Any]
    name: str | None = None
    mapping: Path | None = None


@dataclass(frozen=True, slots=True)
class Created:
    """A link was made: the handshake file to hand over."""

    file: bytes
    fingerprint: str
    expires: str


@dataclass(frozen=True, slots=True)
class Joined:
    """An offer was joined: what both admins compare, and the acceptance for carrying by hand."""

    name: str
    fingerprint: str
    peer_fingerprint: str
    words: tuple[str, ...]
    acceptance: bytes


@dataclass(frozen=True, slots=True)
class Offered:
    """What a handshake file says, for a person."""

    offer: Offer
    agreement: Agreement
    encrypt: bool
    data: bytes = field(repr=False)
    certificate: bytes = field(repr=False)


async def check_create(node: Node, name: str, options: LinkOptions) -> tuple[Agreement, Rules]:
    """Whether the master's half can be made; writes nothing. Raises ``BackboneError``."""
    await _check_new(node, name)
    schema = await _schema(node, options.tracker)
    agreement = _agreement(options.agreement, schema)
    rules = _rules(options.mapping, agreement, schema)
    _check_mapping(agreement, rules, schema, node, options.mapping)
    return agreement, rules


async def create_link(node: Node, name: str, options: LinkOptions) -> Created:
    """Make the master's half of a link and its handshake file. Raises ``BackboneError``; then nothing was made."""
    agreement, rules = await check_create(node, name, options)
    link_id, home = secrets.token_hex(16), secrets.token_hex(4)
    async with _made(node, name, home) as keys:
        config = _write_config(node, name, link_id, options.tracker, options.channel, rules)
        address = ChannelAddress(kind=config.channel.kind, address=address_of(node, name, link_id, config))
        now = datetime.fromtimestamp(node.clock(), UTC)
        expires = now + timedelta(days=options.expires_days)
        document = encode(_offer(node, name, link_id, keys, options, agreement, address, now, expires,
                                 (await keys.public_key()).decode()))  # fmt: skip
        file = await keys.sign(document, passphrase=options.passphrase)
        sizes = parcels.probe_sizes(open_channel(node, name, link_id, config))
        made, _ = table.step(Pairing(Role.MASTER), events.OfferMade(int(expires.timestamp()), sizes))
        progress = Progress(made, offer=document)
        await node.store.run(lambda tx: _add(tx, node, name, link_id, home, keys, progress, agreement, side="master"))
        return Created(file, keys.fingerprint, expires.strftime(_TIME))


async def read_offer(data: bytes, passphrase: str | None = None) -> Offered:
    """What a handshake file says, its signature verified. Raises ``HandshakeRefused`` or ``Unreachable``."""
    try:
        signed = await verify_file(data, FILE_BYTES_MAX, passphrase=passphrase)
        offer = decode(Offer, signed.payload)
    except HandshakeError as error:
        raise HandshakeRefused(str(error)) from error
    except KeyRingError as error:
        raise Unreachable(str(error)) from error
    terms = dict(offer.agreement)
    encrypt = bool(terms.pop("encrypt", True))
    return Offered(offer, Agreement.parse(terms, "the agreement offered"), encrypt, signed.payload, signed.certificate)


async def check_join(node: Node, offered: Offered, options: JoinOptions) -> tuple[str, tuple[int, int], Rules]:
    """Whether the slave's half can be made: its name, protocol and suite, mapping; writes nothing.

    Raises ``HandshakeRefused`` for a file that is too old, our own, or used before, else ``BackboneError``.
    """
    offer = offered.offer
    name = options.name or offer.name
    now = datetime.fromtimestamp(node.clock(), UTC).strftime(_TIME)
    try:
        chosen = check_offer(offer, now=now, node=node.node_id)
    except HandshakeError as error:
        raise HandshakeRefused(str(error)) from error
    known = await node.store.read(lambda tx: links.by_link_id(tx, offer.link_id))
    if known is not None:
        raise HandshakeRefused(f"this handshake file was joined already, as link {known.name}: a file works once")
    await _check_new(node, name)
    schema = await _schema(node, options.tracker)
    rules = _rules(options.mapping, offered.agreement, schema)
    _check_mapping(offered.agreement, rules, schema, node, options.mapping)
    return name, chosen, rules


async def _schema(node: Node, name: str) -> Schema:
    tracker = open_tracker(node, name)
    try:
        return await tracker.describe()
    finally:
        await tracker.close()


async def join_link(node: Node, offered: Offered, options: JoinOptions) -> Joined:
    """Make the slave's half. Raises ``BackboneError``; then nothing was made."""
    name, chosen, rules = await check_join(node, offered, options)
    offer, now = offered.offer, node.clock()
    home = secrets.token_hex(4)
    async with _made(node, name, home) as keys:
        channel = {"kind": offer.channel.kind, **_partner(offer), **options.channel}
        config = _write_config(node, name, offer.link_id, options.tracker, channel, rules)
        address = ChannelAddress(kind=config.channel.kind, address=address_of(node, name, offer.link_id, config))
        answer = await _answer(node, offered, keys, chosen, address)
        sealed = await keys.seal(encode(answer), recipient=offer.fingerprint)
        seen = transcript(offered.data, answer)
        sizes = parcels.probe_sizes(open_channel(node, name, offer.link_id, config))
        expires = datetime.strptime(offer.expires, _TIME).replace(tzinfo=UTC)
        given = events.OfferImported(offer.fingerprint, seen.hex(), int(expires.timestamp()), sizes)
        made, _ = table.step(Pairing(Role.SLAVE), given)
        peer = {
            "node": offer.node, "name": offer.node_name, "fingerprint": offer.fingerprint,
            "transcript": seen.hex(), "suite": chosen[1], "encrypt": offered.encrypt,
            "address": offer.channel.address.get(MAIL),
        }  # fmt: skip

        def store(tx: Connection) -> None:
            row = _add(tx, node, name, offer.link_id, home, keys, Progress(made, acceptance=sealed), offered.agreement,
                       side="slave", peer=peer)  # fmt: skip
            links.save_state(tx, row, parcels.peer_state(node, offer, now))

        await node.store.run(store)
        return Joined(name, keys.fingerprint, offer.fingerprint, safety_words(seen), armor(sealed))


async def accept_file(node: Node, data: bytes) -> str:
    """Take an acceptance that was carried by hand; returns the link's name. Raises ``HandshakeRefused``."""
    try:
        parcel = dearmor(data)
    except (HandshakeError, Refused) as error:
        raise HandshakeRefused(str(error)) from error
    rows = await node.store.read(links.every)
    reason = "no link of this node waits for an acceptance"
    for row in rows:
        if row.side != "master":
            continue
        keys = await open_keyring(node, row)
        try:
            await parcels.take_acceptance(node, row, keys, parcel)
        except (HandshakeError, Refused, HandshakeRefused) as error:
            reason = str(error)
        else:
            return row.name
        finally:
            await keys.close()
    raise HandshakeRefused(reason)


async def words(node: Node, name: str) -> tuple[str, ...]:
    """The ten safety words of a link that has a partner. Raises ``UsageError``."""
    row = await _row(node, name)
    if row.peer is None:
        raise UsageError(f"link {name} has no partner yet: the words are known when the acceptance has come")
    return safety_words(bytes.fromhex(row.peer["transcript"]))


async def verify(node: Node, name: str, by: str) -> None:
    """Record that two people compared the words."""
    await words(node, name)

    def store(tx: Connection) -> None:
        row = links.by_name(tx, name)
        assert row is not None
        keep(tx, row, replace(load(row), verified_by=by))

    await node.store.run(store)


async def pause(node: Node, name: str) -> None:
    """Nothing leaves and nothing is applied until ``resume``."""
    await _tell(node, name, events.Paused())


async def resume(node: Node, name: str) -> None:
    """Go on."""
    await _tell(node, name, events.Resumed())


async def revoke(node: Node, name: str, reason: str) -> None:
    """For ever over. That the partner is to be told is stored with it; whoever runs the node does it."""
    revoking.check_reason(reason)
    await _tell(node, name, events.Revoked(reason, ours=True))


async def _tell(node: Node, name: str, given: events.Input) -> None:
    row = await _row(node, name)

    def change(tx: Connection) -> None:
        now = links.get(tx, row.id)
        stage = load(now).pairing.stage
        if (now.side, stage, type(given)) not in {(r.value, s, t) for r, s, t in table.TABLE}:
            raise UsageError(f"link {name} is {stage}: that is not possible now")
        if any(isinstance(effect, events.SendRevocation) for effect in advance(tx, now, given)):
            revoking.begin(tx, row.id, node.clock())

    await node.store.run(change)


async def _row(node: Node, name: str) -> LinkRow:
    row = await node.store.read(lambda tx: links.by_name(tx, check_name(name)))
    if row is None:
        raise UsageError(f"there is no link {name!r}")
    return row


async def _check_new(node: Node, name: str) -> None:
    taken = await node.store.read(lambda tx: links.by_name(tx, check_name(name)))
    if taken is not None or node.folder.link_file(name).exists():
        raise UsageError(f"there is a link {name!r} already: choose another name")


@asynccontextmanager
async def _made(node: Node, name: str, home: str) -> AsyncIterator[KeyRing]:
    """New keys; when the block fails, they and the link's file go again."""
    folder = node.folder.gnupg(home)
    folder.parent.mkdir(exist_ok=True, mode=0o700)
    try:
        try:
            keys = await keyring.create(folder, node.name)
        except KeyRingError as error:
            raise Unreachable(str(error)) from error
        try:
            yield keys
        finally:
            await keys.close()
    except BaseException as error:
        node.folder.link_file(name).unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, HandshakeError):
            raise HandshakeRefused(str(error)) from error
        if isinstance(error, ChannelError):
            raise Unreachable(str(error)) from error
        raise


def _partner(offer: Offer) -> dict[str, str]:
    """By mail the partner's address stands in the link's file, for an admin to see."""
    address = offer.channel.address.get(MAIL)
    return {"partner": address} if offer.channel.kind == MAIL and address else {}


def _write_config(
    node: Node, name: str, link_id: str, tracker: str, channel: Mapping[str, Any], rules: Rules
) -> LinkConfig:
    """The link's file, and what the channel needs on disk."""
    settings = dict(channel)
    if settings["kind"] == "directory":
        exchange = node.folder.exchange(name)
        settings = {"send": str(exchange / "SEND"), "receive": str(exchange / "RECEIVE"), **channel}
    text = link_template(tracker, settings, rules.model_dump(mode="json", exclude_defaults=True))
    file = node.folder.link_file(name)
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    config = load_link(node.folder, name, node.config)
    if config.channel.kind == "directory":
        from channels.directory import prepare

        resolved = channel_settings(node, name, link_id, config)
        prepare(Path(resolved["send"]), Path(resolved["receive"]), resolved["tag"])
    return config


def _offer(
    node: Node, name: str, link_id: str, keys: KeyRing, options: LinkOptions, agreement: Agreement,
    address: ChannelAddress, now: datetime, expires: datetime, certificate: str,
) -> Offer:  # fmt: skip
    return Offer(
        protocols=PROTOCOLS,
        suites=SUITES,
        link_id=link_id,
        name=name,
        description=options.description,
        created=now.strftime(_TIME),
        expires=expires.strftime(_TIME),
        node=node.node_id,
        node_name=node.name,
        incarnation=parcels.incarnation(node.life),
        certificate=certificate,
        fingerprint=keys.fingerprint,
        channel=address,
        agreement={**agreement.model_dump(mode="json"), "encrypt": options.encrypt},
        token=secrets.token_hex(32),
        nonce=secrets.token_hex(32),
        backup_horizon_days=limits.backup_horizon_seconds // 86400,
    )


async def _answer(
    node: Node, offered: Offered, keys: KeyRing, chosen: tuple[int, int], address: ChannelAddress
) -> Acceptance:
    await keys.add_peer(offered.certificate, offered.offer.fingerprint)
    answer = Acceptance(
        link_id=offered.offer.link_id,
        offer_digest=digest(offered.data),
        node=node.node_id,
        node_name=node.name,
        incarnation=parcels.incarnation(node.life),
        certificate=(await keys.public_key()).decode(),
        fingerprint=keys.fingerprint,
        channel=address,
        protocol=chosen[0],
        suite=chosen[1],
        nonce=secrets.token_hex(32),
        proof=_NO_PROOF,
    )
    return prove(offered.data, answer)


def _add(
    tx: Connection, node: Node, name: str, link_id: str, home: str, keys: KeyRing, progress: Progress,
    agreement: Agreement, **values: Any,
) -> int:  # fmt: skip
    return links.add(
        tx,
        name=name,
        link_id=link_id,
        pairing=save(progress),
        state=str(progress.pairing.stage),
        home=home,
        our_fingerprint=keys.fingerprint,
        agreement=agreement.model_dump(mode="json"),
        created_at=node.clock(),
        **values,
    )


def _agreement(file: Path | None, schema: Schema) -> Agreement:
    """From the admin's file, or what the tracker has."""
    if file is not None:
        return Agreement.parse(read_tables(file), str(file))
    fields = {name: {"type": str(f.type)} for name, f in schema.fields.items() if f.type not in SKIPPED_FIELDS}
    return Agreement.parse({"fields": fields}, "the tracker's own fields")


def _rules(file: Path | None, agreement: Agreement, schema: Schema) -> Rules:
    """From the admin's file, or fields of the same name."""
    if file is not None:
        return Rules.parse(read_tables(file), str(file))
    return Rules.parse({"fields": {n: {"local": n} for n in agreement.fields if n in schema.fields}}, "same names")


def _check_mapping(agreement: Agreement, rules: Rules, schema: Schema, node: Node, file: Path | None) -> None:
    problems = Translation(agreement, rules, node.name).problems(schema)
    if problems:
        advice = "" if file else "; write a mapping file and name it with --mapping"
        raise ConfigError(f"{file or 'fields of the same name'}: {'; '.join(problems)}{advice}")


__all__ = [
    "Created", "JoinOptions", "Joined", "LinkOptions", "Offered", "accept_file", "check_create", "check_join",
    "create_link", "join_link", "pause", "read_offer", "resume", "revoke", "verify", "words",
]  # fmt: skip
