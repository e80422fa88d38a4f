"""Parcels through the mail channel, beside a bare loop of the same libraries on the same servers.

Both send over as many connections as the channel does, then take everything from the inbox in batches and move it
away. How long the servers take to deliver in between is in neither figure.
"""

import asyncio
import os
import ssl
import statistics
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import aioimaplib
import aiosmtplib

from backbone.demo.mailstack import MailStack
from channels.base import Parcel
from channels.mail import limits, mime
from tests.bench.report import Figure, Options
from tests.contract.channels import parcel
from tests.support.mail_link import MailLink

PARCELS = 300
PARCELS_QUICK = 60
PARCEL_BYTES = 8 * 1024
ROUNDS = 3
RATIO_MIN = 0.7
DONE = "Done"

Seconds = tuple[float, float]
"""To send everything, and to receive and confirm it."""


def measure(options: Options) -> list[Figure]:
    """Messages per second of both, in turns, because a shared machine's speed drifts."""
    count = PARCELS_QUICK if options.quick else PARCELS
    with tempfile.TemporaryDirectory(prefix="bb-mail-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        with MailStack(Path(folder) / "m") as stack:
            taken: dict[str, list[Seconds]] = {"bare": [], "channel": []}
            for number in range(ROUNDS):
                ways: list[tuple[str, Way]] = [("bare", _bare), ("channel", _channel)]
                for name, way in ways[:: -1 if number % 2 else 1]:
                    seconds = asyncio.run(way(MailLink(stack, Path(folder)), _parcels(count)))
                    options.say(f"mail: {name} sent in {seconds[0]:.2f} s, received in {seconds[1]:.2f} s")
                    taken[name].append(seconds)
    ours, bare = (count / statistics.median(map(sum, taken[name])) for name in ("channel", "bare"))
    return [
        Figure(
            f"mail: {count} parcels of 8 KB, sent, received and confirmed",
            f"{ours:.0f} messages/s",
            f"{bare:.0f} messages/s: a bare loop of aiosmtplib and aioimaplib",
            f"ratio ≥ {RATIO_MIN} (is {ours / bare:.2f})",
            ours >= RATIO_MIN * bare,
        )
    ]


Way = Callable[[MailLink, Sequence[Parcel]], Coroutine[Any, Any, Seconds]]


def _parcels(count: int) -> list[Parcel]:
    return [parcel(number, data=os.urandom(PARCEL_BYTES)) for number in range(1, count + 1)]


async def _channel(link: MailLink, ready: Sequence[Parcel]) -> Seconds:
    async with link.end(link.alice) as alice, link.end(link.bob) as bob:
        begun = time.perf_counter()
        await asyncio.gather(*(alice.send(one) for one in ready))
        sending = time.perf_counter() - begun
        await link.arrived(link.bob, len(ready))
        begun = time.perf_counter()
        left = len(ready)
        while left:
            found = await bob.receive(limits.BATCH_MAILS)
            if not found:
                raise RuntimeError(f"{left} parcels did not come out of the mailbox")
            await bob.confirm([one.token for one in found])
            left -= len(found)
        return sending, time.perf_counter() - begun


async def _bare(link: MailLink, ready: Sequence[Parcel]) -> Seconds:
    tls = ssl.create_default_context(cafile=str(link.stack.ca_file))
    begun = time.perf_counter()
    shares = [ready[start :: limits.CONNECTIONS] for start in range(limits.CONNECTIONS)]
    await asyncio.gather(*(_bare_send(link, tls, share) for share in shares))
    sending = time.perf_counter() - begun
    await link.arrived(link.bob, len(ready))
    begun = time.perf_counter()
    await _bare_receive(link, tls, len(ready))
    return sending, time.perf_counter() - begun


async def _bare_send(link: MailLink, tls: ssl.SSLContext, share: Sequence[Parcel]) -> None:
    sender, recipient = link.alice.address, link.bob.address
    client = aiosmtplib.SMTP(hostname=link.stack.host, port=link.stack.ports.smtps, use_tls=True, tls_context=tls)
    async with client:
        await client.login(link.alice.user, link.alice.password)
        for one in share:
            mail = mime.build(one, sender, recipient, "Sat, 21 Nov 2026 12:00:00 +0000", os.urandom(16).hex())
            assert mail is not None
            await client.sendmail(sender, [recipient], mail)


async def _bare_receive(link: MailLink, tls: ssl.SSLContext, count: int) -> None:
    client = aioimaplib.IMAP4_SSL(host=link.stack.host, port=link.stack.ports.imaps, ssl_context=tls)
    await client.wait_hello_from_server()
    await client.login(link.bob.user, link.bob.password)
    await client.create(DONE)
    await client.select("INBOX")
    found = (await client.uid_search("ALL")).lines[0].decode("ascii").split()
    if len(found) != count:
        raise RuntimeError(f"{len(found)} of {count} mails lie in the mailbox")
    for start in range(0, count, limits.BATCH_MAILS):
        batch = ",".join(found[start : start + limits.BATCH_MAILS])
        for answer in (await client.uid("fetch", batch, "(BODY.PEEK[])"), await client.uid("move", batch, DONE)):
            if answer.result != "OK":
                raise RuntimeError(f"the server refuses: {answer.lines}")
    await client.logout()
