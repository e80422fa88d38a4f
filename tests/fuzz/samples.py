"""Valid samples made by our own code: ``python -m tests.fuzz.samples`` writes those that the corpus lacks.

What needs GnuPG is made with fresh keys each time; a sample that exists stays as it is.
"""

import asyncio
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from backbone.config import link_template, node_template
from backbone.replication import message
from backbone.replication.message import encode, encode_record
from channels.directory import names
from channels.mail import armour
from handshake import keyring
from handshake.documents import Confirmation, KeyRevocation, KeysNow, Revocation, Tested
from handshake.documents import encode as encode_document
from handshake.keyring import GnupgKeyRing
from handshake.process import run
from tests.fuzz.running import CORPUS
from tests.unit.channels.mail.gateways import HARMLESS, PARCEL, mail
from tests.unit.handshake.test_documents import ACCEPTANCE, OFFER
from tests.unit.replication.samples import GOLDEN
from tests.unit.replication.samples import samples as messages

EXAMPLES = Path(__file__).parents[2] / "examples" / "directories"
ACCOUNT = """\
address = "acme@mail.example"
partner = "beta@mail.example"
per_hour = 60
[smtp]
host = "smtp.mail.example"
user = "acme"
password_file = "secret"
[imap]
host = "imap.mail.example"
port = 993
folder = "INBOX"
processed = "delete"
"""


def valid() -> Iterator[tuple[str, str, bytes]]:
    """Target, name and bytes of each sample."""
    yield from _wire()
    yield from _texts()
    yield from asyncio.run(_sealed())


def _wire() -> Iterator[tuple[str, str, bytes]]:
    for name, one in messages().items():
        whole = encode(one)
        length = int.from_bytes(whole[4:8], "big")
        yield "message", name.lower(), whole
        yield "header", name.lower(), whole[8 : 8 + length]
        raw = message.inflate(one.header, one.body)
        encoding, body = message.compress(raw * 50)
        if encoding == "zstd":
            yield "inflate", name.lower(), len(raw * 50).to_bytes(4, "big") + body
        if name == "DATA":
            yield "change_sets", "golden", raw
        elif name in ("NACK", "CTRL", "REKEY", "TURNED"):
            yield "record", name.lower(), raw
    for name, record in RECORDS.items():
        yield "record", name, encode_record(dict(record))
    yield "message", "golden", (GOLDEN / "v1-data.bin").read_bytes()


RECORDS: Mapping[str, Mapping[str, object]] = {
    "receipt": {"gid": "aaaaaaaa-1", "key": "k" * 16, "outcome": "refused", "reason": "no such status"},
    "echo": {"size": 1024, "sha256": b"\1" * 32},
    "question": {"step": "buckets", "audit": 1, "sent": 3, "applied": 4, "issues": 5, "drift": ("x: y",),
                 "buckets": {"17": b"\2" * 16}, "cells": {}},
    "answer": {"step": "issues", "audit": 1, "sent": 3, "applied": 4, "issues": 5, "drift": (),
               "buckets": {"17": b""}, "cells": {"aaaaaaaa-1": (("title", "", b"\3" * 16),)}},
}  # fmt: skip


def _texts() -> Iterator[tuple[str, str, bytes]]:
    yield "node", "template", node_template("acme").encode()
    node = '\n[trackers.main]\nkind = "roundup"\nhome = "/srv/x"\n[mail.post]\n'
    yield "node", "full", (node_template("acme") + node + ACCOUNT.replace("[", "[mail.post.")).encode()
    channel = {"kind": "directory", "send": "/mnt/a", "receive": "/mnt/b"}
    fields: dict[str, dict[str, Any]] = {"status": {"local": "status", "values": {"new": "unread", "open": ["a", "b"]}}}
    rules = {"fields": fields, "users": {"ann": "a@b.example"}, "on_create": {"type": "bug"}}
    yield "link", "template", link_template("main", channel, rules).encode()
    yield "agreement", "example", (EXAMPLES / "agreement.toml").read_bytes()
    yield "mapping", "acme", (EXAMPLES / "acme.toml").read_bytes()
    yield "mapping", "beta", (EXAMPLES / "beta.toml").read_bytes()
    yield "account", "plain", ACCOUNT.encode()
    yield "name", "plain", str(names.name_of(PARCEL)).encode()
    yield "armour", "parcel", armour.encode(PARCEL.label, PARCEL.data[:3000])
    whole = mail()
    for name, change in HARMLESS.items():
        yield "mail", re.sub("[^a-z0-9]+", "-", name.lower()), change(whole)
    yield "mail", "bounce", BOUNCE.replace("\n", "\r\n").encode()
    yield "glance", "ours", whole[:600]
    yield "glance", "bounce", BOUNCE.encode()


