"""A link's keys as they change: ours when an admin asks for it, the partner's when it says so.

``replication.rekeying`` says what is possible and what comes next; here it is carried out, each step with the state
that it leaves in one transaction, so that a process that was killed goes on where the store says. New keys are made
before the store says that they are there, and the new key signs before the store says so: both are right either way.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from backbone.errors import PeerError, UsageError
from backbone.points import passed
from backbone.replication import rekeying
from backbone.replication.link import Phase
from backbone.replication.message import Kind, encode_record
from backbone.replication.rekeying import REKEY, TURNED, Next, Ours, Stage
from backbone.service.endpoint import Endpoint, use_keys
from backbone.service.flow.recording import number
from backbone.store import links, lists
from backbone.store.engine import Connection
from handshake.documents import KeysNow, decode
from handshake.errors import HandshakeError, WrongKey

RECORDS = (REKEY, TURNED)


async def refresh(ep: Endpoint) -> None:
    """Make the endpoint work with the keys that the store names."""
    ep.keys = await ep.store.read(lambda tx: links.get(tx, ep.row).keys)
    ep.rekeyed = False
    use_keys(ep.keyring, ep.keys)


# Ours


async def rotate(ep: Endpoint, item: int, _arguments: Mapping[str, Any]) -> None:
    """Our admin asks for a new key; answered with ``problem``."""
    at_work = ep.keyring.signing

    def begin(tx: Connection) -> None:
        try:
            _keep(tx, ep, rekeying.begin(links.get(tx, ep.row).keys.ours, at_work, ep.clock()))
        except UsageError as error:
            lists.answer(tx, item, {"problem": str(error)})
            return
        lists.answer(tx, item, {"problem": ""})

    await ep.store.run(begin)
    passed("rotating: begun")
    await refresh(ep)
    await advance(ep)


async def advance(ep: Endpoint) -> int:
    """The next step of our rotation, if it is time for one; returns how many were done."""
    if ep.keys.ours.stage is Stage.SETTLED:
        return 0
    match await ep.store.read(lambda tx: _following(tx, ep)):
        case Next.NOTHING:
            return 0
        case Next.MAKE:
            signing, sealing = await ep.keyring.rotate()
            passed("rotating: made")
            await ep.store.run(lambda tx: _keep(tx, ep, rekeying.made(_ours(tx, ep), signing, sealing)))
        case Next.ANNOUNCE:
            certificate = await ep.keyring.public_key()
            await ep.store.run(lambda tx: _announce(tx, ep, certificate))
            passed("rotating: announced")
        case Next.TURN | Next.SAY:
            # What is numbered behind the record must not be signed by the old key, even by a loop that seals right now.
            ahead = replace(ep.keys.ours, signing=ep.keys.ours.coming or ep.keys.ours.signing)
            use_keys(ep.keyring, replace(ep.keys, ours=ahead))
            passed("rotating: signs")
            await ep.store.run(lambda tx: _turn(tx, ep))
            passed("rotating: turned")
        case Next.SETTLE:
            await ep.store.run(lambda tx: _keep(tx, ep, rekeying.settled(_ours(tx, ep), ep.clock())))
    await refresh(ep)
    ep.log.info("our key", stage=str(ep.keys.ours.stage))
    return 1


def _ours(tx: Connection, ep: Endpoint) -> Ours:
    return links.get(tx, ep.row).keys.ours


def _following(tx: Connection, ep: Endpoint) -> Next:
    return rekeying.following(_ours(tx, ep), links.state(tx, ep.row))


def _keep(tx: Connection, ep: Endpoint, ours: Ours) -> None:
    links.save_keys(tx, ep.row, replace(links.get(tx, ep.row).keys, ours=ours))


def _announce(tx: Connection, ep: Endpoint, certificate: bytes) -> None:
    ours = _ours(tx, ep)
    said = rekeying.Rekey(certificate=certificate, signing=ours.coming, sealing=ours.sealing)
    number(tx, ep, [(Kind.CTRL, encode_record(said.model_dump()), 0, None)])
    _keep(tx, ep, rekeying.announced(ours, links.state(tx, ep.row)))


def _turn(tx: Connection, ep: Endpoint) -> None:
    ours = _ours(tx, ep)
    said = rekeying.turning(ours, links.state(tx, ep.row))
    number(tx, ep, [(Kind.CTRL, encode_record(said.model_dump()), 0, None)])
    _keep(tx, ep, rekeying.turned(ours, links.state(tx, ep.row)))


def say_again(tx: Connection, ep: Endpoint, certificate: bytes) -> None:
    """To a store of the partner's that was put back: which key signs stands in the numbered stream too, as the document
    that tells it may be lost, and not every copy needs it to take our messages.
    """
    ours = _ours(tx, ep)
    if not ours.signing or ours.stage not in (Stage.TURNED, Stage.SETTLED):
        return
    said = rekeying.Rekey(certificate=certificate, signing=ours.signing, sealing=ours.sealing)
    number(tx, ep, [(Kind.CTRL, encode_record(said.model_dump()), 0, None)])
    _turn(tx, ep)
    if ours.stage is Stage.SETTLED:
        _keep(tx, ep, rekeying.settled(_ours(tx, ep), ours.since))


# The partner's


async def prepare(ep: Endpoint, record: Mapping[str, Any]) -> str:
    """Take the partner's new certificate into our key folder; why it cannot be, if so. Raises ``KeyRingError``."""
    if record.get("type") != REKEY:
        return ""
    try:
        said = rekeying.read_rekey(record)
        await ep.keyring.renew_peer(said.certificate, signing=said.signing, sealing=said.sealing)
    except PeerError as error:
        return str(error)
    except WrongKey as error:
        return f"the partner's new key is not taken: {error}"
    passed("rotating: taken in")
    return ""


def is_keys_now(data: bytes) -> bool:
    """Whether a document that the pinned key signed says which key signs now."""
    return b'"backbone-keys"' in data


async def take_in(ep: Endpoint, data: bytes, *, trusted: bool) -> None:
    """The partner tells a store that was put back which key signs now. Nothing happens where that is known, or where
    the key that says so was replaced as far as we know. Raises ``KeyRingError``.
    """
    phase = (await ep.store.read(lambda tx: links.state(tx, ep.row))).phase
    if not trusted or phase is not Phase.RESTORED:
        return
    try:
        said = decode(KeysNow, data)
        if said.link_id != ep.link_id:
            return
        await ep.keyring.renew_peer(said.certificate.encode("ascii"), signing=said.signing, sealing=said.sealing)
    except HandshakeError as error:
        ep.log.warning("refused", reason=str(error))
        return

    def store(tx: Connection) -> None:
        keys = links.get(tx, ep.row).keys
        theirs = rekeying.told(keys.theirs, said.signing, said.sealing, ep.clock())
        links.save_keys(tx, ep.row, replace(keys, theirs=theirs))

    await ep.store.run(store)
    await refresh(ep)


def hear(tx: Connection, ep: Endpoint, record: Mapping[str, Any]) -> None:
    """The partner has a new key, or signs with it from here on. Raises ``PeerError``; then nothing was changed."""
    keys, state = links.get(tx, ep.row).keys, links.state(tx, ep.row)
    if record.get("type") == REKEY:
        theirs = rekeying.heard(keys.theirs, rekeying.read_rekey(record))
    else:
        theirs = rekeying.heard_turned(keys.theirs, rekeying.read_turned(record), state.peer_life, ep.clock())
    links.save_keys(tx, ep.row, replace(keys, theirs=theirs))
    ep.rekeyed = True
