"""Parcels that somebody mails to a node: each is set aside with its reason, nothing changes, and the link goes on."""

import asyncio
from dataclasses import replace
from pathlib import Path

from backbone.demo.mailstack import MailStack
from channels.base import Label, Parcel
from channels.mail import mime
from channels.mail.reading import read
from tests.acceptance.forging import forged
from tests.acceptance.mail.mailed import TITLE, Mailed, connect, taken
from tests.acceptance.nodes import until
from tests.support.mail import lies_in

NOT_BY_MAIL = {"oversized"}
"""No mail of ours carries it; 50 MB of anything are tried in ``test_strangers.py``."""


def honest(stack: MailStack, one: Mailed) -> Parcel:
    """A parcel with changes that came and was taken."""
    found = [part for mail in stack.mails(one.account, "Backbone/done") for part in read(mail).parcels]
    return next(Parcel(part.label, part.data) for part in found if part.label and part.label.lane == "c")


def mailed(stack: MailStack, to: Mailed, label: Label, data: bytes, number: int) -> None:
    """By somebody who can write what they like into every field."""
    mail = mime.build(
        Parcel(replace(label, number=number), data), "mallory@elsewhere.example", to.account.address,
        "Sat, 21 Nov 2026 10:00:00 +0000", f"{number:032x}",
    )  # fmt: skip
    assert mail is not None
    stack.put_mails(to.account, [mail])


def test_hostile_mails_are_set_aside_and_the_link_goes_on(
    pair: tuple[Mailed, Mailed], mail_stack: MailStack, short_folder: Path
) -> None:
    alice, bob = pair
    connect(alice, bob, short_folder / "offer")
    local = alice.node.tracker.create({TITLE: "Brakes squeal"}, "ann")
    until("the issue arrives", lambda: list(bob.titles().values()) == ["Brakes squeal"])
    parcel = honest(mail_stack, bob)
    bad = asyncio.run(forged(alice.node.keys, bob.node.keys, parcel.data, short_folder / "m"))
    received, before = bob.node.status()["received"], taken(mail_stack, bob)
    for number, (_, data) in enumerate((w, d) for w, d in bad.items() if w not in NOT_BY_MAIL):
        mailed(mail_stack, bob, parcel.label, data, 500 + number)
    mailed(mail_stack, bob, parcel.label, parcel.data, parcel.label.number)
    expected = len(bad) - len(NOT_BY_MAIL)
    until("all were set aside", lambda: bob.node.status()["quarantined"] == expected)
    until("all were taken", lambda: lies_in(mail_stack, bob.account) == 0)
    assert taken(mail_stack, bob) >= before + expected + 1
    assert bob.node.status()["received"] == received
    assert list(bob.titles().values()) == ["Brakes squeal"]
    alice.node.tracker.edit(local, {TITLE: "Brakes squeal less"}, "ann")
    until("the edit arrives", lambda: list(bob.titles().values()) == ["Brakes squeal less"])
    assert [one.node.status()["state"] for one in pair] == ["active", "active"]
