"""What is handed over from RECEIVE, in which order, and what is left alone."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from channels.base import ChannelUnavailable, Delivery
from channels.directory import connect
from channels.directory.incoming import Incoming
from channels.directory.limits import (
    COPYING_EAGER_SECONDS,
    COPYING_LOOK_SECONDS,
    COPYING_SECONDS,
    LIMITS,
    LISTING_SECONDS,
    PREFIX_BYTES,
)
from channels.directory.place import resolve
from tests.contract.channels import TAG, parcel, tokens
from tests.unit.channels.directory.conftest import Share, file_name


def numbers(deliveries: Sequence[Delivery]) -> list[tuple[str, int]]:
    return [(delivery.parcel.label.lane, delivery.parcel.label.number) for delivery in deliveries]


async def test_order_is_by_number_whatever_the_times_say(share: Share) -> None:
    for age, number in enumerate((3, 10, 2, 1)):
        os.utime(share.plant(parcel(number)), (age, age))
    assert numbers(await share.bob.receive(99)) == [("c", 1), ("c", 2), ("c", 3), ("c", 10)]


async def test_a_lane_of_attachments_does_not_hold_back_the_others(share: Share) -> None:
    for number in range(1, 6):
        share.plant(parcel(number, "b"))
    share.plant(parcel(1, "c"))
    share.plant(parcel(0, "k"))
    assert numbers(await share.bob.receive(3)) == [("k", 0), ("c", 1), ("b", 1)]


async def test_what_is_not_a_parcel_of_this_link_stays_untouched(share: Share) -> None:
    good = file_name(parcel(1))
    foreign = [
        ".tmp-0123", f".{good}.Xa12b3", f"{good}.part", f"{good}~", f"{good[:-4]} (1).bbm",
        f"{good[:-4]}.sync-conflict-20261121-042000-ABCDEFG.bbm", "README.txt", "Thumbs.db",
        good.replace(TAG, "f" * 16), good.replace("1of1", "1of2"),
    ]  # fmt: skip
    for name in foreign:
        (share.there / name).write_bytes(parcel(1).data)
    assert await share.bob.receive(99) == []
    share.plant(parcel(1))
    await share.bob.confirm(tokens(await share.bob.receive(99)))
    assert {path.name for path in share.there.iterdir()} == {*foreign, ".done", f".backbone-{TAG}"}


async def test_planted_links_fifos_and_directories_are_passed_over(share: Share, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(parcel(1).data)
    (share.there / file_name(parcel(1))).symlink_to(tmp_path / "secret")
    os.mkfifo(share.there / file_name(parcel(2)))
    (share.there / file_name(parcel(3))).mkdir()
    share.plant(parcel(4))
    assert numbers(await share.bob.receive(99)) == [("c", 4)]


async def test_a_half_written_file_waits_until_it_is_whole(share: Share) -> None:
    whole = parcel(1).data
    path = share.plant(parcel(1), whole[:100])
    assert await share.bob.receive(99) == []
    with path.open("ab") as file:
        file.write(whole[100:])
    assert [delivery.parcel for delivery in await share.bob.receive(99)] == [parcel(1)]


async def test_a_preallocated_file_waits_although_size_and_time_are_final(share: Share) -> None:
    path = share.plant(parcel(1), bytes(len(parcel(1).data)))
    os.utime(path, (1, 1))
    share.plant(parcel(2))
    assert numbers(await share.bob.receive(99)) == [("c", 2)]
    with path.open("r+b") as file:
        file.write(parcel(1).data)
    os.utime(path, (1, 1))
    assert numbers(await share.bob.receive(99)) == [("c", 1)]


async def test_a_file_that_stays_wrong_for_an_hour_is_handed_over_with_its_problem(share: Share) -> None:
    os.utime(share.plant(parcel(1), b"damaged"), (1, 1))
    assert await share.bob.receive(99) == []
    share.steady.now += COPYING_SECONDS - 1
    assert await share.bob.receive(99) == []
    share.steady.now += COPYING_LOOK_SECONDS
    [delivery] = await share.bob.receive(99)
    assert (delivery.parcel.label, delivery.parcel.data) == (parcel(1).label, b"damaged")
    assert "not what its name promises" in (delivery.problem or "")
    await share.bob.confirm([delivery.token])
    assert share.parcels() == []


async def test_the_hour_begins_again_for_a_file_that_was_away(share: Share) -> None:
    path = share.plant(parcel(1), b"damaged")
    await share.bob.receive(99)
    path.unlink()
    share.steady.now += COPYING_SECONDS
    await share.bob.receive(99)
    share.plant(parcel(1), b"damaged")
    assert await share.bob.receive(99) == []


async def test_a_file_that_stays_wrong_is_not_read_at_every_scan_but_now_and_then(share: Share) -> None:
    path = share.plant(parcel(1), bytes(len(parcel(1).data)))
    os.utime(path, (1, 1))
    assert await share.bob.receive(99) == []
    share.steady.now += COPYING_EAGER_SECONDS
    with path.open("r+b") as file:
        file.write(parcel(1).data)
    os.utime(path, (1, 1))
    assert await share.bob.receive(99) == []
    share.steady.now += COPYING_LOOK_SECONDS
    assert numbers(await share.bob.receive(99)) == [("c", 1)]


async def test_a_change_is_seen_at_once_also_later(share: Share) -> None:
    path = share.plant(parcel(1), b"half")
    await share.bob.receive(99)
    share.steady.now += COPYING_EAGER_SECONDS
    path.write_bytes(parcel(1).data)
    assert numbers(await share.bob.receive(99)) == [("c", 1)]


async def test_an_oversized_file_comes_as_a_problem_with_a_prefix(share: Share) -> None:
    with share.plant(parcel(1)).open("r+b") as file:
        file.truncate(LIMITS.parcel_bytes_max + 1)
    share.plant(parcel(2))
    huge, fine = await share.bob.receive(99)
    assert len(huge.parcel.data) == PREFIX_BYTES
    assert "larger than" in (huge.problem or "")
    assert fine.problem is None


async def test_one_call_is_bounded_in_bytes_too(share: Share) -> None:
    for number in (1, 2, 3):
        share.plant(parcel(number, data=bytes([number]) * LIMITS.parcel_bytes_max))
    assert numbers(await share.bob.receive(99)) == [("c", 1), ("c", 2)]
    assert numbers(await share.bob.receive(99)) == [("c", 3)]


async def test_what_came_since_the_listing_is_found_when_the_rest_is_used_up(share: Share) -> None:
    for number in (1, 2):
        share.plant(parcel(number))
    assert numbers(await share.bob.receive(1)) == [("c", 1)]
    share.plant(parcel(3))
    assert numbers(await share.bob.receive(99)) == [("c", 2), ("c", 3)]


async def test_control_does_not_wait_long_behind_a_backlog(share: Share) -> None:
    for number in range(1, 6):
        share.plant(parcel(number, "b"))
    await share.bob.receive(1)
    share.plant(parcel(0, "k"))
    share.steady.now += LISTING_SECONDS
    assert numbers(await share.bob.receive(1)) == [("k", 0)]


async def test_a_confirmed_name_that_is_copied_here_again_is_handed_over_again(share: Share) -> None:
    share.plant(parcel(1))
    await share.bob.confirm(tokens(await share.bob.receive(99)))
    share.plant(parcel(1))
    assert numbers(await share.bob.receive(99)) == [("c", 1)]


async def test_what_cannot_be_moved_is_remembered_and_comes_again_after_a_restart(share: Share) -> None:
    (share.there / ".done").symlink_to(share.back)
    share.plant(parcel(1))
    await share.bob.confirm(tokens(await share.bob.receive(99)))
    assert share.parcels() == [file_name(parcel(1))]
    assert await share.bob.receive(99) == []
    restarted = connect(share.bob_settings)
    assert numbers(await restarted.receive(99)) == [("c", 1)]
    await restarted.close()


async def test_what_could_not_be_moved_is_handed_over_again_when_it_was_away_in_between(share: Share) -> None:
    (share.there / ".done").symlink_to(share.back)
    path = share.plant(parcel(1))
    await share.bob.confirm(tokens(await share.bob.receive(99)))
    path.unlink()
    assert await share.bob.receive(99) == []
    share.plant(parcel(1))
    assert numbers(await share.bob.receive(99)) == [("c", 1)]


async def test_what_could_not_be_stored_comes_before_what_follows_it(share: Share) -> None:
    for number in (1, 2, 3):
        share.plant(parcel(number))
    await share.bob.forget(tokens(await share.bob.receive(1)))
    assert numbers(await share.bob.receive(1)) == [("c", 1)]


async def test_a_delivery_that_never_reached_the_caller_comes_again(share: Share) -> None:
    share.plant(parcel(1))
    incoming = Incoming(TAG)
    place = resolve(share.there, TAG)
    assert numbers(incoming.take(place, 9)) == [("c", 1)]
    assert numbers(incoming.take(place, 9)) == [("c", 1)]


async def test_ten_thousand_files_come_in_order_and_once(share: Share) -> None:
    count = 10_000
    for number in range(count, 0, -1):
        share.plant(parcel(number, data=number.to_bytes(4, "big")))
    seen: list[tuple[str, int]] = []
    while deliveries := await share.bob.receive(700):
        seen += numbers(deliveries)
        await share.bob.confirm(tokens(deliveries))
    assert seen == [("c", number) for number in range(1, count + 1)]
    assert share.parcels() == []


async def test_a_vanished_directory_is_never_an_empty_answer(share: Share) -> None:
    incoming = Incoming(TAG)
    place = resolve(share.there, TAG)
    share.there.rename(share.there.with_name("aside"))
    with pytest.raises(ChannelUnavailable, match="cannot list"):
        incoming.take(place, 9)
