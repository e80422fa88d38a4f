"""Every parser of bytes that somebody else wrote, with the only errors that it may raise.

``parse`` takes any bytes. ``form`` says how a sample can be taken apart (``mutations.py``); ``slow`` is what starts
programs, and is tried less often.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from backbone.config import Folder, load_link, load_node, read_tables
from backbone.errors import ConfigError, PeerError, UsageError
from backbone.replication import limits, receipt, rekeying
from backbone.replication.agreement import Agreement
from backbone.replication.mapping import Rules
from backbone.replication.message import (
    MAGIC,
    Message,
    Packed,
    decode,
    decode_change_sets,
    decode_record,
    encode,
    inflate,
)
from backbone.service.flow import control
from backbone.service.healing import audit, repair
from backbone.service.links import pairing
from channels.base import ChannelError
from channels.directory import names
from channels.mail import armour, reading
from channels.mail.settings import settings_from
from handshake import certificate, keyring, status
from handshake.armor import armor, dearmor, inspect
from handshake.documents import (
    Acceptance,
    Confirmation,
    KeyRevocation,
    KeysNow,
    Offer,
    Revocation,
    Tested,
    canonical,
)
from handshake.documents import decode as decode_document
from handshake.errors import HandshakeError, Refused, WrongKey
from handshake.file import verify_file
from handshake.limits import FILE_BYTES_MAX, MESSAGE_BYTES_MAX

TAG = "00c0ffee00c0ffee"
FINGERPRINT = "AB" * 20
PEER: tuple[type[Exception], ...] = (PeerError,)
PAIRING: tuple[type[Exception], ...] = (HandshakeError,)
FIELDS = {"title": "text", "private": "boolean", "labels": "choices", "due": "date", "status": "choice",
          "depends": "relation"}  # fmt: skip
SHARED = Agreement.parse({"fields": {name: {"type": kind} for name, kind in FIELDS.items()}}, "agreement")


@dataclass(frozen=True, slots=True)
class Target:
    name: str
    parse: Callable[[bytes], object]
    errors: tuple[type[Exception], ...]
    form: str = "bytes"
    slow: bool = False


# the wire


def _message(data: bytes) -> None:
    message = decode(data)
    inflate(message.header, message.body)
    assert encode(message) == data, "what is decoded is encoded the same"


def _header(data: bytes) -> None:
    decode(MAGIC + len(data).to_bytes(4, "big") + data)


class _Announced(NamedTuple):
    body_enc: str
    raw_len: int


def _inflate(data: bytes) -> None:
    """The first four bytes are the length that the header announces."""
    announced: Packed = _Announced("zstd", min(int.from_bytes(data[:4], "big"), limits.message_raw_bytes_max))
    assert len(inflate(announced, data[4:])) <= limits.message_raw_bytes_max


def _change_sets(data: bytes) -> None:
    for change_set in decode_change_sets(data):
        SHARED.check(change_set)


def _record(data: bytes) -> None:
    """A control message is one of these, or refused by all of them."""
    record = decode_record(data)
    for model in (control.Receipt, pairing.Echo, repair.Command):
        with suppress(ValidationError):
            model.model_validate(record)
    for read in (audit.parse, rekeying.read_rekey, rekeying.read_turned):
        with suppress(PeerError):
            read(record)
    with suppress(PeerError):
        receipt.read(receipt.decode(data))


# the handshake


def _document(kind: Any) -> Callable[[bytes], object]:
    return lambda data: decode_document(kind, data)


def _armored(data: bytes) -> None:
    """Text as it is given, and bytes that are armored honestly."""
    inspect(data)
    assert data == b"" or dearmor(b"text before\r\n" + armor(data[: 1 << 16]) + b"text after") == data[: 1 << 16]
    dearmor(data)


def _file(data: bytes) -> None:
    asyncio.run(verify_file(data, FILE_BYTES_MAX))


def _signed(data: bytes) -> None:
    """A document that somebody signed honestly, whatever it says."""
    file = asyncio.run(_ring().sign(data))
    decode_document(Offer, asyncio.run(verify_file(file, FILE_BYTES_MAX)).payload)


def _parcel(data: bytes) -> None:
    asyncio.run(_ring().open(data, signer=FINGERPRINT, message_bytes_max=MESSAGE_BYTES_MAX))


def _stranger(data: bytes) -> None:
    content = asyncio.run(_ring().open_stranger(data, message_bytes_max=FILE_BYTES_MAX))
    decode_document(Acceptance, content)


_HOME: list[tempfile.TemporaryDirectory[str]] = []


@lru_cache(maxsize=1)
def _ring() -> keyring.GnupgKeyRing:
    _HOME.append(tempfile.TemporaryDirectory(prefix="fz-", ignore_cleanup_errors=True))
    return asyncio.run(keyring.create(Path(_HOME[0].name) / "h", "fuzz"))


def put_away() -> None:
    """End what the slow targets started."""
    if _HOME:
        asyncio.run(_ring().close())
        _HOME.pop().cleanup()
        _ring.cache_clear()


def _status(data: bytes) -> None:
    """The report of gpg: also its parts that quote a stranger's words."""
    status.recipients(data)
    status.mentions(data, b"NODATA")
    for judge in (
        lambda: status.judge(data, 0, signer=FINGERPRINT, now=2e9, encrypted=True),
        lambda: status.judge(data, 0, signer=FINGERPRINT, now=2e9, encrypted=False, by_passphrase=True),
        lambda: status.judge_stranger(data, 0),
    ):
        with suppress(Refused):
            judge()


