"""The memory of what lies in SEND."""

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from channels.base import Label
from channels.directory.lying import Lying
from tests.contract.channels import ALICE, TAG, parcel
from tests.unit.channels.directory.conftest import file_name

UPTO_FIVE = Label(TAG, ALICE, "c", 5)


@given(st.lists(st.integers(min_value=1, max_value=10**16 - 1)), st.integers(min_value=0, max_value=10**16 - 1))
def test_exactly_those_up_to_the_number_are_taken_in_order(numbers: list[int], upto: int) -> None:
    lying = Lying()
    lying.add(file_name(parcel(number)) for number in numbers)
    wanted = [file_name(parcel(number)) for number in sorted(numbers)]
    reached = sum(number <= upto for number in numbers)
    assert lying.take(dataclasses.replace(UPTO_FIVE, number=upto)) == wanted[:reached]
    assert lying.take(dataclasses.replace(UPTO_FIVE, number=10**16 - 1)) == wanted[reached:]


def test_other_streams_are_apart() -> None:
    lying = Lying()
    lying.add([file_name(parcel(1, "b")), file_name(parcel(1, incarnation="b0b00001")), file_name(parcel(1))])
    assert lying.take(UPTO_FIVE) == [file_name(parcel(1))]


def test_what_was_taken_or_cleared_is_not_named_again() -> None:
    lying = Lying()
    lying.add([file_name(parcel(1))])
    lying.take(UPTO_FIVE)
    lying.add([file_name(parcel(2))])
    lying.clear()
    assert lying.take(UPTO_FIVE) == []


def test_unnumbered_parcels_do_not_gather() -> None:
    lying = Lying()
    lying.add([file_name(parcel(0))])
    assert lying.take(UPTO_FIVE) == []
