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
def pair(mail_stack: MailStack, short_folder: Path) -> Iterator[tuple[Mailed, Mailed]]:
    """Alice and Bob, each with an account in backbone.toml; no link yet."""
    with two_nodes(short_folder) as nodes:
        mailed = [Mailed(node, mail_stack.add_account()) for node in nodes]
        for one in mailed:
            one.node.cli("mail", "add", "--file", str(account_file(short_folder, mail_stack, one)))
        yield mailed[0], mailed[1]


def account_file(folder: Path, stack: MailStack, one: Mailed) -> Path:
    """What an admin writes about an account, for ``mail add --file``."""
    secret = folder / f"{one.node.name}.password"
    secret.write_text(one.account.password)
    secret.chmod(0o600)
    file = folder / f"{one.node.name}.toml"
    file.write_text(QUICK + account_text(stack, one.account.address, secret))
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
