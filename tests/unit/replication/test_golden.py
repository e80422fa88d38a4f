"""What was once on the wire decodes for ever, and is encoded to the same bytes."""

import pytest

from backbone.replication import receipt, twins
from backbone.replication.message import Kind, decode, decode_change_sets, decode_record, encode, inflate
from backbone.replication.rekeying import read_rekey, read_turned
from backbone.replication.resync import decode_told, spoken
from tests.unit.replication.samples import (
    AFAR,
    CHANGE_SETS,
    CONTENT,
    GOLDEN,
    INTERNAL,
    RECEIPT,
    REKEY,
    RESTING,
    ROWS,
    TOLD,
    TURNED,
    samples,
)

NAMES = ("DATA", "AFAR", "BLOB", "ACK", "NACK", "CTRL", "RECEIPTS", "REKEY", "TURNED", "POPULATED", "STATE", "RESTING",
         "INTERNAL", "ROWS")  # fmt: skip

RECORDS = {
    "AFAR": "DATA",
    "REKEY": "CTRL",
    "TURNED": "CTRL",
    "POPULATED": "CTRL",
    "RESTING": "STATE",
    "INTERNAL": "DATA",
    "ROWS": "DATA",
}
"""Kinds of messages that say more than one thing have a file for each."""


@pytest.mark.parametrize("name", NAMES)
def test_a_message_of_version_1_decodes_to_what_it_was_and_back_to_its_bytes(name: str) -> None:
    data = (GOLDEN / f"v1-{name.lower()}.bin").read_bytes()
    message = decode(data)
    assert message == samples()[name]
    assert encode(message) == data
    assert (message.header.v, message.header.kind) == (1, Kind(RECORDS.get(name, name)))


def test_its_body_says_what_it_said() -> None:
    raw = {n: inflate(m.header, m.body) for n in NAMES for m in [decode((GOLDEN / f"v1-{n.lower()}.bin").read_bytes())]}
    assert tuple(decode_change_sets(raw["DATA"])) == CHANGE_SETS
    assert tuple(decode_change_sets(raw["AFAR"])) == AFAR
    assert raw["BLOB"] == CONTENT
    assert decode_record(raw["NACK"]) == {"c": ((1, 2), (9, 9)), "b": ()}
    assert decode_record(raw["CTRL"])["type"] == "tested"
    assert read_rekey(decode_record(raw["REKEY"])) == REKEY
    assert read_turned(decode_record(raw["TURNED"])) == TURNED
    assert receipt.decode(raw["RECEIPTS"]) == RECEIPT
    assert twins.read_populated(decode_record(raw["POPULATED"])).after == 41
    assert decode_change_sets(raw["INTERNAL"]) == [INTERNAL]
    assert decode_change_sets(raw["ROWS"]) == [ROWS]
    assert decode_told(raw["STATE"]) == TOLD
    assert spoken(raw["STATE"]) == list(TOLD.issues)
    assert tuple(spoken(raw["DATA"])) == CHANGE_SETS
    assert decode_told(raw["RESTING"]) == RESTING
    assert raw["ACK"] == b""