BOUNCE = """\
From: MAILER-DAEMON@mail.example
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

I could not deliver it.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example

Final-Recipient: rfc822; bob@b.example
Action: failed
Status: 5.2.2
Diagnostic-Code: smtp; 552 5.2.2 mailbox is full

--b
Content-Type: text/rfc822-headers

Message-ID: <0@a.example>
X-Backbone-Parcel: bb1-00c0ffee00c0ffee-a11ce001-c-0000000000000042
--b--
"""


async def _sealed() -> list[tuple[str, str, bytes]]:
    """What only GnuPG can make."""
    with tempfile.TemporaryDirectory(prefix="fz-", ignore_cleanup_errors=True) as place:
        alice = await keyring.create(Path(place) / "a", "alice")
        bob = await keyring.create(Path(place) / "b", "bob")
        try:
            return await _made(alice, bob)
        finally:
            await alice.close()
            await bob.close()


async def _made(alice: GnupgKeyRing, bob: GnupgKeyRing) -> list[tuple[str, str, bytes]]:
    await alice.add_peer(await bob.public_key(), bob.fingerprint)
    await bob.add_peer(await alice.public_key(), alice.fingerprint)
    certificate, theirs = (await alice.public_key()).decode(), (await bob.public_key()).decode()
    offered = encode_document(OFFER.model_copy(update={"certificate": certificate, "fingerprint": alice.fingerprint}))
    accepted = encode_document(ACCEPTANCE.model_copy(update={"certificate": theirs, "fingerprint": bob.fingerprint}))
    listing = run(alice.home, ("--with-colons", "--fixed-list-mode", "--with-subkey-fingerprint", "--list-keys",
                               alice.fingerprint), output_bytes_max=1 << 20).output  # fmt: skip
    parcel = await alice.seal(b"a parcel", recipient=bob.fingerprint)
    report = run(bob.home, ("--decrypt",), data=parcel, output_bytes_max=1 << 20).status
    pinned = b"AB" * 20
    return [
        ("offer", "offer", offered),
        ("signed", "offer", offered),
        ("acceptance", "acceptance", accepted),
        ("confirmation", "confirmation", encode_document(Confirmation(link_id="0" * 32, transcript="1" * 64))),
        ("revocation", "revocation",
         encode_document(Revocation(link_id="0" * 32, transcript="1" * 64, reason="the contract is over"))),
        ("tested", "tested", encode_document(Tested(link_id="0" * 32, transcript="1" * 64, waiting=True))),
        ("key_revocation", "stolen",
         encode_document(KeyRevocation(link_id="0" * 32, transcript="1" * 64, fingerprint=alice.fingerprint,
                                       certificate=certificate, reason="a laptop is gone"))),
        ("keys_now", "now",
         encode_document(KeysNow(link_id="0" * 32, certificate=certificate, signing="AB" * 20, sealing="CD" * 20))),
        ("armor", "offer", await alice.sign(offered)),
        ("file", "offer", await alice.sign(offered)),
        ("file", "passphrase", await alice.sign(offered, passphrase="pass")),
        ("file", "certificate", certificate.encode()),
        ("parcel", "parcel", parcel),
        ("parcel", "signed", await alice.seal(b"a parcel", recipient=bob.fingerprint, encrypt=False)),
        ("stranger", "parcel", parcel),
        ("status", "sealed", report.replace(alice.fingerprint.encode(), pinned)),
        ("listing", "alice", listing.replace(alice.fingerprint.encode(), pinned)),
    ]  # fmt: skip


def write() -> list[Path]:
    """The samples that were not there yet."""
    written = []
    for target, name, data in valid():
        path = CORPUS / target / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            written.append(path)
    return written


if __name__ == "__main__":
    sys.stdout.write("".join(f"{path}\n" for path in write()))


__all__ = ["valid", "write"]
