"""When a refused change set is tried again without a person: a pure schedule, so that it survives any restart."""

MINUTE, HOUR = 60.0, 3600.0

RETRIES_AFTER_SECONDS = (15 * MINUTE, HOUR, 4 * HOUR, 12 * HOUR, 24 * HOUR, 24 * HOUR, 24 * HOUR)
"""What may heal by itself: somebody makes the missing value, gives a right, mends the workflow; mostly within a day,
and after a long weekend it is a person's turn.
"""


def retry_after(attempts: int) -> float | None:
    """Seconds from attempt number ``attempts`` (1 is the first) to the next; ``None`` when a person is waited for."""
    return RETRIES_AFTER_SECONDS[attempts - 1] if attempts <= len(RETRIES_AFTER_SECONDS) else None


def next_try(attempts: int, now: float) -> float | None:
    """When the next attempt is made, in seconds since 1970."""
    wait = retry_after(attempts)
    return None if wait is None else now + wait
