"""Keys that change in a world, and somebody who has kept an old one."""

from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from sqlalchemy import Connection

from backbone.replication import rekeying
from backbone.replication.link import LinkState
from backbone.replication.message import Kind, encode
from backbone.replication.rekeying import REPLACED, Keys, Stage
from backbone.service.flow.inbound import label_life
from backbone.service.flow.outbound import unnumbered
from backbone.store import links, lists
from channels.base import Label, Parcel
from handshake.memory import MemoryKeyRing

if TYPE_CHECKING:
    from tests.simulation.node import Node


def keys_of(node: "Node") -> Keys:
    """Which are at work, as the store says."""
    return node.store.read_now(lambda tx: links.get(tx, 1).keys)


async def forged(thief_of: "Node", victim: "Node") -> Parcel | None:
    """An acknowledgement of all that the victim said, signed by the first key of its partner, if that was replaced."""
    if not keys_of(victim).theirs.signing:
        return None
    old = MemoryKeyRing(thief_of.name)
    await old.add_peer(await victim.keys.public_key(), victim.keys.fingerprint)
    has = thief_of.state()
    into = {
        lane: replace(has.into[lane], recv=out.last, applied=out.last, high=max(out.last, has.into[lane].high))
        for lane, out in victim.state().out.items()
    }
    claim = replace(has, into=into, ack_no=has.ack_no + 1_000)
    data = await old.seal(encode(unnumbered(thief_of.ep, claim, Kind.ACK, b"")), recipient=victim.keys.fingerprint)
    return Parcel(Label(thief_of.ep.tag, label_life(has.life), "k", 0), data)


def broken(a: "Node", b: "Node") -> list[str]:
    """What a change of keys must leave behind when everybody rests."""
    found = []
    for ours, theirs in ((a, b), (b, a)):
        said, heard = keys_of(ours).ours, keys_of(theirs).theirs
        if said.stage is not Stage.SETTLED or said.signing != heard.signing or heard.coming:
            found.append(f"keys: {ours.name} signs with {said}, and {theirs.name} believes {heard}")
        found += [f"keys: {theirs.name} has set aside: {why}" for why in theirs.store.read_now(_set_aside)]
    return found


def _set_aside(tx: Connection) -> list[str]:
    """Parcels that were refused for their key, and nobody was wrong."""
    reasons = [item.reason for item in lists.set_aside_items(tx, 1) if item.kind == "parcel"]
    return [why for why in reasons if why == REPLACED or "not the peer's" in why or "not encrypted to" in why]


# Mutants: the real code without one rule of its keys


def no_overlap() -> AbstractContextManager[Any]:
    """What the old key signs is refused as soon as the new one is announced."""

    def at_once(theirs: rekeying.Theirs, said: rekeying.Rekey) -> rekeying.Theirs:
        former = rekeying.Former(theirs.signing, (0, b""), {}, 0.0)
        return replace(theirs, signing=said.signing, sealing=said.sealing, former=former)

    return patch.object(rekeying, "heard", at_once)


def turned_at_once() -> AbstractContextManager[Any]:
    """The new key signs before the partner has taken it in."""
    following = rekeying.following

    def impatient(ours: rekeying.Ours, state: LinkState) -> rekeying.Next:
        return rekeying.Next.TURN if ours.stage is Stage.ANNOUNCED else following(ours, state)

    return patch.object(rekeying, "following", impatient)


def old_key_for_ever() -> AbstractContextManager[Any]:
    """Whatever any key of the partner's signed counts."""
    return patch.object(rekeying, "judge", lambda *_: None)
