"""The two servers together, their accounts, and the switches for failures."""

import os
import secrets
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from backbone.demo.mailstack import accounts, dovecot, postfix
from backbone.demo.mailstack.accounts import Account
from backbone.demo.mailstack.certificates import make_certificates
from backbone.demo.mailstack.errors import MailStackError, MailStackNotHere
from backbone.demo.mailstack.policy import REFUSED, Policy, PolicyServer
from backbone.demo.mailstack.server import Server
from backbone.demo.mailstack.settings import HOST, Places, Ports, Settings, free_ports

ServerWord = Literal["dovecot", "postfix"]
FOLDER_CHARACTERS_MAX = 70
"""Sockets have names of at most 107 bytes (unix(7)), and lie up to 35 characters deeper."""
START_TRIES = 3
"""Between choosing a port and listening on it, another stack may take it."""
SESSIONS: dict[str, tuple[ServerWord, str]] = {
    "imap": ("dovecot", "dovecot/imap "),
    "lmtp": ("dovecot", "dovecot/lmtp "),
    "smtp": ("postfix", "smtpd "),
}


class MailStack:
    """Two servers and whatever they write, in one folder. A context manager, or ``start`` and ``stop``.

    The folder and those above it must be searchable for everybody, because the servers give up root's rights for
    most of their work. Accounts and mails stay in the folder when the servers stop. Not for two threads at once.
    """

    host = HOST

    def __init__(self, folder: Path, settings: Settings | None = None, ports: Ports | None = None) -> None:
        self.folder = folder.absolute()
        self.settings = settings or Settings()
        self._places = Places(self.folder)
        self._wanted = ports
        self.ports = ports or free_ports()
        self._policy = Policy()
        self._policy_server: PolicyServer | None = None
        self._key = b""
        self._servers: dict[ServerWord, Server] = {
            "dovecot": dovecot.server(self._places),
            "postfix": postfix.server(self._places),
        }

    @property
    def ca_file(self) -> Path:
        """Whom a client must trust to accept the servers' certificate."""
        return self._places.tls / "ca.pem"

    @property
    def client_certificate_file(self) -> Path:
        """One that the servers accept from a client."""
        return self._places.tls / "client.pem"

    @property
    def client_key_file(self) -> Path:
        return self._places.tls / "client.key"

    def start(self) -> None:
        """Returns when both answer; what an earlier stack left running in this folder is ended first.

        Raises ``MailStackNotHere`` and ``MailStackError``.
        """
        check_machine()
        check_folder(self.folder)
        places = self._places
        self.folder.mkdir(exist_ok=True)
        self.folder.chmod(0o755)
        for server in self._servers.values():
            server.stop()
        for folder in (places.users, places.homes, places.log, places.postfix, places.tls):
            folder.mkdir(exist_ok=True)
        make_certificates(places.tls)
        postfix.make_spool(places)
        for file in places.users.iterdir():
            self._policy.know(file.name)
        self._key = accounts.write_token_key(places)
        self._policy_server = PolicyServer(self._policy, places.private / postfix.POLICY_SOCKET)
        try:
            self._start_somewhere()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends both, and all that they started. A second call does nothing."""
        for server in self._servers.values():
            server.stop()
        if self._policy_server is not None:
            self._policy_server.close()
            self._policy_server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # accounts

    def add_account(self, address: str = "", password: str = "", quota_bytes: int | None = None) -> Account:
        """A mailbox, at once usable; a random address and password where none is given."""
        address = address or f"u{secrets.token_hex(4)}@mail.example"
        if "@" not in address:
            address = f"{address}@mail.example"
        account = Account(address, address, password or secrets.token_urlsafe(12))
        accounts.write_account(self._places, account, quota_bytes)
        self._policy.know(address)
        return account

    def set_quota(self, account: Account, quota_bytes: int | None) -> None:
        """How much the mailbox may hold from now on; ``None`` is no limit."""
        accounts.write_account(self._places, account, quota_bytes)
        self.restart("dovecot")

    def token(self, account: Account, seconds: float = 3600) -> str:
        """An access token for XOAUTH2 or OAUTHBEARER that both servers accept for so long; expired when negative."""
        return accounts.token(self._key, account.user, seconds)

    def put_mails(self, account: Account, mails: Iterable[bytes]) -> int:
        """Straight into INBOX, past SMTP: thousands in a second. Returns how many."""
        return accounts.put_mails(self._places, account.user, mails)

    def mails(self, account: Account, folder: str = "INBOX") -> list[bytes]:
        """What lies in a folder, read past IMAP: whole mails, in no order, lines that end with LF."""
        return accounts.read_mails(self._places, account.user, folder)

    def empty(self, account: Account) -> None:
        """As a person who deletes everything."""
        self.doveadm("expunge", "-u", account.user, "mailbox", "*", "all")

    def doveadm(self, *words: str) -> str:
        """What Dovecot's own tool prints (doveadm(1)); the way to look into a mailbox without IMAP."""
        command = ["/usr/bin/doveadm", "-c", str(self._places.dovecot), *words]
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - a system's program
        if done.returncode:
            raise MailStackError(f"doveadm {words[0]} failed: {done.stderr.strip()}")
        return done.stdout

    # failures

    def refuse(
        self, address: str, answer: str = REFUSED, times: int | None = None, *, after_data: bool = False
    ) -> None:
        """Postfix gives this answer to mail for that account, so many times or until ``accept``.

        At RCPT TO, or, with ``after_data``, after the final dot of a mail that has this recipient only.
        """
        self._policy.refuse(address, answer, times, after_data=after_data)

    def accept(self, address: str) -> None:
        """Ends ``refuse``."""
        self._policy.accept(address)

    def bounce(self, address: str) -> None:
        """Mail for this address, which no account has, is accepted and then returned to its sender (RFC 3464)."""
        self._policy.bounce(address)

    def stop_server(self, word: ServerWord, how: signal.Signals = signal.SIGTERM) -> None:
        """Only this one; connections to it break."""
        self._servers[word].stop(how)

    def start_server(self, word: ServerWord) -> None:
        """Again, on the same ports."""
        server = self._servers[word]
        if server.pid is None:
            if word == "dovecot":
                # Left by a killed one, the sockets in here make the first log-in wait for seconds.
                shutil.rmtree(self._places.run, ignore_errors=True)
                self._places.run.mkdir()
            server.start(self._ports_of(word))

    def restart(self, word: ServerWord) -> None:
        self.stop_server(word)
        self.start_server(word)

    def sessions(self, protocol: Literal["imap", "lmtp", "smtp"]) -> dict[int, str]:
        """Server processes that speak it, by id; an IMAP one's title names the user."""
        word, begin = SESSIONS[protocol]
        children = self._servers[word].children()
        return {pid: title for pid, title in children.items() if title.startswith(begin)}

    def idling(self, account: Account) -> bool:
        """Whether a client of this account waits in IDLE at this moment."""
        return any(account.user in title and "IDLE" in title for title in self.sessions("imap").values())

    def kill_sessions(self, protocol: Literal["imap", "lmtp", "smtp"]) -> int:
        """``kill -9`` of those processes, while the server itself goes on; returns how many."""
        found = self.sessions(protocol)
        for pid in found:
            os.kill(pid, signal.SIGKILL)
        return len(found)

    @contextmanager
    def changed(self, **changes: object) -> Iterator[None]:
        """Both servers started again with other settings, and with the former ones afterwards."""
        before = self.settings
        self._use(replace(before, **changes))  # type: ignore[arg-type] # replace() checks the names
        try:
            yield
        finally:
            self._use(before)

    # inside

    def _use(self, settings: Settings) -> None:
        self.settings = settings
        for word in self._servers:
            self.stop_server(word)
        self._write()
        for word in self._servers:
            self.start_server(word)

    def _write(self) -> None:
        dovecot.write_dovecot(self._places, self.ports, self.settings)
        postfix.write_postfix(self._places, self.ports, self.settings)

    def _ports_of(self, word: ServerWord) -> tuple[int, int]:
        ports = self.ports
        return (ports.imap, ports.imaps) if word == "dovecot" else (ports.smtp, ports.smtps)

    def _start_somewhere(self) -> None:
        for last in reversed(range(START_TRIES)):
            try:
                self._use(self.settings)
            except MailStackError:
                if last == 0 or self._wanted is not None:
                    raise
                self.ports = free_ports()
            else:
                return


def check_machine() -> None:
    """Raises ``MailStackNotHere`` when the servers cannot run: one sentence."""
    programs = (dovecot.PROGRAM, "/usr/lib/dovecot/imap", "/usr/lib/dovecot/lmtp", postfix.PROGRAM)
    missing = [program for program in programs if not Path(program).exists()]
    if missing:
        raise MailStackNotHere(f"the mail servers are not installed ({missing[0]} is missing): run 'make setup'")
    if os.geteuid() != 0:
        raise MailStackNotHere("Postfix can only be started by root: run this as root, with sudo or in a container")


def check_folder(folder: Path) -> None:
    """Raises ``MailStackNotHere`` when the servers could not work in it: one sentence."""
    if len(str(folder)) > FOLDER_CHARACTERS_MAX:
        raise MailStackNotHere(
            f"the path {folder} is too long for the mail servers' sockets: "
            f"choose one of at most {FOLDER_CHARACTERS_MAX} characters"
        )
    for above in folder.parents:
        if above.exists() and not above.stat().st_mode & stat.S_IXOTH:
            raise MailStackNotHere(
                f"the mail servers' users cannot reach {folder}: "
                f"choose another folder, or allow it with 'chmod o+x {above}'"
            )
