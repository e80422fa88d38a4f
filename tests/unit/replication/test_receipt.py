"""A receipt says what became of each change set, in a form that is read back exactly; none can be taken out."""

import hashlib
import json

import pytest

from backbone.errors import PeerError
from backbone.model import Cell
from backbone.replication import limits, receipt
from backbone.replication.merge import Stamp
from backbone.replication.message import ChangeSet, Operation, encode_record
from backbone.replication.receipt import FIRST, Became, Outcome, Place, Receipt

CHANGE_SET = ChangeSet(
    "0a1b2c3d-" + "4" * 30,
    "ann",
    "2026-01-01T00:00:00Z",
    (Operation(Cell("title"), 'a "title" and ü\nmore', Stamp(1, 2, 0, 0), Stamp(1, 2, 0, 0)),),
)
ONE, OTHER = "1" * 64, "2" * 64
RECEIPT = Receipt(
    "ab" * 16, 3, 17, OTHER, "2026-01-01T00:00:00Z",
    (Outcome(ONE, Became.APPLIED), Outcome(OTHER, Became.REFUSED, "no such status")),
)  # fmt: skip


def test_the_text_of_a_change_set_is_json_by_line_and_its_digest_is_what_sha256sum_says() -> None:
    text = receipt.text_of(CHANGE_SET)
    head, change = map(json.loads, text.splitlines())
    assert head == {"issue": CHANGE_SET.gid, "author": "ann", "at": "2026-01-01T00:00:00Z"}
    assert change["value"] == 'a "title" and ü\nmore'
    assert "ü" in text
    assert receipt.digest_of(CHANGE_SET) == hashlib.sha256(text.encode()).hexdigest()


def test_every_character_stands_in_the_text_as_json_dumps_writes_it() -> None:
    every = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x11000))))
    (said,) = CHANGE_SET.operations
    text = receipt.text_of(CHANGE_SET._replace(author=every, operations=(said._replace(value=every),)))
    quoted = json.dumps(every, ensure_ascii=False)
    assert text == (
        f'{{"issue": "{CHANGE_SET.gid}", "author": {quoted}, "at": "2026-01-01T00:00:00Z"}}\n'
        f'{{"field": "title", "element": "", "value": {quoted}, "write": [1, 2, 0, 0], "known": [1, 2, 0, 0]}}\n'
    )


def test_a_receipt_is_read_as_it_was_written() -> None:
    assert receipt.read(receipt.write(RECEIPT)) == RECEIPT
    text = receipt.write(RECEIPT)
    assert receipt.decode(receipt.encode(text)) == text
    assert receipt.encode(text).endswith(text.encode())


def test_a_reason_is_one_line_of_bounded_length() -> None:
    assert receipt.words("first\nsecond\x00 \u2028third") == "first second   third"
    assert len(receipt.words("x" * 1_000)) == limits.receipt_reason_max
    long = RECEIPT._replace(outcomes=(Outcome(ONE, Became.REFUSED, "no\n" + "x" * 1_000),))
    assert receipt.read(receipt.write(long)).outcomes[0].reason.startswith("no xxx")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Backbone receipt 17", "Backbone receipt 0"),
        ("Backbone receipt 17", "receipt 17"),
        ("life 3", "life three"),
        (f"previous {OTHER}", "previous 12"),
        ("time 2026-01-01T00:00:00Z", "time yesterday"),
        (f"{ONE} applied", f"{ONE} forgotten"),
        (f"{ONE} applied", "applied"),
        ("no such status\n", "no such status"),
        ("no such status", "x" * 201),
        (f"{ONE} applied\n", f"{ONE} applied\n" * limits.receipt_outcomes_max),
    ],
)
def test_what_was_not_written_so_is_refused(old: str, new: str) -> None:
    text = receipt.write(RECEIPT)
    assert old in text
    with pytest.raises(PeerError):
        receipt.read(text.replace(old, new))


@pytest.mark.parametrize("text", ["", "\n", "Backbone receipt 1\nlink x\n"])
def test_a_cut_receipt_is_refused(text: str) -> None:
    with pytest.raises(PeerError):
        receipt.read(text)


@pytest.mark.parametrize("record", [{}, {"text": 1}, {"text": "x", "more": 1}])
def test_a_record_that_is_no_receipt_is_refused(record: dict[str, object]) -> None:
    with pytest.raises(PeerError):
        receipt.decode(encode_record(record))


def chained(*numbers: int) -> list[tuple[Receipt, str]]:
    """The first receipts of a life."""
    previous, made = FIRST, []
    for number in numbers:
        one = RECEIPT._replace(number=number, previous=previous)
        text = receipt.write(one)
        previous = receipt.digest_of_text(text)
        made.append((one, text))
    return made


def test_each_receipt_follows_the_one_before() -> None:
    place: Place | None = None
    for one, text in chained(1, 2, 3):
        place = receipt.follow(place, one, text)
    assert place == Place(3, 3, receipt.digest_of_text(chained(1, 2, 3)[-1][1]))


def test_a_receipt_that_is_taken_out_is_missed() -> None:
    (first, text), _, (third, last) = chained(1, 2, 3)
    place = receipt.follow(None, first, text)
    with pytest.raises(PeerError, match="taken out"):
        receipt.follow(place, third, last)
    with pytest.raises(PeerError):
        receipt.follow(place, third._replace(number=2), last)


def test_a_new_life_of_the_partners_store_begins_a_new_chain() -> None:
    (first, text), *_ = chained(1)
    place = receipt.follow(None, first, text)
    later = first._replace(life=4)
    assert receipt.follow(place, later, text).life == 4
    with pytest.raises(PeerError):
        receipt.follow(place, first, text)
    with pytest.raises(PeerError):
        receipt.follow(place, later._replace(number=2), text)
