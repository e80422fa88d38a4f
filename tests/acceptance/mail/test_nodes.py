"""Two nodes that share nothing but mail: whole nodes, the real command line, Postfix and Dovecot."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from backbone.demo.mailstack import Account, MailStack
from backbone.demo.mailstack.standing import account_text
from backbone.model import Cell
from tests.acceptance.nodes import NodeAtWork, two_nodes, until
from tests.support.mail import lies_in

TITLE = Cell("title")
LARGE_BYTES = 2**22
"""Only the connection test's largest mail is larger here."""
QUICK = "linger_seconds = 4\nack_delay_seconds = 1\nresend_floor_seconds = 60\n"
"""Where nobody pays for mails, and a test waits for them."""


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


@dataclass
class Mailed:
    """A node with its account."""

    node: NodeAtWork
    account: Account

    def titles(self) -> dict[str, str]:
        """By their number here."""
        issues = asyncio.run(self.node.tracker.issues(None, 1000))
        return {issue.local: str(issue.cells[TITLE]) for issue in issues}


@pytest.fixture
def pace() -> str:
    """What the accounts say about time."""
    return QUICK


@pytest.fixture
def pair(mail_stack: MailStack, short_folder: Path, pace: str) -> Iterator[tuple[Mailed, Mailed]]:
    """Alice and Bob, each with an account in backbone.toml; no link yet."""
    with two_nodes(short_folder) as nodes:
        mailed = [Mailed(node, mail_stack.add_account()) for node in nodes]
        for one in mailed:
            one.node.cli("mail", "add", "--file", str(account_file(short_folder, mail_stack, one, pace)))
        yield mailed[0], mailed[1]


def account_file(folder: Path, stack: MailStack, one: Mailed, pace: str) -> Path:
    """What an admin writes about an account, for ``mail add --file``."""
    secret = folder / f"{one.node.name}.password"
    secret.write_text(one.account.password)
    secret.chmod(0o600)
    file = folder / f"{one.node.name}.toml"
    file.write_text(pace + account_text(stack, one.account.address, secret))
    return file


def link(alice: Mailed, bob: Mailed, file: Path) -> None:
    """The handshake: one file is carried by hand, everything else goes by mail."""
    alice.node.cli("link", "create", "bob", "--channel", "mail", "--out", str(file))
    bob.node.cli("link", "join", str(file), "--name", "alice", "--yes")
    for one in (alice, bob):
        one.node.start()
    until("the link is active", lambda: all(one.node.status()["state"] == "active" for one in (alice, bob)))


def test_issues_travel_by_mail_and_nobody_carries_a_second_file(
    pair: tuple[Mailed, Mailed], mail_stack: MailStack, short_folder: Path
) -> None:
    alice, bob = pair
    first = alice.node.tracker.create({TITLE: "the brake squeals"}, "ann")
    link(alice, bob, short_folder / "offer")
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


def rests(one: Mailed, stack: MailStack) -> bool:
    """Nothing is on the way to or from this node."""
    status = one.node.status()
    return not status["waiting"] and not lies_in(stack, one.account)


@pytest.mark.parametrize("pace", ["linger_seconds = 20\nack_delay_seconds = 3\nresend_floor_seconds = 120\n"])
def test_a_burst_and_its_acknowledgement_are_one_mail_each_way(
    pair: tuple[Mailed, Mailed], mail_stack: MailStack, short_folder: Path
) -> None:
    alice, bob = pair
    link(alice, bob, short_folder / "offer")
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


def taken(stack: MailStack, one: Mailed) -> int:
    """Mails of the link that this node has taken."""
    return len(stack.mails(one.account, "Backbone/done"))


def test_a_bounce_is_shown_until_the_partner_is_heard(
    pair: tuple[Mailed, Mailed], mail_stack: MailStack, short_folder: Path
) -> None:
    alice, bob = pair
    link(alice, bob, short_folder / "offer")
    until("all rests", lambda: all(rests(one, mail_stack) for one in pair))
    bob.node.stop()
    mail_stack.put_mails(alice.account, [BOUNCE.format(address=bob.account.address).replace("\n", "\r\n").encode()])
    until("the bounce is shown", lambda: "works here no more" in alice.node.status()["reason"])
    assert alice.node.status()["state"] == "active"
    bob.node.start()
    until("it is over when Bob answers", lambda: alice.node.status()["reason"] == "")
