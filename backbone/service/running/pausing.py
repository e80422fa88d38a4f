"""How long to wait after trouble before the next try. Pure."""

from collections.abc import Sequence

from channels.base import ChannelError, ChannelUnavailable

BACK_OFF_SECONDS = 1.0
BACK_OFF_SECONDS_MAX = 60.0
"""A tracker or share that comes back is noticed within a minute."""
PERSON_SECONDS = 15.0
PERSON_SECONDS_MAX = 900.0
"""What waits for a person is tried seldom: a few wrong log-ins lock an account. A command wakes us."""


def pause_after(errors: Sequence[BaseException], last: float, served_seconds: float) -> float:
    """Seconds until the next try; ``last`` is how long we waited the time before."""
    for_a_person = any(isinstance(e, ChannelError) and not isinstance(e, ChannelUnavailable) for e in errors)
    first, most = (PERSON_SECONDS, PERSON_SECONDS_MAX) if for_a_person else (BACK_OFF_SECONDS, BACK_OFF_SECONDS_MAX)
    if served_seconds > BACK_OFF_SECONDS_MAX:  # what was wrong before is over
        return first
    return min(max(2 * last, first), most)
