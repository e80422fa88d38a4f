"""What Postfix is told to answer for a recipient, at each mail anew (SMTPD_POLICY_README: the delegation protocol)."""

import socketserver
import threading
from dataclasses import dataclass, field
from pathlib import Path

GREYLISTED = "450 4.7.1 Greylisted, try again later"
REFUSED = "550 5.7.1 Refused by policy"
FULL = "552 5.2.2 Mailbox is full"
_UNKNOWN = "550 5.1.1 There is no such mailbox here"
_PASS = "DUNNO"  # noqa: S105 - Postfix's word
_LINE_BYTES_MAX = 4096


@dataclass
class _Refusal:
    answer: str
    times: int | None
    after_data: bool


@dataclass
class Policy:
    """Who is known, and who is refused how often. Shared with the threads that answer Postfix."""

    _known: set[str] = field(default_factory=set)
    _bouncing: set[str] = field(default_factory=set)
    _refusals: dict[str, _Refusal] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def know(self, address: str) -> None:
        with self._lock:
            self._known.add(address)

    def bounce(self, address: str) -> None:
        with self._lock:
            self._bouncing.add(address)

    def refuse(self, address: str, answer: str, times: int | None, *, after_data: bool) -> None:
        with self._lock:
            self._refusals[address] = _Refusal(answer, times, after_data)

    def accept(self, address: str) -> None:
        with self._lock:
            self._refusals.pop(address, None)

    def answer(self, recipient: str, *, after_data: bool) -> str:
        """What Postfix says to a mail for this recipient; counts a refusal that is given."""
        name, _, domain = recipient.rpartition("@")
        address = f"{name.partition('+')[0]}@{domain}"
        with self._lock:
            refusal = self._refusals.get(address)
            if refusal is not None and refusal.after_data == after_data and refusal.times != 0:
                if refusal.times is not None:
                    refusal.times -= 1
                return refusal.answer
            return _PASS if after_data or address in self._known | self._bouncing else _UNKNOWN


class _Conversation(socketserver.StreamRequestHandler):
    """One smtpd process asks, as often as it likes: ``name=value`` lines and an empty one."""

    def handle(self) -> None:
        asked: dict[str, str] = {}
        policy: Policy = self.server.policy  # type: ignore[attr-defined] # set in serve()
        while line := self.rfile.readline(_LINE_BYTES_MAX):
            name, _, value = line.decode("utf-8", "replace").rstrip("\n").partition("=")
            if name:
                asked[name] = value
                continue
            after_data = asked.get("protocol_state") == "END-OF-MESSAGE"
            action = policy.answer(asked.get("recipient", ""), after_data=after_data)
            self.wfile.write(f"action={action}\n\n".encode())
            asked = {}


class PolicyServer:
    """Answers at a socket while it is open."""

    def __init__(self, policy: Policy, socket_file: Path) -> None:
        self._file = socket_file
        socket_file.unlink(missing_ok=True)
        self._server = socketserver.ThreadingUnixStreamServer(str(socket_file), _Conversation)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._server.policy = policy  # type: ignore[attr-defined] # read by _Conversation
        socket_file.chmod(0o666)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="mail-policy", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._file.unlink(missing_ok=True)
