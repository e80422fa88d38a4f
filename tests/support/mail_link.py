"""Two accounts on the test's mail servers and the channel's two ends between them."""

import random
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backbone.demo.mailstack import Account, MailStack
from channels.base import Channel, ChannelUnavailable, Delivery, Parcel
from channels.mail import connect
from tests.contract.channels import TAG, parcel
from tests.support.mail import eventually, lies_in

DONE = "Backbone/done"
TRIES = 6


@dataclass
class MailLink:
    """Alice and Bob, fresh mailboxes for one test."""

    stack: MailStack
    place: Path
    alice: Account = field(init=False)
    bob: Account = field(init=False)

    def __post_init__(self) -> None:
        word = secrets.token_hex(4)
        self.alice = self.stack.add_account(f"alice-{word}@acme.example")
        self.bob = self.stack.add_account(f"bob-{word}@beta.example")

    def secret_file(self, account: Account, text: str) -> Path:
        file = self.place / f"{account.user}.secret"
        file.touch(mode=0o600)
        file.write_text(text + "\n")
        return file

    def settings(
        self,
        account: Account,
        smtp_port: int | None = None,
        imap_port: int | None = None,
        proof: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """As they stand in a link's file. Patience is short; limits of a provider are far away."""
        ports = self.stack.ports
        common: dict[str, Any] = {"host": "127.0.0.1", "user": account.user, "ca_file": str(self.stack.ca_file)}
        common |= proof or {"password_file": str(self.secret_file(account, account.password))}
        return {
            "tag": TAG,
            "address": account.address,
            "partner": (self.bob if account is self.alice else self.alice).address,
            "smtp": common | {"port": smtp_port or ports.smtps},
            "imap": common | {"port": imap_port or ports.imaps},
            "per_hour": 10_000,
            "per_day": 10_000,
            "timeout_seconds": 10,
            **more,
        }

    @asynccontextmanager
    async def end(self, account: Account, **how: Any) -> AsyncIterator[Channel]:
        channel = connect(self.settings(account, **how))
        try:
            yield channel
        finally:
            await channel.close()

    async def arrived(self, account: Account, count: int) -> None:
        """So many mails lie in the inbox."""
        await eventually(lambda: lies_in(self.stack, account) == count)


def large(number: int, data_bytes: int = 1_000_000) -> Parcel:
    """A parcel that takes its time on the way, and that nothing can compress."""
    return parcel(number, data=random.Random(number).randbytes(data_bytes))


async def send_until_taken(channel: Channel, one: Parcel) -> list[str]:
    """As the service does, without its pauses; what was said at each time that it did not work."""
    said: list[str] = []
    for _ in range(TRIES):
        try:
            await channel.send(one)
        except ChannelUnavailable as reason:
            said.append(str(reason))
        else:
            return said
    raise AssertionError(f"it was never taken: {said}")


async def receive_until(channel: Channel, count: int) -> list[Delivery]:
    """What lies there already, through connections that break."""
    found: list[Delivery] = []
    for _ in range(TRIES):
        try:
            while here := await channel.receive(50):
                found += here
        except ChannelUnavailable:
            continue
        if len(found) >= count:
            return found
    raise AssertionError(f"{len(found)} of {count} came")


def plain(error: BaseException, *words: str) -> str:
    """The sentence of an error: one line, with these words, for an admin."""
    sentence = str(error)
    assert "\n" not in sentence
    assert "Traceback" not in sentence
    assert [word for word in words if word not in sentence] == []
    return sentence


def numbers(deliveries: list[Delivery]) -> list[int]:
    assert [delivery.problem for delivery in deliveries if delivery.problem] == []
    return sorted(delivery.parcel.label.number for delivery in deliveries)


def logs(stack: MailStack) -> str:
    """What both servers wrote down."""
    return "".join(file.read_text(errors="replace") for file in (stack.folder / "log").iterdir())
