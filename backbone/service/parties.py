"""Opening what a link works with: its tracker, its channel, its keys, and the endpoint made of them."""

import asyncio
import hashlib
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any

from backbone.config import LinkConfig, load_link
from backbone.errors import ConfigError, HandshakeRefused, Unreachable
from backbone.replication.agreement import Agreement
from backbone.replication.history import History
from backbone.replication.link import Identity, Timing
from backbone.replication.mapping import Rules, Translation
from backbone.replication.merge import Side
from backbone.replication.scope.judging import Scope
from backbone.richtext import CONVERT
from backbone.service.endpoint import Endpoint, Voice, use_keys
from backbone.service.flow.contents import Contents
from backbone.service.flow.enlisting import NO_USERS
from backbone.service.links.matching import pairing_of
from backbone.service.logs import logger
from backbone.service.node import Node
from backbone.store import links
from backbone.store.links import LinkRow
from backbone.trackers.base import Enlisting, Tracker
from channels.base import Channel, ChannelError
from channels.mail.secrets import place_of
from handshake.base import KeyRing
from handshake.errors import HandshakeError, KeyRingError
from handshake.keyring import open_home

MAIL = "mail"
"""The kind of channel whose settings stand in an account of the node, and whose partner has an address."""
ASK_DELAY_SHARE = 20
"""A gap is asked for after so many times the acknowledgement's delay, one second at least: reordering is normal."""


def tag_of(link_id: str) -> str:
    """What stands on the outside of a link's parcels: 16 hex digits that do not give the link's id away."""
    return hashlib.sha256(f"backbone tag {link_id}".encode()).hexdigest()[:16]


def open_tracker(node: Node, name: str) -> Tracker:
    """One of the node's trackers. Raises ``ConfigError`` for an unknown kind or wrong settings."""
    table = node.config.trackers.get(name)
    if table is None:
        raise ConfigError(f"{node.folder.config}: there is no [trackers.{name}]; add it, or name another tracker")
    connect = _plugin("backbone.trackers", table.kind, f"{node.folder.config}: trackers.{name}.kind")
    tracker: Tracker = connect(node.folder.resolved(table.settings))
    return tracker


def prepare_tracker(kind: str, settings: Mapping[str, object]) -> list[str]:
    """Put into the tracker what replication needs; what was done, a sentence each. Raises ``BackboneError``."""
    prepare = getattr(_module_of(kind), "prepare", None)
    return list(prepare(settings)) if prepare is not None else []


def check_settings(kind: str, settings: Mapping[str, object]) -> None:
    """Whether a tracker of that kind takes these settings; it is not opened. Raises ``ConfigError``."""
    tracker: Tracker = _plugin("backbone.trackers", kind, "kind")(settings)
    asyncio.run(tracker.close())


def check_tracker(kind: str, settings: Mapping[str, object]) -> list[str]:
    """What the tracker lacks, a sentence each."""

    async def check() -> list[str]:
        tracker: Tracker = _plugin("backbone.trackers", kind, "kind")(settings)
        try:
            return list(await tracker.check())
        finally:
            await tracker.close()

    return asyncio.run(check())


def _module_of(kind: str) -> ModuleType:
    return import_module(_plugin("backbone.trackers", kind, "kind").__module__)


