"""Messages of version 1 with fixed values: ``python -m tests.unit.replication.samples`` writes them as golden files.

A file that exists is never written again: what was once on the wire must decode for ever.
"""

import hashlib
from pathlib import Path
from typing import Any

import zstandard

from backbone.model import Cell
from backbone.replication import receipt
from backbone.replication.agreement import Agreement
from backbone.replication.merge import Stamp
from backbone.replication.message import (
    LANE_OF,
    ChangeSet,
    Chunk,
    Kind,
    Message,
    Operation,
    digest_of,
    encode,
    encode_change_set,
    encode_change_sets,
    encode_record,
)
from backbone.replication.origin import Origin
from backbone.replication.proposal import Agreed, Proposed, encode_agreed, spell
from backbone.replication.proposal import digest_of as digest_of_proposal
from backbone.replication.rekeying import Rekey, Turned
from backbone.replication.resync import Told, encode_told
from backbone.replication.twins import populated
from tests.unit.replication.headers import LINK, ack, header, lane_ack

GOLDEN = Path(__file__).parents[2] / "golden"
LEVEL = 3
"""Of zstd, when the files were written; a sender may take any."""
CONTENT = b"%PDF-1.7 attached\n"
CHANGE_SETS = (
    ChangeSet(
        "bbbbbbbb-issue",
        "bob@example.com",
        "2026-11-21T04:19:00Z",
        (
            Operation(Cell("title"), "Grüße, 世界", Stamp(0, 0, 1, 7), Stamp(0, 0, 1, 7)),
            Operation(Cell("private"), False, Stamp(0, 0, 1, 7), Stamp(0, 0, 1, 7)),
            Operation(Cell("labels", "urgent"), True, Stamp(1, 3, 1, 7), Stamp(1, 3, 1, 7)),
            Operation(Cell("due"), None, Stamp(1, 3, 1, 7), Stamp(1, 5, 1, 7)),
            Operation(
                Cell("attachment", "bbbbbbbb-file"),
                {
                    "name": "a.pdf", "type": "application/pdf", "size": len(CONTENT),
                    "sha256": hashlib.sha256(CONTENT).hexdigest(), "author": "Bob", "created": "2026-11-21T04:18:00Z",
                },
                Stamp(0, 0, 1, 8),
                Stamp(0, 0, 1, 8),
            ),
        ),
    ),
    ChangeSet("aaaaaaaa-other", "", "", (Operation(Cell("status"), "done " * 40, *[Stamp(1, 1, 1, 9)] * 2),)),
)  # fmt: skip
AFAR = (
    CHANGE_SETS[0]._replace(origin=Origin(2**33 + 7, "0a1b2c3d", 2**32 + 5), path=("0a1b2c3d", "ffffffff")),
    CHANGE_SETS[1],
)
"""The first came over two trackers."""


RECEIPT = receipt.write(
    receipt.Receipt(
        "ab" * 16, 3, 17, "0f" * 32, "2026-11-21T04:19:00Z",
        (
            receipt.Outcome("1a" * 32, receipt.Became.APPLIED),
            receipt.Outcome("2b" * 32, receipt.Became.REFUSED, "Grüße: no such status"),
        ),
    )
)  # fmt: skip

