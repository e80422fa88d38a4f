"""How long a link rests after trouble: what may heal is tried soon, what waits for a person seldom."""

from collections.abc import Sequence

import pytest

from backbone.errors import TrackerUnavailable
from backbone.service.running.pausing import BACK_OFF_SECONDS_MAX, PERSON_SECONDS, PERSON_SECONDS_MAX, pause_after
from channels.base import ChannelError, ChannelRefused, ChannelUnavailable


def pauses(errors: Sequence[BaseException], count: int = 12) -> list[float]:
    """One trouble after the other, each soon after the link was served again."""
    found = [0.0]
    for _ in range(count):
        found.append(pause_after(errors, found[-1], served_seconds=2.0))
    return found[1:]


@pytest.mark.parametrize("error", [ChannelUnavailable("away"), TrackerUnavailable("away"), OSError("away")])
def test_what_may_heal_is_tried_each_minute_at_least(error: BaseException) -> None:
    found = pauses([error])
    assert found[0] == 1.0
    assert found == sorted(found)
    assert found[-1] == BACK_OFF_SECONDS_MAX


@pytest.mark.parametrize("error", [ChannelError("wrong password"), ChannelRefused("too large")])
def test_what_waits_for_a_person_is_tried_seldom(error: BaseException) -> None:
    found = pauses([ChannelUnavailable("away"), error])
    assert found[0] == PERSON_SECONDS
    assert sum(found[:6]) > 900, "six log-ins take a quarter of an hour"
    assert found[-1] == PERSON_SECONDS_MAX


def test_a_link_that_was_served_well_meanwhile_begins_anew() -> None:
    error = ChannelUnavailable("away")
    assert pause_after([error], BACK_OFF_SECONDS_MAX, served_seconds=3600.0) == pauses([error])[0]
