"""Large mails go to disk on their way: memory holds the parcel and little else, and nothing stays on the disk."""

import base64
import random
import stat
import tracemalloc
from pathlib import Path

import pytest

from channels.base import Channel, ChannelUnavailable, Parcel
from channels.mail import mime
from tests.contract.channels import parcel, tokens
from tests.support.cutting import Connection, relay_to
from tests.support.mail import lies_in
from tests.support.mail_link import DONE, MailLink, plain, receive_until

MIB = 1 << 20
BESIDE_THE_PARCEL_BYTES = 6 * MIB
LARGE_BYTES = 25 * MIB
"""Of a parcel whose mail has 34 MiB."""


def put(link: MailLink, data_bytes: int) -> Parcel:
    """A mail to Bob with a parcel of that size, past the server's limit for senders."""
    one = parcel(1, data=random.Random(1).randbytes(data_bytes))
    link.stack.put_mails(link.bob, [mailed(link, one)])
    return one


def mailed(link: MailLink, one: Parcel) -> bytes:
    mail = mime.build(one, link.alice.address, link.bob.address, "Sat, 21 Nov 2026 12:00:00 +0000", "ab" * 16)
    assert mail is not None
    return mail


async def test_memory_holds_the_parcel_of_a_large_mail_and_little_else(link: MailLink, tmp_path: Path) -> None:
    wanted = hash(put(link, LARGE_BYTES))
    spool = tmp_path / "spool"
    async with link.end(link.bob, spool_path=str(spool)) as bob:
        assert await bob.check() == []
        tracemalloc.start()
        try:
            deliveries = await bob.receive(10)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert [(hash(one.parcel), one.problem) for one in deliveries] == [(wanted, None)]
        assert LARGE_BYTES <= peak < LARGE_BYTES + BESIDE_THE_PARCEL_BYTES
        await bob.confirm(tokens(deliveries))
    assert lies_in(link.stack, link.bob, DONE) == 1
    assert list(spool.iterdir()) == []
    assert stat.S_IMODE(spool.stat().st_mode) == 0o700


async def test_a_large_attachment_that_a_gateway_encoded_anew_is_read_from_the_disk_too(
    link: MailLink, bob: Channel
) -> None:
    one = parcel(1, data=random.Random(1).randbytes(3 * MIB))
    head, _, attachment = mailed(link, one).rpartition(b"\r\n\r\n")
    again = head.replace(
        b"Content-Transfer-Encoding: 7bit\r\nContent-Disp", b"Content-Transfer-Encoding: base64\r\nContent-Disp"
    )
    content, mark, end = attachment.partition(b"--=_backbone_")
    link.stack.put_mails(link.bob, [b"".join([again, b"\r\n\r\n", base64.encodebytes(content), mark, end])])
    assert [(found.parcel, found.problem) for found in await bob.receive(10)] == [(one, None)]


async def test_an_end_within_the_pieces_of_a_large_mail_leaves_nothing_and_loses_nothing(
    link: MailLink, tmp_path: Path
) -> None:
    one = put(link, 4 * MIB)
    seen: list[list[Path]] = []

    def cut(connection: Connection) -> None:
        seen.append(list(tmp_path.joinpath("spool").iterdir()))
        connection.cut()

    async with relay_to(link.stack.ports.imaps) as relay:
        trip = relay.trip("down", 3 * MIB, cut)
        async with link.end(link.bob, imap_port=relay.port, spool_path=str(tmp_path / "spool")) as bob:
            deliveries = await receive_until(bob, 1)
            assert trip.sprung.is_set()
    assert [found.parcel for found in deliveries] == [one]
    assert seen == [[]], "while it is fetched, the file has no name that a crash could leave"


async def test_a_disk_that_takes_no_mail_is_said_and_the_mail_comes_later(link: MailLink, tmp_path: Path) -> None:
    one = put(link, 3 * MIB)
    spool = tmp_path / "spool"
    spool.write_text("in the way")
    async with link.end(link.bob, spool_path=str(spool)) as bob:
        with pytest.raises(ChannelUnavailable) as caught:
            await bob.receive(10)
        plain(caught.value, str(spool), "make room there")
        spool.unlink()
        assert [found.parcel for found in await bob.receive(10)] == [one]
