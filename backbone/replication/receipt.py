"""Receipts: what became of each change set at the partner's, in words that a third party can check by hand.

A change set has a *text*: JSON, one line for the issue and one for each change. Its SHA-256 names it. A receipt is a
text too: a few lines of head, then for each change set its digest, what became of it, and why. It stands uncompressed
at the end of a signed message, so gpg, ``tail`` and ``sha256sum`` are all that is needed to check one.

Receipts are numbered from 1 within one life of their writer's store, and each names the digest of the one before: one
that is taken out is missed.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

import msgspec

from backbone.errors import PeerError
from backbone.model import Cell
from backbone.replication import limits
from backbone.replication.message import ChangeSet, decode_record, encode_record
from backbone.replication.moment import is_moment

FIRST = "0" * 64
"""What the first receipt names as the one before."""
_TITLE, _LINK, _LIFE, _PREVIOUS, _TIME = "Backbone receipt ", "link ", "life ", "previous ", "time "
_LINE = re.compile(r"([0-9a-f]{64}) (received|applied|superseded|refused)(?: (.{1,200}))?", re.ASCII)
_NUMBER = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_STAMP = b"[%d, %d, %d, %d]"
_quoted = msgspec.json.Encoder().encode
"""As ``json.dumps`` with ``ensure_ascii=False``, in a fraction of the time: texts are long, and each is quoted once."""
_line_of = json.JSONEncoder(ensure_ascii=False, separators=(", ", ": ")).encode


class Became(StrEnum):
    """What the partner did with a change set.

    ``RECEIVED``: it is kept and not applied yet. ``SUPERSEDED``: none of its values stands, because of other writes.
    ``REFUSED``: by the tracker, a rule or a person.
    """

    RECEIVED = "received"
    APPLIED = "applied"
    SUPERSEDED = "superseded"
    REFUSED = "refused"


_BECAME = {str(one): one for one in Became}


class Outcome(NamedTuple):
    """What became of the change set with this digest (64 hex digits), and why."""

    digest: str
    became: Became
    reason: str = ""


class Receipt(NamedTuple):
    """One receipt. ``previous`` is the digest of the text before it, ``life`` the counter of its writer's store."""

    link: str
    life: int
    number: int
    previous: str
    at: str
    outcomes: tuple[Outcome, ...]


class Place(NamedTuple):
    """Where a chain of receipts stands: its last one."""

    life: int
    number: int
    digest: str


def text_of(change_set: ChangeSet) -> str:
    """A change set for people: the issue, author and time; then each change with its value, write stamp and clock."""
    return _written(change_set).decode()


def _written(change_set: ChangeSet) -> bytes:
    # By hand: the encoder takes far longer for a dictionary than for its strings, and this is done for each edit.
    parts = [b'{"issue": %b, "author": %b, "at": %b}\n' % tuple([_quoted(one) for one in change_set[:3]])]
    for cell, value, write, known in change_set.operations:
        said = _line_of(value).encode() if isinstance(value, dict) else _quoted(value)
        written = _STAMP % write
        knew = written if known == write else _STAMP % known
        parts += (_named(cell), said, b', "write": %b, "known": %b}\n' % (written, knew))
    return b"".join(parts)


@lru_cache(maxsize=1_024)
def _named(cell: Cell) -> bytes:
    return b'{"field": %b, "element": %b, "value": ' % (_quoted(cell.field), _quoted(cell.element))


def digest_of(change_set: ChangeSet) -> str:
    """The SHA-256 of its text."""
    return hashlib.sha256(_written(change_set)).hexdigest()


def digest_of_text(text: str) -> str:
    """By which the next receipt names this one."""
    return hashlib.sha256(text.encode()).hexdigest()


def words(reason: str) -> str:
    """A reason as it stands in a receipt: one line, of bounded length."""
    return "".join(c if c.isprintable() else " " for c in reason)[: limits.receipt_reason_max].strip()


def write(receipt: Receipt) -> str:
    """The text of a receipt."""
    head = (
        f"{_TITLE}{receipt.number}",
        f"{_LINK}{receipt.link}",
        f"{_LIFE}{receipt.life}",
        f"{_PREVIOUS}{receipt.previous}",
        f"{_TIME}{receipt.at}",
    )
    rows = [
        f"{digest} {became} {words(reason)}".rstrip() if reason else f"{digest} {became}"
        for digest, became, reason in receipt.outcomes
    ]
    return "\n".join((*head, *rows)) + "\n"


def read(text: str) -> Receipt:
    """The inverse; anything that ``write`` would not have written is a ``PeerError``."""
    lines = text.split("\n")
    if len(lines) < 6 or lines.pop() or len(lines) > limits.receipt_outcomes_max + 5:
        raise PeerError("a receipt has a form that the protocol does not know")
    head = [_behind(line, mark) for line, mark in zip(lines, (_TITLE, _LINK, _LIFE, _PREVIOUS, _TIME), strict=False)]
    number, link, life, previous, at = head
    if not (_NUMBER.fullmatch(number) and _NUMBER.fullmatch(life) and _DIGEST.fullmatch(previous) and is_moment(at)):
        raise PeerError("a receipt has a head that the protocol does not know")
    return Receipt(link, int(life), int(number), previous, at, tuple(_outcomes(lines[5:])))


def encode(text: str) -> bytes:
    """The raw body of a message; the text is its end."""
    return encode_record({"text": text})


def decode(raw: bytes) -> str:
    """The inverse. Raises ``PeerError``."""
    record = decode_record(raw)
    text = record.get("text")
    if record.keys() != {"text"} or not isinstance(text, str):
        raise PeerError("a receipt has a form that the protocol does not know")
    return text


def follow(last: Place | None, receipt: Receipt, text: str) -> Place:
    """Where the chain stands behind this receipt; ``None`` where nothing is known of it, because our store is new.

    Raises ``PeerError`` where one is missing, or another one was written with the same number.
    """
    if last is not None:
        begins = receipt.life > last.life and (receipt.number, receipt.previous) == (1, FIRST)
        goes_on = (receipt.life, receipt.number, receipt.previous) == (last.life, last.number + 1, last.digest)
        if not (begins or goes_on):
            raise PeerError(
                f"receipt {receipt.number} of the partner does not follow receipt {last.number}: one was taken out"
            )
    return Place(receipt.life, receipt.number, digest_of_text(text))


def _behind(line: str, mark: str) -> str:
    if not line.startswith(mark):
        raise PeerError("a receipt has a head that the protocol does not know")
    return line.removeprefix(mark)


def _outcomes(lines: Sequence[str]) -> Iterable[Outcome]:
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is None:
            raise PeerError("a receipt has a line that the protocol does not know")
        yield Outcome(match[1], _BECAME[match[2]], match[3] or "")
