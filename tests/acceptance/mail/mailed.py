"""Nodes that have mail accounts, as an admin sets them up."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backbone.demo.mailstack import Account, MailStack
from backbone.demo.mailstack.standing import account_text
from backbone.model import Cell
from tests.acceptance.nodes import NodeAtWork, two_nodes, until
from tests.support.mail import lies_in
from tests.support.mail_link import DONE

TITLE = Cell("title")
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


@contextmanager
def two_mailed(folder: Path, stack: MailStack, pace: str) -> Iterator[tuple[Mailed, Mailed]]:
    """Alice and Bob, each with an account in backbone.toml; no link yet."""
    with two_nodes(folder) as nodes:
        mailed = [Mailed(node, stack.add_account()) for node in nodes]
        for one in mailed:
            one.node.cli("mail", "add", "--file", str(account_file(folder, stack, one, pace)))
        yield mailed[0], mailed[1]


def account_file(folder: Path, stack: MailStack, one: Mailed, pace: str) -> Path:
    """What an admin writes about an account, for ``mail add --file``."""
    secret = folder / f"{one.node.name}.password"
    secret.write_text(one.account.password)
    secret.chmod(0o600)
    file = folder / f"{one.node.name}.toml"
    file.write_text(pace + account_text(stack, one.account.address, secret))
    return file


def connect(alice: Mailed, bob: Mailed, file: Path) -> None:
    """The handshake: one file is carried by hand, everything else goes by mail."""
    alice.node.cli("link", "create", "bob", "--channel", "mail", "--out", str(file))
    bob.node.cli("link", "join", str(file), "--name", "alice", "--yes")
    for one in (alice, bob):
        one.node.start()
    until("the link is active", lambda: all(one.node.status()["state"] == "active" for one in (alice, bob)))


def rests(one: Mailed, stack: MailStack) -> bool:
    """Nothing is on the way to or from this node."""
    status = one.node.status()
    return not status["waiting"] and not lies_in(stack, one.account)


def taken(stack: MailStack, one: Mailed) -> int:
    """Mails of the link that this node has taken."""
    return len(stack.mails(one.account, DONE))