def _listing(data: bytes) -> None:
    certificate.parse(data)
    certificate.only(data, FINGERPRINT)


# mails and directories


def _mail(data: bytes) -> None:
    mail = reading.read(data)
    assert all(one.problem is None or "\n" not in one.problem for one in mail.parcels)


def _glance(data: bytes) -> None:
    reading.glance(data, TAG, "bob@b.example")


def _armour(data: bytes) -> None:
    for one in armour.find(data):
        if one.problem is None:
            assert one.label is not None
            assert [again.data for again in armour.find(armour.encode(one.label, one.data))] == [one.data]


def _name(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    if (name := names.parse(text)) is not None:
        assert str(name) == text
    names.in_order(names.candidates([text, text[:-1]], TAG))


# what an admin writes, or was given by the partner's


@contextmanager
def _place() -> Iterator[Folder]:
    with tempfile.TemporaryDirectory(prefix="fz-") as place:
        folder = Folder(Path(place))
        folder.link_files.mkdir()
        yield folder


def _node(data: bytes) -> None:
    with _place() as folder:
        folder.config.write_bytes(data)
        load_node(folder)


def _link(data: bytes) -> None:
    with _place() as folder:
        folder.config.write_text('[node]\nname = "acme"\n[trackers.main]\nkind = "memory"\n', encoding="utf-8")
        folder.link_file("beta").write_bytes(data)
        Rules.parse(load_link(folder, "beta", load_node(folder)).rules, "links/beta.toml")


def _toml(data: bytes) -> dict[str, Any]:
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        return read_tables(Path(file.name))


def _agreement(data: bytes) -> None:
    agreement = Agreement.parse(_toml(data), "agreement.toml")
    assert agreement == Agreement.parse(agreement.model_dump(mode="json"), "again")
    canonical(agreement.model_dump(mode="json"))


def _mapping(data: bytes) -> None:
    Rules.parse(_toml(data), "mapping.toml")


def _account(data: bytes) -> None:
    settings_from({**_toml(data), "tag": TAG})


CONFIG: tuple[type[Exception], ...] = (ConfigError, UsageError)

TARGETS: Mapping[str, Target] = {
    one.name: one
    for one in (
        Target("message", _message, PEER),
        Target("header", _header, PEER, "msgpack"),
        Target("inflate", _inflate, PEER),
        Target("change_sets", _change_sets, PEER, "msgpack"),
        Target("record", _record, PEER, "msgpack"),
        Target("offer", _document(Offer), PAIRING, "json"),
        Target("acceptance", _document(Acceptance), PAIRING, "json"),
        Target("confirmation", _document(Confirmation), PAIRING, "json"),
        Target("revocation", _document(Revocation), PAIRING, "json"),
        Target("tested", _document(Tested), PAIRING, "json"),
        Target("key_revocation", _document(KeyRevocation), PAIRING, "json"),
        Target("keys_now", _document(KeysNow), PAIRING, "json"),
        Target("armor", _armored, PAIRING, "text"),
        Target("status", _status, (Refused,), "text"),
        Target("listing", _listing, (WrongKey,), "text"),
        Target("mail", _mail, (), "text"),
        Target("glance", _glance, (), "text"),
        Target("armour", _armour, (), "text"),
        Target("name", _name, (), "text"),
        Target("node", _node, CONFIG, "text"),
        Target("link", _link, CONFIG, "text"),
        Target("agreement", _agreement, CONFIG, "text"),
        Target("mapping", _mapping, CONFIG, "text"),
        Target("account", _account, (ChannelError, *CONFIG), "text"),
        Target("file", _file, PAIRING, "text", slow=True),
        Target("signed", _signed, PAIRING, "json", slow=True),
        Target("parcel", _parcel, (Refused,), slow=True),
        Target("stranger", _stranger, (Refused, HandshakeError), slow=True),
    )
}

__all__ = ["TARGETS", "Message", "Target", "put_away", "time"]
