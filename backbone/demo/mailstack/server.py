"""One of the two servers: started in the foreground, found again by its id, stopped with all of its children."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from backbone.demo.mailstack.errors import MailStackError
from backbone.demo.mailstack.settings import HOST

START_SECONDS = 15.0
STOP_SECONDS = 0.3
"""A server that is told to stop waits for its sessions; we do not wait for it longer."""
GONE_SECONDS = 10.0
LOG_LINES = 5
_STEP_SECONDS = 0.01


@dataclass
class Server:
    """``config`` stands in its command line: an id counts as ours only while it does, because ids are used again."""

    word: str
    command: Sequence[str]
    config: Path
    id_file: Path
    log: Path
    sockets: Sequence[Path] = ()
    """Unix sockets that answer when it is up: Dovecot opens them a moment after its ports."""
    environment: Mapping[str, str] = field(default_factory=dict)
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def pid(self) -> int | None:
        """Of its master process, while that lives."""
        try:
            pid = int(self.id_file.read_text(encoding="ascii"))
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return pid if os.fsencode(self.config) in command.split(b"\0") and _alive(pid) else None

    def start(self, ports: Sequence[int]) -> None:
        """Returns when these ports and its sockets answer. Raises ``MailStackError`` if they do not."""
        assert self.pid is None
        for port in ports:
            if _answers(port):
                raise MailStackError(f"{self.word} cannot listen on port {port}: another program does; choose another")
        with (self.log / f"{self.word}.out").open("ab") as output:
            # In a session of its own: Ctrl-C does not reach it, and all of its children are one group.
            self._process = subprocess.Popen(  # noqa: S603 - a system's program with our own words
                self.command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", **self.environment},
            )  # fmt: skip
        self.id_file.write_text(f"{self._process.pid}\n", encoding="ascii")
        deadline = time.monotonic() + START_SECONDS
        while not (all(map(_answers, ports)) and all(map(_answers, self.sockets))):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop(signal.SIGKILL)
                raise MailStackError(f"{self.word} did not start; the end of its log says: {self._last_words()}")
            time.sleep(_STEP_SECONDS)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ends it and its children; those that do not want to end are killed."""
        pid = self.pid
        if pid is not None:
            os.kill(pid, how)
            _wait(partial(_alive, pid), 0 if how == signal.SIGKILL else STOP_SECONDS)
        pid = pid or (self._process.pid if self._process else None)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
            self._process = None
        if pid is not None and not _wait(lambda: any(_group(pid)), GONE_SECONDS):
            raise MailStackError(f"{self.word} does not end; see its process group {pid}")
        self.id_file.unlink(missing_ok=True)

    def children(self) -> dict[int, str]:
        """Its processes by id, each with its title."""
        pid = self.pid
        if pid is None:
            return {}
        found = {child: _title(child) for child in _group(pid) if child != pid}
        return {child: title for child, title in found.items() if title}

    def _last_words(self) -> str:
        lines: list[str] = []
        for name in (f"{self.word}.out", f"{self.word}.log"):
            with contextlib.suppress(OSError):
                lines += (self.log / name).read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
        return " / ".join(lines) or "(nothing)"


def _answers(place: int | Path) -> bool:
    """Whether somebody listens at a port or a unix socket."""
    if isinstance(place, Path):
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(place)) == 0
    with socket.socket() as probe:
        return probe.connect_ex((HOST, place)) == 0


def _wait(still: Callable[[], bool], seconds: float) -> bool:
    """Whether a state ended within that time."""
    deadline = time.monotonic() + seconds
    while still():
        if time.monotonic() > deadline:
            return False
        time.sleep(_STEP_SECONDS)
    return True


def _stat(pid: int | str) -> list[str]:
    """State, parent, group and so on; empty when it is gone (proc(5), ``/proc/PID/stat`` from field 3)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def _alive(pid: int | str) -> bool:
    """A dead one whose parent has not noticed yet is dead."""
    return (_stat(pid) or ["X"])[0] not in "ZX"


def _group(group: int) -> list[int]:
    """The living members of a process group."""
    return [
        int(entry)
        for entry in os.listdir("/proc")  # noqa: PTH208 - names only, as fast as it goes
        if entry.isdecimal() and (stat := _stat(entry)) and stat[2] == str(group) and stat[0] not in "ZX"
    ]


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        return ""
