"""Two nodes that share nothing but mail: whole nodes, the real command line, Postfix and Dovecot."""

from pathlib import Path

import pytest

from backbone.demo.mailstack import MailStack
from tests.acceptance.mail.mailed import TITLE, Mailed, connect, rests, taken
from tests.acceptance.nodes import until
from tests.support.mail import lies_in

LARGE_BYTES = 2**22
"""Only the connection test's largest mail is larger here."""

BOUNCE = """From: Mail Delivery System <mailer-daemon@elsewhere.example>
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; elsewhere.example

Final-Recipient: rfc822; {address}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 works here no more

--b--
"""


def test_issues_travel_by_mail_and_nobody_carries_a_second_file(
    pair: tuple[Mailed, Mailed], mail_stack: MailStack, short_folder: Path
) -> None:
    alice, bob = pair
    first = alice.node.tracker.create({TITLE: "the brake squeals"}, "ann")
    connect(alice, bob, short_folder / "offer")
    until("the issue is at Bob's", lambda: list(bob.titles().values()) == ["the brake squeals"])
    (copy,) = bob.titles()
    bob.node.tracker.edit(copy, {TITLE: "the brake squeals when wet"}, "bo")
    until("Bob's edit is at Alice's", lambda: alice.titles() == {first: "the brake squeals when wet"})
    assert "1 issues compared, all equal" in alice.node.cli("audit", "bob").stdout
    assert [one.node.status()["quarantined"] for one in pair] == [0, 0]
    until("nothing is left in the mailboxes", lambda: not any(lies_in(mail_stack, one.account) for one in pair))
    for one in pair:
        done = mail_stack.mails(one.account, "Backbone/done")
        assert sum(len(mail) > LARGE_BYTES for mail in done) == 1, "the connection test goes once"


@pytest.mark.parametrize("pace", ["linger_seconds = 20\nack_delay_seconds = 3\nresend_floor_seconds = 120\n"])
def test_a_burst_and_its_acknowledgement_are_one_mail_each_way(
    pair: tuple[Mailed, Mailed], mail_stack: MailStack, short_folder: Path
) -> None:
    alice, bob = pair
    connect(alice, bob, short_folder / "offer")
    first = alice.node.tracker.create({TITLE: "0"}, "ann")
    until("the issue is at Bob's", lambda: list(bob.titles().values()) == ["0"])
    until("all rests", lambda: all(rests(one, mail_stack) for one in pair))
    before = [taken(mail_stack, one) for one in pair]
    for number in range(1, 6):
        alice.node.tracker.edit(first, {TITLE: str(number)}, "ann")
        alice.node.tracker.comment(first, f"again {number}", "ann")
    until("the last edit is at Bob's", lambda: list(bob.titles().values()) == ["5"])
    until("all rests", lambda: all(rests(one, mail_stack) for one in pair))
    assert [taken(mail_stack, one) - count for one, count in zip(pair, before, strict=True)] == [1, 1]


def test_a_bounce_is_shown_until_the_partner_is_heard(
    pair: tuple[Mailed, Mailed], mail_stack: MailStack, short_folder: Path
) -> None:
    alice, bob = pair
    connect(alice, bob, short_folder / "offer")
    until("all rests", lambda: all(rests(one, mail_stack) for one in pair))
    bob.node.stop()
    mail_stack.put_mails(alice.account, [BOUNCE.format(address=bob.account.address).replace("\n", "\r\n").encode()])
    until("the bounce is shown", lambda: "works here no more" in alice.node.status()["reason"])
    assert alice.node.status()["state"] == "active"
    bob.node.start()
    until("it is over when Bob answers", lambda: alice.node.status()["reason"] == "")
