"""What a server refuses is shown by the node in the server's words, and what waited arrives once when it is over."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backbone.demo.mailstack import FULL, GREYLISTED, REFUSED, MailStack
from backbone.service.running.waking import knock
from tests.acceptance.mail.mailed import QUICK, TITLE, Mailed, connect, rests, taken, two_mailed
from tests.acceptance.nodes import until

Pair = tuple[Mailed, Mailed]


@pytest.fixture(scope="module")
def linked(mail_stack: MailStack, shared_place: Path) -> Iterator[Pair]:
    """Two running nodes with an active link over mail, and one issue on both sides."""
    shared_place.chmod(0o755)
    with two_mailed(shared_place, mail_stack, QUICK) as (alice, bob):
        alice.node.tracker.create({TITLE: "the brake squeals"}, "ann")
        connect(alice, bob, shared_place / "offer")
        until("the issue is at Bob's", lambda: list(bob.titles().values()) == ["the brake squeals"])
        yield alice, bob


TOO_LARGE = "552 5.3.4 The message is too large"


@pytest.mark.parametrize(
    ("answer", "after_data"),
    [(GREYLISTED, False), (FULL, False), (REFUSED, False), (GREYLISTED, True), (TOO_LARGE, True)],
)
def test_what_is_refused_is_shown_and_arrives_once_when_it_is_taken(
    linked: Pair, mail_stack: MailStack, answer: str, *, after_data: bool
) -> None:
    alice, bob = linked
    until("all rests", lambda: all(rests(one, mail_stack) for one in linked))
    before = taken(mail_stack, bob)
    (local,) = alice.titles()
    title = f"{answer} {after_data}"
    mail_stack.refuse(bob.account.address, answer, after_data=after_data)
    try:
        alice.node.tracker.edit(local, {TITLE: title}, "ann")
        until("Alice's admin reads it", lambda: answer.split(" ", 2)[2] in alice.node.status()["reason"])
        assert alice.node.status()["state"] == "active"
        assert taken(mail_stack, bob) == before
    finally:
        mail_stack.accept(bob.account.address)
    assert knock(alice.node.folder / "wake")
    until("the edit is at Bob's", lambda: list(bob.titles().values()) == [title])
    until("all rests", lambda: all(rests(one, mail_stack) for one in linked))
    assert taken(mail_stack, bob) == before + 1
    until("the trouble is over", lambda: alice.node.status()["reason"] == "")


def test_a_password_that_was_changed_is_said_and_not_knocked_with(linked: Pair, mail_stack: MailStack) -> None:
    alice, bob = linked
    until("all rests", lambda: all(rests(one, mail_stack) for one in linked))
    secret = alice.node.root / "alice.password"
    alice.node.stop()
    secret.write_text("of-last-year")
    (local,) = alice.titles()
    alice.node.tracker.edit(local, {TITLE: "with the wrong password"}, "ann")
    alice.node.start()
    until("it is shown", lambda: "refuses the log-in" in alice.node.status()["reason"])
    secret.write_text(alice.account.password)
    assert knock(alice.node.folder / "wake")
    until("the edit is at Bob's", lambda: list(bob.titles().values()) == ["with the wrong password"])
    until("the trouble is over", lambda: alice.node.status()["reason"] == "")
    assert "of-last-year" not in (alice.node.root / "alice.log").read_text()
