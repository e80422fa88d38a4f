"""A mail server that serves one direction only: what leaves still leaves, what comes still comes, and why is shown."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from backbone.demo.mailstack import GREYLISTED, REFUSED, MailStack
from tests.acceptance.inside import at_work, never_tries_again, number_of, says, woken
from tests.acceptance.mail.mailed import QUICK, TITLE, Mailed, account_file, connect, rests
from tests.acceptance.nodes import BOUND_SECONDS, two_nodes, until
from tests.support.mail import eventually

Pair = tuple[Mailed, Mailed]


@pytest.fixture(scope="module")
def linked(mail_stack: MailStack, shared_place: Path) -> Iterator[Pair]:
    """An active link with two issues, whose accounts have another password for receiving; nobody runs."""
    shared_place.chmod(0o755)
    with two_nodes(shared_place) as nodes:
        alice, bob = (Mailed(node, mail_stack.add_account()) for node in nodes)
        for one in (alice, bob):
            file, secret = account_file(shared_place, mail_stack, one, QUICK), secret_of(one)
            secret.touch(mode=0o600)
            secret.write_text(one.account.password)
            file.write_text(f'{file.read_text()}user = "{one.account.user}"\npassword_file = "{secret}"\n')
            one.node.cli("mail", "add", "--file", str(file))
        for title in ("hers", "his"):
            alice.node.tracker.create({TITLE: title}, "ann")
        connect(alice, bob, shared_place / "offer")
        until("both have both", lambda: all(sorted(one.titles().values()) == ["hers", "his"] for one in (alice, bob)))
        until("all rests", lambda: all(rests(one, mail_stack) for one in (alice, bob)))
        for one in (alice, bob):
            one.node.stop()
        yield alice, bob


def secret_of(one: Mailed) -> Path:
    """The file with the password for receiving."""
    return one.node.root / f"{one.node.name}.imap-password"


@pytest.mark.parametrize("answer", [REFUSED, GREYLISTED])
async def test_a_server_that_takes_no_mail_of_ours_still_brings_the_partners(
    linked: Pair, mail_stack: MailStack, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    alice, bob = linked
    hers, his = await number_of(alice.node, "hers"), await number_of(bob.node, "his")
    async with at_work(alice.node, bob.node):
        bob.node.tracker.edit(his, {TITLE: f"his, {answer}"}, "bo")
        await shows(alice, f"his, {answer}")
        never_tries_again(monkeypatch)
        mail_stack.refuse(bob.account.address, answer)
        try:
            alice.node.tracker.edit(hers, {TITLE: f"hers, {answer}"}, "ann")
            await says(alice.node, answer.split(" ", 2)[2])
            for number in range(2):
                bob.node.tracker.edit(his, {TITLE: f"his, {number} {answer}"}, "bo")
                await shows(alice, f"his, {number} {answer}")
            await says(alice.node, answer.split(" ", 2)[2])
        finally:
            mail_stack.accept(bob.account.address)
        await woken(alice.node)
        await shows(bob, f"hers, {answer}")
        await says(alice.node, "")
        for one, title in ((alice, "his"), (bob, "his"), (alice, "hers"), (bob, "hers")):
            found = [name for name in (await asyncio.to_thread(one.titles)).values() if name.startswith(title)]
            assert len(found) == 1
        alice.node.tracker.edit(hers, {TITLE: "hers"}, "ann")
        bob.node.tracker.edit(his, {TITLE: "his"}, "bo")
        await shows(bob, "hers")
        await shows(alice, "his")


async def test_a_mailbox_that_cannot_be_read_does_not_keep_ours_from_leaving(
    linked: Pair, mail_stack: MailStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = linked
    hers, his = await number_of(alice.node, "hers"), await number_of(bob.node, "his")
    secret_of(alice).write_text("of-last-year")
    async with at_work(alice.node, bob.node):
        await says(alice.node, "refuses the log-in")
        never_tries_again(monkeypatch)
        alice.node.tracker.edit(hers, {TITLE: "hers, sent"}, "ann")
        await shows(bob, "hers, sent")
        bob.node.tracker.edit(his, {TITLE: "his, waiting"}, "bo")
        await says(alice.node, "refuses the log-in")
        secret_of(alice).write_text(alice.account.password)
        await woken(alice.node)
        await shows(alice, "his, waiting")
        await says(alice.node, "")


async def shows(one: Mailed, title: str) -> None:
    """The tracker there has it."""
    await eventually(lambda: title in one.titles().values(), BOUND_SECONDS)
