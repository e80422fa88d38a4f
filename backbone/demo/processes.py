"""Programs in the background: started, killed, stopped; found again by the next demo."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

STOP_SECONDS = 20.0
"""A node that is told to stop finishes what is under way."""


class Processes:
    """What runs, by a word for each. The ids stand in a file, so that the next demo can stop what this one left."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def ids(self) -> list[int]:
        return [process.pid for process in self._running.values()]

    @property
    def words(self) -> list[str]:
        return list(self._running)

    def start(self, word: str, command: Sequence[str], log: Path) -> None:
        """In its own session, so that Ctrl-C at the demo does not reach it; what it says goes into ``log``."""
        with log.open("ab") as output:
            self._running[word] = subprocess.Popen(  # noqa: S603 - our own programs
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        self._note()

    def ended(self, word: str) -> bool:
        """Whether it ended by itself."""
        return self._running[word].poll() is not None

    def kill(self, word: str) -> None:
        """As a power failure would: at once, and without a word to it."""
        process = self._running.pop(word)
        process.kill()
        process.wait()
        self._note()

    def stop(self, *words: str) -> None:
        """Told to stop, in order, all at the same time; killed when they do not."""
        stopping = [self._running.pop(word) for word in words]
        for process in stopping:
            process.terminate()
        for process in stopping:
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._note()

    def stop_all(self, *first: str) -> None:
        """Everything; what ``first`` names before the rest, because it uses the rest to end what is under way."""
        self.stop(*(word for word in first if word in self._running))
        self.stop(*self._running)

    def _note(self) -> None:
        lines = [f"{process.pid} {_born(process.pid)}\n" for process in self._running.values()]
        self._file.write_text("".join(lines), encoding="utf-8")


def stop_earlier(file: Path) -> int:
    """End what an earlier demo left running; returns how many programs that were."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return 0
    found = []
    for line in lines:
        word, _, born = line.partition(" ")
        if word.isdecimal() and born and _born(int(word)) == born:
            found.append(int(word))
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(word), signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    alive = found
    while alive and time.monotonic() < deadline:
        alive = [pid for pid in alive if _born(pid)]
        time.sleep(0.05)
    for stubborn in alive:
        with contextlib.suppress(ProcessLookupError):
            os.kill(stubborn, signal.SIGKILL)
    return len(found)


def _born(pid: int) -> str:
    """When a process began, as its system tells it: ids are used again, so the id alone does not name a process.

    Empty for one that is gone or dead (proc(5), ``/proc/PID/stat``, fields 3 and 22).
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] in "ZX" else fields[19]


def stop_agents(node: Path) -> None:
    """GnuPG's agents outlive whoever asked for them."""
    for home in (node / "g").glob("*/"):
        subprocess.run(  # noqa: S603 - GnuPG's own program
            ["gpgconf", "--homedir", str(home), "--kill", "all"],  # noqa: S607
            check=False,
            capture_output=True,
        )
