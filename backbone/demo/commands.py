"""The command line as an admin types it: shown, then run in a process of its own."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from backbone.errors import BackboneError

COMMAND_SECONDS_MAX = 180.0
"""An audit of some thousand issues, on a slow machine."""


class Commands:
    """Runs ``backbone``; ``show`` is given each command line before it runs, ``say`` what it answered."""

    def __init__(self, show: Callable[[str], None], say: Callable[[str], None]) -> None:
        self._show = show
        self._say = say

    def run(self, *arguments: object, expected: Sequence[int] = (0,)) -> str:
        """What it printed. Raises ``BackboneError`` when it ended with another code than expected."""
        self.show(*arguments)
        done = _run(arguments, expected)
        for line in done.splitlines():
            self._say(line.rstrip())
        return done

    def show(self, *arguments: object, background: bool = False) -> None:
        """The command line as a person would type it."""
        line = "backbone " + shlex.join(_short(argument) for argument in arguments)
        self._show(f"{line} &" if background else line)


def program() -> list[str]:
    """How this very installation's ``backbone`` is started."""
    script = Path(sys.executable).with_name("backbone")
    if script.is_file():
        return [str(script)]
    return [sys.executable, "-c", "from backbone.cli import main; main()"]


def _run(arguments: Sequence[object], expected: Sequence[int]) -> str:
    words = [str(argument) for argument in arguments]
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            [*program(), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_SECONDS_MAX,
            env={**os.environ, "COLUMNS": "120", "NO_COLOR": "1"},
        )
    except subprocess.TimeoutExpired as error:
        raise BackboneError(f"`backbone {shlex.join(words)}` did not end in {COMMAND_SECONDS_MAX:.0f} s") from error
    if done.returncode not in expected:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-12:]
        raise BackboneError(f"`backbone {shlex.join(words)}` ended with {done.returncode}:\n" + "\n".join(said))
    return done.stdout


def _short(argument: object) -> str:
    """Paths as they look from where the person stands."""
    if isinstance(argument, Path):
        try:
            return str(argument.relative_to(Path.cwd()))
        except ValueError:
            pass
    return str(argument)
