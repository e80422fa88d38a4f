"""When something was done, as it travels: information for people, never an order (PROTOCOL 2.2)."""

import re
from datetime import datetime

_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z", re.ASCII)


def is_moment(text: str) -> bool:
    """Whether this is a date and time in UTC that exists: RFC 3339, section 5.6, with ``T``, ``Z``, and a fraction of
    nine digits at most; no leap second, which few programs can read.
    """
    if _FORM.fullmatch(text) is None:
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
