"""The whole channel on shares that misbehave."""

import asyncio
import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from channels.base import ChannelError, ChannelRefused, ChannelUnavailable, Delivery, Label, Parcel
from channels.directory import Settings, connect, prepare
from channels.directory.check import check
from channels.directory.incoming import Incoming
from channels.directory.limits import COPYING_SECONDS
from channels.directory.outgoing import Outgoing
from channels.directory.place import resolve
from tests.contract.channels import ALICE, TAG, parcel, tokens
from tests.unit.channels.directory.conftest import Clock, Share, file_name

ROOT = str(Path(__file__).parents[4])


async def test_a_share_that_goes_away_and_returns_loses_nothing(share: Share) -> None:
    await share.alice.send(parcel(1))
    away = share.there.with_name("away")
    share.there.rename(away)
    for attempt in (share.alice.send(parcel(2)), share.bob.receive(9), share.alice.acknowledged(TAG, ALICE, "c", 1)):
        with pytest.raises(ChannelUnavailable, match="mount the share"):
            await attempt
    away.rename(share.there)
    await share.alice.send(parcel(2))
    assert [delivery.parcel for delivery in await share.bob.receive(9)] == [parcel(1), parcel(2)]


async def test_an_empty_mount_point_is_neither_empty_nor_written_to(share: Share) -> None:
    share.there.rename(share.there.with_name("away"))
    share.there.mkdir()
    with pytest.raises(ChannelUnavailable, match=r"does not hold the file \.backbone-"):
        await share.bob.receive(9)
    with pytest.raises(ChannelUnavailable, match=r"does not hold the file \.backbone-"):
        await share.alice.send(parcel(1))
    assert list(share.there.iterdir()) == []


async def test_a_link_that_is_swapped_is_followed(share: Share, tmp_path: Path) -> None:
    await share.alice.send(parcel(1))
    await share.bob.confirm(tokens(await share.bob.receive(9)))
    moved = tmp_path / "other server"
    moved.mkdir()
    prepare(moved, share.back, TAG)
    for link in (share.alice_send, share.bob_receive):
        link.unlink()
        link.symlink_to(moved)
    await share.alice.send(parcel(2))
    assert (moved / file_name(parcel(2))).exists()
    assert [delivery.parcel for delivery in await share.bob.receive(9)] == [parcel(2)]


async def test_what_is_confirmed_while_the_share_is_away_does_not_come_back_with_it(share: Share) -> None:
    await share.alice.send(parcel(1))
    taken = tokens(await share.bob.receive(9))
    share.there.rename(share.there.with_name("away"))
    await share.bob.confirm(taken)
    share.there.with_name("away").rename(share.there)
    assert await share.bob.receive(9) == []


async def test_acknowledged_parcels_leave_the_share_after_it_was_away(share: Share) -> None:
    await share.alice.send(parcel(1))
    await share.alice.send(parcel(2))
    share.there.rename(share.there.with_name("away"))
    with pytest.raises(ChannelUnavailable):
        await share.alice.acknowledged(TAG, ALICE, "c", 1)
    share.there.with_name("away").rename(share.there)
    await share.alice.acknowledged(TAG, ALICE, "c", 1)
    assert share.parcels() == [file_name(parcel(2))]


async def test_a_full_disk_is_told_and_healed_by_room(small_disk: Path, tmp_path: Path) -> None:
    prepare(small_disk, tmp_path / "back", TAG)
    channel = connect(Settings(small_disk, tmp_path / "back", TAG))
    first = os.urandom(600_000)
    await channel.send(parcel(1, data=first))
    with pytest.raises(ChannelUnavailable, match="full: free some space"):
        await channel.send(parcel(2, data=os.urandom(600_000)))
    assert await asyncio.to_thread(listing, small_disk) == {f".backbone-{TAG}", file_name(parcel(1, data=first))}
    await channel.acknowledged(TAG, ALICE, "c", 1)
    await channel.send(parcel(2, data=os.urandom(600_000)))
    assert any("nearly full" in sentence for sentence in await channel.check())
    await channel.close()


