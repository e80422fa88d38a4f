"""A demo over mail: Postfix and Dovecot of its own, and an account for each company."""

import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from backbone.demo.commands import Commands
from backbone.demo.mailstack import MailStack, MailStackError, MailStackNotHere, check_folder, check_machine
from backbone.demo.mailstack.standing import Standing, read
from backbone.demo.processes import Processes
from backbone.demo.scene import Company, Scene
from backbone.demo.screen import Screen
from backbone.errors import UsageError

WORD = "mail"
"""The servers' place among the programs of the demo, and the name of their folder."""
START_SECONDS = 60.0
"""A CA and its certificates are made first."""
LOOK_SECONDS = 0.05
QUICK = """\
# For a demonstration, where nobody pays for mails and somebody waits. A real account does without these lines:
# by default changes gather for longer, so that fewer mails leave, and a provider's limits are kept.
linger_seconds = 1
ack_delay_seconds = 2
resend_floor_seconds = 30
per_hour = 100000
per_day = 100000

"""
_LEFT = re.compile(r": ([0-9A-Za-z]+): from=<([^>]*)>")
_ARRIVED = re.compile(r": ([0-9A-Za-z]+): to=<([^>]*)>.* status=sent ")


class MailRoute:
    """The servers stand in a process of their own, so that with ``--keep`` they outlive the demo."""

    channel = "mail"
    bound_seconds = 240.0

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._folder = scene.root / WORD
        self._log = scene.root / f"{WORD}.log"

    def check(self) -> None:
        """Raises ``MailStackNotHere`` and ``UsageError``."""
        check_machine()
        try:
            # The demo's own folder is opened for the servers' users later; those above it are not ours.
            check_folder(self._scene.root)
        except MailStackNotHere as error:
            raise UsageError(f"{error}; --dir (make demo DEMO_DIR=) names it, /tmp/demo for example") from error

    def open(self, processes: Processes, screen: Screen) -> None:
        """Start the servers, with an account for each company. Raises ``MailStackError``."""
        self._scene.root.chmod(0o711)
        addresses = [address_of(company) for company in self._scene.companies]
        command = [sys.executable, "-m", "backbone.demo.mailstack", str(self._folder), *addresses]
        processes.start(WORD, command, self._log)
        standing = self._wait(processes)
        for company in self._scene.companies:
            account = standing.account_files[address_of(company)].read_text(encoding="utf-8")
            self._account(company).write_text(QUICK + account, encoding="utf-8")
        ports = standing.ports
        screen.say(
            f"between them: Postfix (port {ports.smtps}) and Dovecot (port {ports.imaps}) with a mailbox for each"
        )

    def prepare(self, company: Company, commands: Commands) -> None:
        """The admin gives the node its account, which is tried with a mail to oneself."""
        commands.run("-C", company.node, "mail", "add", "--file", self._account(company))

    def explain(self, screen: Screen) -> None:
        """What is shared, and what is quicker here than elsewhere."""
        screen.say("mail is all that the two share; both accounts are set for a demonstration, where somebody waits:")
        screen.say("changes gather for 1 s and acknowledgements for 2 s, which with a real provider take longer")

    def counted(self) -> Sequence[tuple[str, str]]:
        """Mails as Postfix delivered them."""
        mails = delivered(self._folder / "log" / "postfix.log")
        ours, theirs = (address_of(company) for company in self._scene.companies)
        oneself = mails[ours, ours] + mails[theirs, theirs]
        said = f"{mails[ours, theirs]} to the slave, {mails[theirs, ours]} to the master, {oneself} to oneself"
        return [("mails, of whatever kind", said)]

    def addresses(self) -> Sequence[tuple[str, str]]:
        """Where a mail program finds both mailboxes."""
        standing = read(self._folder)
        assert standing is not None, "kept means that the servers run"
        rows = [
            ("mail servers", f"localhost, IMAP port {standing.ports.imaps}, SMTP port {standing.ports.smtps} (TLS)")
        ]
        rows += [("  log in as", f"{who}, password in {file}") for who, file in standing.password_files.items()]
        return [*rows, ("  trust", str(standing.ca_file)), ("  logs", str(self._folder / "log"))]

    def logs(self) -> Sequence[Path]:
        """Of the process in which the servers stand; their own are in its folder."""
        return [self._log]

    def _wait(self, processes: Processes) -> Standing:
        deadline = time.monotonic() + START_SECONDS
        while (standing := read(self._folder)) is None:
            if processes.ended(WORD) or time.monotonic() > deadline:
                raise MailStackError(f"the mail servers did not start, see {self._log}")
            time.sleep(LOOK_SECONDS)
        return standing

    def _account(self, company: Company) -> Path:
        return self._scene.root / f"{company.role}-mail.toml"


def address_of(company: Company) -> str:
    """The node's own mailbox."""
    return f"backbone@{company.name}.example"


def stop_servers(scene: Scene) -> None:
    """Those of an earlier demo whose process was killed before it could end them."""
    folder = scene.root / WORD
    if folder.is_dir():
        MailStack(folder).stop()


def delivered(log: Path) -> Counter[tuple[str, str]]:
    """How many mails came into a mailbox, by sender and recipient, as Postfix's log tells it (qmgr(8), lmtp(8))."""
    senders: dict[str, str] = {}
    found: Counter[tuple[str, str]] = Counter()
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        if left := _LEFT.search(line):
            senders[left[1]] = left[2]
        elif arrived := _ARRIVED.search(line):
            found[senders.get(arrived[1], ""), arrived[2]] += 1
    return found
