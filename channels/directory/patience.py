"""Blocking work in threads of this link's own, with an end to waiting.

A dead share holds a system call for hours. It must hold one thread of one link: not the event loop, not
the other links, and not one more thread (and parcel in memory) for every retry.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from channels.base import ChannelUnavailable
from channels.directory.limits import PATIENCE_SECONDS

P = ParamSpec("P")
T = TypeVar("T")


class Patience:
    """A few threads. ``what`` is what they work on, for the sentence."""

    def __init__(self, threads: int, what: str, seconds: float = PATIENCE_SECONDS) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="directory")
        self._what = what
        self._seconds = seconds
        self._late: set[Future[object]] = set()
        self._closed = False

    async def run(self, extra_seconds: float, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """What ``work`` returns or raises. Raises ``ChannelUnavailable`` when it takes too long, and at once
        as long as earlier work has not come back.
        """
        if self._closed:
            raise ChannelUnavailable(f"the channel to {self._what} is closed")
        if any(not future.done() for future in self._late):
            raise ChannelUnavailable(f"{self._what} still does not answer: look at the share's server and the mount")
        self._late.clear()
        future = self._pool.submit(work, *args, **kwargs)
        try:
            async with asyncio.timeout(self._seconds + extra_seconds):
                return await asyncio.wrap_future(future)
        except TimeoutError as error:
            if not future.done():
                self._late.add(future)  # type: ignore[arg-type]  # only asked whether it is done
            raise ChannelUnavailable(
                f"{self._what} did not answer within {self._seconds + extra_seconds:.0f} seconds: "
                "look at the share's server and the mount"
            ) from error

    def close(self) -> None:
        """Let idle threads end, and those at work when they come back."""
        self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)