REKEY = Rekey(certificate=b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n", signing="AB" * 20, sealing="CD" * 20)
TURNED = Turned(signing="AB" * 20, up_to={"b": 0, "c": 2**40, "k": 7})


ROWS = ChangeSet(
    "bbbbbbbb-issue", "bob@example.com", "2026-11-21T04:19:00Z",
    (
        Operation(
            Cell("worklog", "bbbbbbbb-row"),
            {
                "author": "bob@example.com", "day": "2026-11-20", "minutes": "90", "kind": "repair", "billable": "true",
                "text": "Looked for it", "took": "PT1H30M", "at": "2026-11-20T09:30:00Z", "ticket": "B-7",
            },
            Stamp(0, 0, 1, 9),
            Stamp(0, 0, 1, 9),
        ),
        Operation(Cell("worklog", "aaaaaaaa-row"), None, Stamp(0, 0, 1, 9), Stamp(1, 4, 1, 9)),
    ),
)  # fmt: skip
"""A row has more parts than a comment or an attachment."""
INTERNAL = ChangeSet(
    "bbbbbbbb-issue", "Bob", "2026-11-21T04:19:00Z",
    (
        Operation(
            Cell("comment", "bbbbbbbb-comment"),
            {"text": "for a few", "author": "Bob", "created": "2026-11-21T04:18:00Z", "visibility": "internal"},
            *[Stamp(0, 0, 1, 8)] * 2,
        ),
    ),
)  # fmt: skip
TOLD = Told(issues=CHANGE_SETS[1:], former={"aaaaaaaa-other": {Cell("status"): (b"\x06" * 8,)}}, last=True)
RESTING = Told(resting=(("aaaaaaaa-other", "frozen", ""), ("bbbbbbbb-issue", "cut", "cut")))


def message(kind: Kind, raw: bytes, *, readable: bool = False, **said: Any) -> Message:
    """Bob's message of one kind; compressed where that pays (unless it is to be read with gpg), with its digest."""
    packed = zstandard.ZstdCompressor(level=LEVEL).compress(raw)
    encoding, body = ("zstd", packed) if len(packed) < len(raw) and not readable else ("none", raw)
    lane = {"lane": LANE_OF[kind], "seq": 3} if kind in LANE_OF else {}
    draft = header(kind=kind, body_enc=encoding, raw_len=len(raw), ts=1_795_234_740, **lane | said)
    return Message(draft.model_copy(update={"dig": digest_of(Message(draft, body))}), body)


def _proposed() -> dict[str, Any]:
    terms = Agreement.parse({"fields": {"title": {"type": "text"}}}, "terms")
    digest = digest_of_proposal(LINK, 2, b"\x04" * 32, terms)
    return Proposed(version=2, base=b"\x04" * 32, digest=digest, agreement=spell(terms)).model_dump()


def samples() -> dict[str, Message]:
    """One message of each shape."""
    part = Chunk(sha256=hashlib.sha256(CONTENT).hexdigest(), total=len(CONTENT), offset=0)
    known = {"c": lane_ack(9, 7, b"\x07" * 32, ((11, 12), (20, 20))), "b": lane_ack(1), "k": lane_ack(300, 300)}
    return {
        "DATA": message(Kind.DATA, encode_change_sets([encode_change_set(c) for c in CHANGE_SETS]), prev=b"\x02" * 32),
        "AFAR": message(Kind.DATA, encode_change_sets([encode_change_set(c) for c in AFAR]), prev=b"\x03" * 32),
        "BLOB": message(Kind.BLOB, CONTENT, chunk=part),
        "ACK": message(Kind.ACK, b"", ack=ack(known, no=77, boot=4), high={"c": 3, "b": 1, "k": 2**40}, att=2),
        "NACK": message(Kind.NACK, encode_record({"c": ((1, 2), (9, 9)), "b": ()})),
        "AGREED": message(Kind.AGREED, encode_agreed(Agreed(version=2, digest=b"\x05" * 32)), prev=b"\x02" * 32),
        "PROPOSE": message(Kind.CTRL, encode_record(_proposed())),
        "POPULATED": message(Kind.CTRL, encode_record(populated(41))),
        "STATE": message(Kind.STATE, encode_told(TOLD), prev=b"\x02" * 32),
        "RESTING": message(Kind.STATE, encode_told(RESTING), prev=b"\x02" * 32),
        "ROWS": message(Kind.DATA, encode_change_sets([encode_change_set(ROWS)]), prev=b"\x02" * 32),
        "INTERNAL": message(Kind.DATA, encode_change_sets([encode_change_set(INTERNAL)]), prev=b"\x02" * 32),
        "REKEY": message(Kind.CTRL, encode_record(REKEY.model_dump())),
        "TURNED": message(Kind.CTRL, encode_record(TURNED.model_dump())),
        "CTRL": message(Kind.CTRL, encode_record({"type": "tested", "sizes": (1_024, 262_144), "ok": True})),
        "RECEIPTS": message(Kind.RECEIPTS, receipt.encode(RECEIPT), readable=True),
    }


def write() -> list[Path]:
    """The golden files that are not there yet."""
    GOLDEN.mkdir(exist_ok=True)
    written = []
    for name, sample in samples().items():
        path = GOLDEN / f"v1-{name.lower()}.bin"
        if not path.exists():
            path.write_bytes(encode(sample))
            written.append(path)
    return written


if __name__ == "__main__":
    write()
