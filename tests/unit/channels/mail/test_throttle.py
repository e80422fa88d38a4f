import pytest

from channels.base import ChannelUnavailable
from channels.mail.throttle import Throttle, throttle_of


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_hour_and_a_day_are_kept() -> None:
    clock = Clock()
    throttle = Throttle("alice", clock)
    for _ in range(2):
        throttle.take(2, 3)
    with pytest.raises(ChannelUnavailable, match=r"alice has sent the 2 mails that per_hour allows: .* at \d{4}-"):
        throttle.take(2, 3)
    clock.now = 3601
    throttle.take(2, 3)
    with pytest.raises(ChannelUnavailable, match="per_day"):
        throttle.take(2, 3)
    clock.now = 86_401
    throttle.take(2, 3)


def test_a_mail_that_did_not_leave_does_not_count() -> None:
    throttle = Throttle("alice", Clock())
    throttle.give_back(throttle.take(1, 1))
    assert throttle.take(1, 1) == 0.0


def test_links_of_one_account_count_together() -> None:
    assert throttle_of("u@x.example") is throttle_of("u@x.example")
    assert throttle_of("u@x.example") is not throttle_of("v@x.example")
