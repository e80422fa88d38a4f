"""A share that hangs holds one thread, not the loop, and not one more for every retry."""

import asyncio
import threading

import pytest

from channels.base import ChannelUnavailable
from channels.directory.patience import Patience


async def test_results_and_errors_come_through() -> None:
    patience = Patience(1, "/srv/SEND")
    assert await patience.run(0, divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await patience.run(0, divmod, 7, 0)
    patience.close()


async def test_a_hang_is_left_and_no_other_thread_follows_it_until_it_ends() -> None:
    patience = Patience(2, "/srv/SEND", seconds=0.01)
    server, answered = threading.Event(), threading.Event()

    def hang() -> None:
        server.wait(20)
        answered.set()

    with pytest.raises(ChannelUnavailable, match="did not answer within"):
        await patience.run(0, hang)
    with pytest.raises(ChannelUnavailable, match="still does not answer"):
        await patience.run(20, int)
    server.set()
    assert await asyncio.to_thread(answered.wait, 20)
    patience.close()


async def test_after_the_hang_work_goes_on() -> None:
    patience = Patience(1, "/srv/SEND", seconds=0.01)
    server = threading.Event()
    with pytest.raises(ChannelUnavailable):
        await patience.run(0, server.wait, 20)
    [late] = patience._late
    server.set()
    late.result(20)
    assert await patience.run(20, int) == 0
    patience.close()


async def test_a_closed_one_says_so() -> None:
    patience = Patience(1, "/srv/SEND")
    patience.close()
    with pytest.raises(ChannelUnavailable, match="closed"):
        await patience.run(0, int)
