"""How many mails an account may still send. What was sent is remembered for the process, by account: several links may
share one, and a link that is opened anew goes on counting.
"""

import time
from collections import deque
from collections.abc import Callable
from datetime import datetime

from channels.base import ChannelUnavailable
from channels.mail.limits import DAY_SECONDS, HOUR_SECONDS


class Throttle:
    """One account's count. ``steady`` never jumps."""

    def __init__(self, account: str, steady: Callable[[], float] = time.monotonic) -> None:
        self._account = account
        self._steady = steady
        self._sent: deque[float] = deque()

    def take(self, per_hour: int, per_day: int) -> float:
        """Count one mail; the answer is for ``give_back``. Raises ``ChannelUnavailable`` with the time to go on."""
        now = self._steady()
        while self._sent and self._sent[0] <= now - DAY_SECONDS:
            self._sent.popleft()
        for most, seconds, word in ((per_hour, HOUR_SECONDS, "hour"), (per_day, DAY_SECONDS, "day")):
            if len(self._sent) >= most and (wait := self._sent[-most] + seconds - now) > 0:
                raise ChannelUnavailable(
                    f"{self._account} has sent the {most} mails that per_{word} allows: it goes on at {_clock(wait)}"
                )
        self._sent.append(now)
        return now

    def give_back(self, taken: float) -> None:
        """That mail did not leave."""
        if taken in self._sent:
            self._sent.remove(taken)


def _clock(wait: float) -> str:
    """When that is, by the clock on the wall."""
    return datetime.fromtimestamp(time.time() + wait).astimezone().strftime("%Y-%m-%d %H:%M")


_accounts: dict[str, Throttle] = {}


def throttle_of(account: str) -> Throttle:
    """The process's one count for this account."""
    return _accounts.setdefault(account, Throttle(account))