def listing(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def remount_read_only(point: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", point], check=True)


async def test_a_read_only_share_is_told_and_its_parcels_are_still_received(small_disk: Path, tmp_path: Path) -> None:
    prepare(small_disk, tmp_path / "back", TAG)
    (small_disk / file_name(parcel(1))).write_bytes(parcel(1).data)
    remount_read_only(small_disk)
    writer = connect(Settings(small_disk, tmp_path / "back", TAG))
    reader = connect(Settings(tmp_path / "back", small_disk, TAG))
    with pytest.raises(ChannelUnavailable, match="mounted read-only"):
        await writer.send(parcel(2))
    assert any("mounted read-only" in sentence for sentence in await writer.check())
    deliveries = await reader.receive(9)
    assert [delivery.parcel for delivery in deliveries] == [parcel(1)]
    await reader.confirm(tokens(deliveries))
    assert await reader.receive(9) == []
    await writer.close()
    await reader.close()


async def test_one_directory_mounted_twice_is_an_error_not_an_echo(share: Share) -> None:
    """Two mounts of one directory differ in path and device; what lies in them is the same."""
    (share.back / f".backbone-{TAG}").unlink()
    (share.back / f".backbone-{TAG}").hardlink_to(share.there / f".backbone-{TAG}")
    await share.alice.send(parcel(1))
    (share.back / file_name(parcel(1))).hardlink_to(share.there / file_name(parcel(1)))
    with pytest.raises(ChannelError, match="SEND and RECEIVE are the same directory") as caught:
        await share.alice.receive(9)
    assert not isinstance(caught.value, ChannelUnavailable)
    assert any("parcels of this node lie in" in sentence for sentence in await share.alice.check())


async def test_our_own_parcel_copied_back_to_us_is_a_problem_and_the_link_goes_on(share: Share) -> None:
    await share.alice.send(parcel(1))
    shutil.copy(share.there / file_name(parcel(1)), share.back)
    await share.bob.send(parcel(2, incarnation="b0b00001"))
    ours, theirs = await share.alice.receive(9)
    assert "this node wrote" in (ours.problem or "")
    assert (theirs.parcel, theirs.problem) == (parcel(2, incarnation="b0b00001"), None)


async def test_one_directory_as_send_and_receive_is_an_error_before_anything_is_sent(share: Share) -> None:
    wrong = connect(Settings(share.there, share.bob_receive, TAG))
    with pytest.raises(ChannelError, match="SEND and RECEIVE are the same directory"):
        await wrong.receive(9)
    assert any("same directory" in sentence for sentence in await wrong.check())
    await wrong.close()


async def test_several_links_share_a_directory(share: Share) -> None:
    other = "f" * 16
    prepare(share.there, share.back, other)
    alice, bob = connect(Settings(share.there, share.back, other)), connect(Settings(share.back, share.there, other))
    theirs = Parcel(Label(other, ALICE, "c", 1), b"of the other link")
    await alice.send(theirs)
    await share.alice.send(parcel(1))
    assert [delivery.parcel for delivery in await share.bob.receive(9)] == [parcel(1)]
    assert [delivery.parcel for delivery in await bob.receive(9)] == [theirs]
    await alice.close()
    await bob.close()


@pytest.mark.parametrize(
    "label", [Label("f" * 16, ALICE, "c", 1), Label(TAG, "../..", "c", 1), Label(TAG, ALICE, "/", 1)]
)
async def test_a_label_of_another_link_or_with_a_path_in_it_is_refused(share: Share, label: Label) -> None:
    with pytest.raises(ChannelRefused, match="cannot be the label"):
        await share.alice.send(Parcel(label, b""))
    assert share.parcels() == []


async def test_a_cancelled_send_leaves_a_whole_file_or_none(share: Share) -> None:
    one = parcel(1, data=os.urandom(2_000_000))
    task = asyncio.create_task(share.alice.send(one))
    await share.alice.acknowledged(TAG, ALICE, "c", 0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await share.alice.send(parcel(2))
    arrived = [delivery for delivery in await share.bob.receive(9) if delivery.parcel.label.number == 1]
    assert all(delivery.parcel == one and delivery.problem is None for delivery in arrived)


SENDING_FOR_EVER = """
import asyncio, sys
from channels.base import Label, Parcel
from channels.directory import connect

async def main(send, receive, tag):
    channel = connect({"send": send, "receive": receive, "tag": tag})
    number = 0
    while True:
        number += 1
        await channel.send(Parcel(Label(tag, "a11ce001", "c", number), number.to_bytes(8, "big") * 250_000))
        print(number, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


def send_until_killed(share: Share, count: int) -> None:
    """A process that is killed somewhere behind its so many-th parcel."""
    command = [sys.executable, "-c", SENDING_FOR_EVER, str(share.there), str(share.back), TAG]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": ROOT}) as sender:
        assert sender.stdout is not None
        for _ in range(count):
            assert sender.stdout.readline()
        sender.kill()


async def test_a_killed_sender_leaves_only_whole_parcels_under_their_names(share: Share) -> None:
    for count in (1, 4, 7):
        await asyncio.to_thread(send_until_killed, share, count)
        arrived: list[Delivery] = []
        while deliveries := await share.bob.receive(99):
            arrived += deliveries
            await share.bob.confirm(tokens(deliveries))
        assert len(arrived) >= count
        assert all(delivery.problem is None for delivery in arrived)
        assert share.parcels() == []
    assert all(name.startswith((f".tmp-{TAG}-", ".backbone-", ".done")) for name in listing(share.there))


async def test_a_closed_channel_says_so(share: Share) -> None:
    await share.bob.close()
    with pytest.raises(ChannelUnavailable, match="closed"):
        await share.bob.receive(1)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Somewhere that another user can reach; pytest's own folders are closed to him."""
    folder = Path(tempfile.mkdtemp(prefix="backbone-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@contextmanager
def somebody_else() -> Iterator[None]:
    """Let this thread access files without root's rights (setfsuid(2)); whoever is not root has none anyway."""
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None)
    libc.setfsuid(65534)
    try:
        yield
    finally:
        libc.setfsuid(0)


def test_missing_permission_is_told_and_does_not_stop_what_may_be_read(open_folder: Path) -> None:
    send, receive = open_folder / "SEND", open_folder / "RECEIVE"
    prepare(send, receive, TAG)
    for number, mode in ((1, 0o000), (2, 0o644)):
        path = receive / file_name(parcel(number))
        path.write_bytes(parcel(number).data)
        path.chmod(mode)
    for folder in (send, receive):
        folder.chmod(0o555)
    steady = Clock()
    incoming = Incoming(TAG, steady=steady)
    with somebody_else():
        with pytest.raises(ChannelUnavailable, match="no permission"):
            Outgoing(TAG).send(resolve(send, TAG), file_name(parcel(3)), parcel(3))
        deliveries = incoming.take(resolve(receive, TAG), 9)
        assert [delivery.parcel for delivery in deliveries] == [parcel(2)]
        incoming.confirm(resolve(receive, TAG), tokens(deliveries))
        with pytest.raises(ChannelUnavailable, match=f"read .*{file_name(parcel(1))}: no permission"):
            incoming.take(resolve(receive, TAG), 9)
        steady.now += COPYING_SECONDS
        [unreadable] = incoming.take(resolve(receive, TAG), 9)
        assert "no permission" in (unreadable.problem or "")
        told = check(Settings(send, receive, TAG), ())
    assert [sentence for sentence in told if "write a trial file" in sentence]
    assert [sentence for sentence in told if file_name(parcel(1)) in sentence]
    for folder in (send, receive):
        folder.chmod(0o755)
