"""Headers that bob's node sends to alice's, with everything as agreed unless a test says otherwise."""

from collections.abc import Mapping
from typing import Any

from backbone.replication.link import Effect, Identity, Input, LinkState, Numbered, Received, Timing, step
from backbone.replication.message import LANES, Ack, Header, Kind, LaneAck

ALICE, BOB = "aa" * 16, "bb" * 16
LINK = "cc" * 16
ALICES_KEY, BOBS_KEY = "A" * 40, "B" * 40
IDENTITY = Identity(LINK, ALICE, BOB, ALICES_KEY, BOBS_KEY, b"c" * 16, b"p" * 32)
TIMING = Timing(ack_delay=1.0, ask_delay=2.0, resend_floor=100.0)
OUR_LIFE, PEER_LIFE = (1, b"alice..."), (1, b"bob.....")
FRESH = LinkState(life=OUR_LIFE, boot=1, peer_life=PEER_LIFE)


def lane_ack(recv: int = 0, applied: int = 0, chain: bytes = bytes(32), held: Any = ()) -> LaneAck:
    return LaneAck(recv=recv, applied=applied, chain=chain, held=held)


def ack(lanes: Mapping[str, LaneAck] | None = None, **said: Any) -> Ack:
    """What bob says of alice's stream."""
    given: dict[str, Any] = {
        "inc": OUR_LIFE,
        "boot": 1,
        "no": 1,
        "lanes": {lane: lane_ack() for lane in LANES} | dict(lanes or {}),
    }
    return Ack(**given | said)


def header(**said: Any) -> Header:
    """A header of bob's; an empty one is an acknowledgement of nothing."""
    given: dict[str, Any] = {
        "caps": IDENTITY.caps, "link": LINK, "sender": BOB, "receiver": ALICE, "sfp": BOBS_KEY, "rfp": ALICES_KEY,
        "kind": Kind.ACK, "inc": PEER_LIFE, "boot": 1, "lane": "k", "seq": 0, "dig": bytes(32),
        "high": dict.fromkeys(LANES, 0), "ack": ack(), "credit_messages": 256, "credit_bytes": 1 << 20, "ts": 0,
        "body_enc": "none", "raw_len": 0, "pol": IDENTITY.policy_hash,
    }  # fmt: skip
    return Header(**given | said)


def numbered(seq: int, lane: str = "c", dig: bytes | None = None, **said: Any) -> Header:
    """Bob's message number ``seq``; its digest follows from the number unless it is given."""
    return header(kind=Kind.DATA, lane=lane, seq=seq, dig=dig or digest(seq), **said)


def digest(seq: int) -> bytes:
    return seq.to_bytes(32, "big")


def after(state: LinkState, *inputs: Input) -> LinkState:
    """The state after some inputs."""
    for given in inputs:
        state, _ = step(state, given, IDENTITY, TIMING)
    return state


def hear(state: LinkState, said: Header, now: float = 10.0, **known: Any) -> tuple[LinkState, tuple[Effect, ...]]:
    """Alice receives one message."""
    return step(state, Received(now, said, **known), IDENTITY, TIMING)


def sent(count: int, lane: str = "c") -> LinkState:
    """Alice's state after numbering so many messages."""
    return after(FRESH, *(Numbered(lane, digest(number)) for number in range(1, count + 1)))