def channel_settings(
    node: Node, name: str, link_id: str, config: LinkConfig, peer: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A link's channel settings with paths resolved and defaults filled in; by mail, with the account's too.

    ``peer`` is what the partner's document said; its address is used where the link's file names none.
    """
    said = {**node.folder.resolved(config.channel.settings), "tag": tag_of(link_id)}
    if config.channel.kind == MAIL:
        account = mail_account(node, str(said.pop("account", "")), str(node.folder.link_file(name)))
        partner = (peer or {}).get("address")
        addressed = {"partner": partner} if partner else {}
        return {"spool_path": str(node.folder.spool), **account, **addressed, **said}
    exchange = node.folder.exchange(name)
    return {"send": str(exchange / "SEND"), "receive": str(exchange / "RECEIVE"), **said}


def mail_account(node: Node, name: str, where: str) -> dict[str, Any]:
    """The settings of one of the node's mail accounts. Raises ``ConfigError``."""
    account = node.config.mail.get(name)
    if account is None:
        known = ", ".join(node.config.mail) or "none yet; add one with `backbone mail add`"
        raise ConfigError(f"{where}: there is no mail account {name!r} in {node.folder.config}; there are: {known}")
    return node.folder.resolved(account.settings)


def address_of(node: Node, name: str, link_id: str, config: LinkConfig) -> dict[str, str]:
    """How the partner reaches us on this link: what stands in the handshake's documents."""
    if config.channel.kind != MAIL:
        return {}
    return {MAIL: str(channel_settings(node, name, link_id, config)["address"])}


def open_channel(
    node: Node, name: str, link_id: str, config: LinkConfig, peer: Mapping[str, Any] | None = None
) -> Channel:
    """The link's channel. Raises ``ConfigError`` for an unknown kind or wrong settings."""
    connect = _plugin("backbone.channels", config.channel.kind, f"{node.folder.link_file(name)}: channel.kind")
    channel: Channel = connect(channel_settings(node, name, link_id, config, peer))
    return channel


def open_account(settings: Mapping[str, Any]) -> Channel:
    """A mail account by itself, with no partner: for looking at it. Raises ``ChannelError``."""
    channel: Channel = _plugin("backbone.channels", MAIL, "kind")({**settings, "tag": "0" * 16})
    return channel


def _plugin(group: str, kind: str, where: str) -> Any:
    found = {point.name: point for point in entry_points(group=group)}
    if kind not in found:
        raise ConfigError(f"{where}: {kind!r} is not known; there are {', '.join(sorted(found))}")
    return found[kind].load()


async def key_passphrase(node: Node) -> str | None:
    """What the links' secret keys are encrypted with, from where ``[keys]`` says. Raises ``ConfigError``."""
    given: dict[str, Any] = node.config.keys.settings
    if not given:
        return None
    where = f"{node.folder.config}: keys"
    if len(given) > 1:
        raise ConfigError(f"{where} has {' and '.join(given)}: leave one")
    if "passphrase_file" in given:
        given["passphrase_file"] = str(node.folder.resolve(given["passphrase_file"]))
    try:
        place = place_of(where, given, "passphrase")
        assert place is not None
        return (await asyncio.to_thread(place.read)).reveal()
    except ChannelError as error:
        raise ConfigError(str(error)) from error


async def open_keyring(node: Node, row: LinkRow) -> KeyRing:
    """The link's keys. Raises ``HandshakeRefused`` where the folder holds others, ``Unreachable`` where gpg fails."""
    try:
        keyring = await open_home(node.folder.gnupg(row.home), passphrase=await key_passphrase(node))
    except KeyRingError as error:
        raise Unreachable(str(error)) from error
    except HandshakeError as error:
        raise HandshakeRefused(str(error)) from error
    if keyring.fingerprint != row.our_fingerprint:
        raise HandshakeRefused(
            f"the key folder of link {row.name} holds another key than the one the link was made with"
        )
    use_keys(keyring, row.keys)
    return keyring


async def open_former(node: Node, row: LinkRow) -> list[tuple[KeyRing, str]]:
    """The key rings of earlier handshakes of this link that are still there, each with the partner's fingerprint:
    they open what was sealed to them, and nothing else.
    """
    found: list[tuple[KeyRing, str]] = []
    secret = await key_passphrase(node)
    for home, _ours, theirs in row.keys.homes:
        with suppress(KeyRingError, HandshakeError):
            found.append((await open_home(node.folder.gnupg(home), passphrase=secret), theirs))
    return found


def translation_of(node: Node, row: LinkRow, agreement: Agreement, user: str) -> Translation:
    """The link's file as it is now, for one agreement: a rule of a field that is not in it waits for another one.

    Raises ``ConfigError``.
    """
    file = str(node.folder.link_file(row.name))
    rules = Rules.parse(load_link(node.folder, row.name, node.config).rules, file)
    return Translation(agreement, rules.within(agreement.fields), node.name, user, Side(row.side), file, CONVERT)


def scope_of(node: Node, row: LinkRow, agreement: Agreement) -> Scope:
    """The link's ``[scope]`` as it is now, over the fields of one agreement. Raises ``ConfigError``."""
    file = str(node.folder.link_file(row.name))
    rules = Rules.parse(load_link(node.folder, row.name, node.config).rules, file)
    return Scope(rules.scope, agreement, node.name, row.side, file)


async def open_endpoint(node: Node, row: LinkRow) -> Endpoint:
    """The link's half, ready to work; only for links that have a partner."""
    assert row.peer is not None, "this link has no partner yet"
    config = load_link(node.folder, row.name, node.config)
    agreement = Agreement.parse(row.agreement, f"the agreement of link {row.name}")
    file = str(node.folder.link_file(row.name))
    tracker = open_tracker(node, config.link.tracker)

    def translate(agreed: Agreement) -> Translation:
        return translation_of(node, row, agreed, tracker.user)

    def judge(agreed: Agreement) -> Scope:
        return scope_of(node, row, agreed)

    translation = translate(agreement)
    schema = await tracker.describe()
    problems = translation.problems(schema)
    if translation.rules.people.create and not isinstance(tracker, Enlisting):
        problems.append(f"people.create{NO_USERS}")
    if problems:
        raise ConfigError(f"{file}: {'; '.join(problems)}")
    pairing = pairing_of(node, row, Rules.parse(config.rules, file), agreement, schema)
    if row.tracker != config.link.tracker:
        await node.store.run(lambda tx: links.change(tx, row.id, tracker=config.link.tracker))
    channel = open_channel(node, row.name, row.link_id, config, row.peer)
    return Endpoint(
        name=row.name,
        side=Side(row.side),
        agreement=agreement,
        translation=translation,
        schema=schema,
        tracker=tracker,
        tracker_name=config.link.tracker,
        history=History(config.link.history),
        turn=node.turns[config.link.tracker],
        scope=judge(agreement),
        pairing=pairing,
        translate=translate,
        judge=judge,
        audit_seconds=node.config.node.audit_hours * 3600.0,
        evidence_seconds=node.config.node.evidence_days * 86_400.0,
        **_voice(node, row, agreement, channel, await open_keyring(node, row)),
    )


def voice(node: Node, row: LinkRow, channel: Channel, keyring: KeyRing) -> Voice:
    """What a link that is stopped may still need to send; only for links that have a partner."""
    agreement = Agreement.parse(row.agreement, f"the agreement of link {row.name}")
    return Voice(**_voice(node, row, agreement, channel, keyring))


def _voice(node: Node, row: LinkRow, agreement: Agreement, channel: Channel, keyring: KeyRing) -> dict[str, Any]:
    assert row.peer is not None, "this link has no partner yet"
    return {
        "row": row.id,
        "link_id": row.link_id,
        "tag": tag_of(row.link_id),
        "identity": identity(row, row.peer, agreement, node.node_id),
        "timing": timing(channel),
        "store": node.store,
        "channel": channel,
        "keyring": keyring,
        "keys": row.keys,
        "contents": Contents(node.folder.blobs / str(row.id)),
        "clock": node.clock,
        "log": logger(link=row.name),
        "encrypt": bool(row.peer.get("encrypt", True)),
    }


def identity(row: LinkRow, peer: Mapping[str, Any], agreement: Agreement, node_id: str) -> Identity:
    """What every header on this link must say."""
    return Identity(
        link=row.link_id,
        us=node_id,
        peer=peer["node"],
        our_fingerprint=row.our_fingerprint,
        peer_fingerprint=peer["fingerprint"],
        caps=bytes.fromhex(peer["transcript"])[:16],
        policy_hash=agreement.policy_hash(),
        suite=peer["suite"],
    )


def timing(channel: Channel) -> Timing:
    """What the channel makes of time."""
    limits = channel.limits
    ask_delay = max(1.0, ASK_DELAY_SHARE * limits.ack_delay_seconds)
    return Timing(limits.ack_delay_seconds, ask_delay, limits.resend_floor_seconds)


async def close_endpoint(ep: Endpoint) -> None:
    """Let go of tracker, channel and keys."""
    await ep.tracker.close()
    await ep.channel.close()
    await ep.keyring.close()
