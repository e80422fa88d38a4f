"""Mails that strangers and gateways put into a node's mailbox: set aside with the reason, and the link goes on."""

import asyncio
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from backbone.demo.mailstack import MailStack
from channels.base import Label, Parcel
from channels.mail import mime, reading
from tests.acceptance.forging import forged
from tests.acceptance.mail.mailed import QUICK, TITLE, Mailed, connect, rests, two_mailed
from tests.acceptance.nodes import reasons, until
from tests.support.mail import lies_in
from tests.support.mail_link import DONE

DATE = "Sat, 21 Nov 2026 10:00:00 +0000"
FOREIGN = b"From: eve@elsewhere.example\r\nSubject: lunch\r\n\r\nAt noon?\r\n"
NOTHING_BYTES = 50_000_000

Pair = tuple[Mailed, Mailed]


@pytest.fixture(scope="module")
def linked(mail_stack: MailStack, shared_place: Path) -> Iterator[Pair]:
    """Two running nodes with an active link over mail, and one issue on both sides."""
    shared_place.chmod(0o755)
    with two_mailed(shared_place, mail_stack, QUICK) as (alice, bob):
        alice.node.tracker.create({TITLE: "the brake squeals"}, "ann")
        connect(alice, bob, shared_place / "offer")
        until("the issue is at Bob's", lambda: list(bob.titles().values()) == ["the brake squeals"])
        until("all rests", lambda: all(rests(one, mail_stack) for one in (alice, bob)))
        yield alice, bob


def honest(stack: MailStack, bob: Mailed) -> tuple[bytes, Parcel]:
    """A mail with changes that came and was taken, and what was in it."""
    for mail in stack.mails(bob.account, DONE):
        for found in reading.read(mail).parcels:
            if found.label is not None and found.label.lane == "c":
                return mail, Parcel(found.label, found.data)
    raise AssertionError("no change has come yet")


def mailed(alice: Mailed, bob: Mailed, label: Label, number: int, data: bytes) -> bytes:
    """These bytes as a mail that nobody can tell from Alice's by its outside."""
    parcel = Parcel(Label(label.tag, label.incarnation, label.lane, number), data)
    mail = mime.build(parcel, alice.account.address, bob.account.address, DATE, secrets.token_hex(16))
    assert mail is not None
    return mail


def damaged(mail: bytes) -> dict[str, bytes]:
    """A mail of ours after an accident, by words of the reason that is given."""
    head, _, body = mail.partition(b"\n\n")
    start = body.index(b"Data:") + 20
    return {
        "it ends in the middle of the parcel": mail[: len(mail) // 2],
        "took the attachment out": head + b"\n\nAn attachment was removed.\n",
        "was changed on the way": head + b"\n\n" + body[:start] + b"AAAA" + body[start + 4 :],
        "50000": head + b"\n\n" + b"x" * NOTHING_BYTES,
    }


def state_of(one: Mailed) -> list[object]:
    """What a mail that changes nothing leaves as it is."""
    status = one.node.status()
    return [one.titles(), *(status[word] for word in ("received", "quarantined", "reason", "state"))]


def goes_on(alice: Mailed, bob: Mailed, title: str) -> None:
    """One more edit travels."""
    (local,) = alice.titles()
    alice.node.tracker.edit(local, {TITLE: title}, "ann")
    until("the edit is at Bob's", lambda: list(bob.titles().values()) == [title])
    assert [one.node.status()["state"] for one in (alice, bob)] == ["active", "active"]


def test_hostile_mails_are_set_aside_with_the_reason_and_the_link_goes_on(
    linked: Pair, mail_stack: MailStack, place: Path
) -> None:
    alice, bob = linked
    mail, parcel = honest(mail_stack, bob)
    wrecks = damaged(mail)
    forgeries = asyncio.run(forged(alice.node.keys, bob.node.keys, parcel.data, place / "m"))
    mails = [mailed(alice, bob, parcel.label, 500 + number, data) for number, data in enumerate(forgeries.values())]
    before = bob.titles(), bob.node.status()["received"]
    mail_stack.put_mails(bob.account, [*mails, *wrecks.values(), FOREIGN])
    count = len(mails) + len(wrecks)
    until("all were set aside", lambda: bob.node.status()["quarantined"] == count)
    until("only the foreign mail is left", lambda: lies_in(mail_stack, bob.account) == 1)
    assert (bob.titles(), bob.node.status()["received"]) == before
    said = reasons(bob.node)
    assert len(said) == count
    expected = (*wrecks, "signature|signed|key", "names another link", "names another receiver", "bytes|large")
    for words in expected:
        assert any(word in reason for word in words.split("|") for reason in said), (words, said)
    assert alice.node.status()["quarantined"] == 0
    goes_on(alice, bob, "the brake squeals less")
    mail_stack.empty(bob.account)


def test_replayed_mails_change_nothing(linked: Pair, mail_stack: MailStack) -> None:
    """An old mail as it was, in a mail of its own, and under a number that is still to come."""
    alice, bob = linked
    goes_on(alice, bob, "the brake is quiet")
    until("all rests", lambda: all(rests(one, mail_stack) for one in linked))
    mail, parcel = honest(mail_stack, bob)
    label = parcel.label
    before = state_of(bob)
    again = [mailed(alice, bob, label, number, parcel.data) for number in (label.number, 900)]
    mail_stack.put_mails(bob.account, [mail, mail, *again])
    until("all were taken", lambda: not lies_in(mail_stack, bob.account))
    assert state_of(bob) == before
    goes_on(alice, bob, "the brake squeals again")
