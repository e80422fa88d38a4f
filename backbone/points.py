"""Named points at which a test kills this process, as a power failure would: ``make crash`` sweeps them.

``BACKBONE_DIES_AT="apply: written 3"`` ends it with SIGKILL at the third passing. Without that variable a point
compares two words and nothing else.
"""

import os
import signal

VARIABLE = "BACKBONE_DIES_AT"
_name, _, _count = os.environ.get(VARIABLE, "").rpartition(" ")
_left = int(_count) if _count.isdecimal() else 0


def passed(name: str) -> None:
    """Between two effects, of which the first is durable or has left the house."""
    if name == _name:
        _pass()


def _pass() -> None:
    global _left  # noqa: PLW0603 - one countdown for one process
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
