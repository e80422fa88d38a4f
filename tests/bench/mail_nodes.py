"""Two whole nodes over mail: how late a change is, and how many mails a population takes; real issues with ``--data``.

Beside the latency the servers' own delivery: from the moment when a bare client hands a mail over until it lies in the
mailbox. Beside the mails those that the same change sets would fill.
"""

import asyncio
import math
import sqlite3
import ssl
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import aiosmtplib

from backbone.demo import archive
from backbone.demo.corpus import Corpus
from backbone.demo.mailstack import MailStack
from backbone.model import COMMENT, Cell, Record, Value
from backbone.replication import limits
from backbone.trackers.memory import MemoryTracker
from channels.mail.limits import LINGER_SECONDS
from channels.mail.reading import read
from tests.acceptance.mail.mailed import TITLE, Mailed, account_file, connect
from tests.acceptance.nodes import two_nodes, until
from tests.bench.issues import fill
from tests.bench.report import Figure, Options
from tests.support.mail import lies_in

CHANGES = 20
CHANGES_QUICK = 5
ISSUES = 1_000
ISSUES_QUICK = 200
LATENCY_SECONDS_MAX = 1.5
PACE = "linger_seconds = 1\nack_delay_seconds = 2\nresend_floor_seconds = 300\nper_hour = 10000\nper_day = 10000\n"
"""An account at which mails cost nothing; by default changes gather longer."""
LOOK_SECONDS = 0.002


def measure(options: Options) -> list[Figure]:
    """One pair of nodes for the population, and then for the changes."""
    changes, count = (CHANGES_QUICK, ISSUES_QUICK) if options.quick else (CHANGES, ISSUES)
    corpus = archive.load(options.data).first(count) if options.data else None
    issues = len(corpus) if corpus else count
    with tempfile.TemporaryDirectory(prefix="bb-mail-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        with MailStack(folder / "m") as stack, _linked(stack, folder, corpus or issues) as (alice, bob):
            until("all issues are there", lambda: len(bob.titles()) == issues)
            until("nothing is under way", lambda: not alice.node.status()["waiting"])
            mails, body_bytes = _with_changes(stack, bob), _body_bytes(alice)
            bare = asyncio.run(_deliveries(stack, changes))
            late = _changes(alice, bob, changes)
    fit = min(limits.change_sets_per_message, limits.body_bytes * issues // body_bytes)
    wanted = math.ceil(issues / fit)
    median, delivery = statistics.median(late), statistics.median(bare)
    what = f"real issues with {corpus.comment_count:,} comments ({corpus.name})" if corpus else "issues of 2 KB"
    options.say(
        f"mail: {issues} {what}, {body_bytes} bytes, in {mails} mails; a change {median:.2f} s, bare {delivery:.2f} s"
    )
    return [
        Figure(
            "mail: one change, committed here until committed there, with IDLE",
            f"{median * 1000:.0f} ms (median of {changes}); an account's default lets it gather "
            f"{LINGER_SECONDS / 40:.1f} s, and {LINGER_SECONDS:.0f} s behind a mail that just left",
            f"{delivery * 1000:.0f} ms: hand over to the submission server, delivered",
            f"< {LATENCY_SECONDS_MAX} s more",
            median < LATENCY_SECONDS_MAX + delivery,
        ),
        Figure(
            f"mail: {issues:,} {what} as the first population",
            f"{mails} mails with changes",
            f"{wanted}: {fit:,} fit into a message",
            "no more",
            mails <= wanted,
        ),
    ]


@contextmanager
def _linked(stack: MailStack, folder: Path, issues: Corpus | int) -> Iterator[tuple[Mailed, Mailed]]:
    with two_nodes(folder) as nodes:
        alice, bob = (Mailed(node, stack.add_account()) for node in nodes)
        if isinstance(issues, int):
            fill(alice.node.tracker_file, issues)
        else:
            _fill_really(alice.node.tracker, issues)
        for one in (alice, bob):
            one.node.cli("mail", "add", "--file", str(account_file(folder, stack, one, PACE)))
        connect(alice, bob, folder / "offer")
        yield alice, bob


def _fill_really(tracker: MemoryTracker, corpus: Corpus) -> None:
    """What an archive says that this tracker has a field for."""
    for issue in corpus:
        cells: dict[Cell, Value] = {Cell("labels", label): True for label in issue.labels}
        cells |= {TITLE: issue.title or "untitled", Cell("description"): issue.body or None}
        for number, one in enumerate(issue.comments):
            record: Record = {"text": one.text, "author": one.author, "created": one.created}
            cells[Cell(COMMENT, f"+{number}")] = record
        tracker.create(cells, issue.author or "alice")


def _with_changes(stack: MailStack, one: Mailed) -> int:
    """Mails with change sets that this node has taken, each repetition counted."""
    parts = [part for mail in stack.mails(one.account, "Backbone/done") for part in read(mail).parcels]
    return len([part for part in parts if part.label and part.label.lane == "c"])


def _body_bytes(one: Mailed) -> int:
    """Of all change sets that this node has made, packed and not compressed."""
    with closing(sqlite3.connect(f"file:{one.node.folder / 'store.db'}?mode=ro", uri=True)) as store:
        (found,) = store.execute("SELECT sum(raw_len) FROM outbox WHERE lane = 'c'").fetchone()
    return int(found)


def _changes(alice: Mailed, bob: Mailed, count: int) -> Sequence[float]:
    """Seconds from the commit in Alice's tracker to the commit in Bob's, of each change."""
    local = next(iter(alice.titles()))
    theirs = bob.node.tracker_file
    seconds: list[float] = []
    for number in range(count):
        until("nothing is under way", lambda: not alice.node.status()["waiting"])
        size = theirs.stat().st_size
        alice.node.tracker.edit(local, {TITLE: f"changed {number}", Cell("description"): str(number)}, "ann")
        begun = time.monotonic()
        while theirs.stat().st_size == size:
            if time.monotonic() - begun > 60:
                raise TimeoutError(f"change {number} did not arrive")
            time.sleep(LOOK_SECONDS)
        seconds.append(time.monotonic() - begun)
    return seconds


async def _deliveries(stack: MailStack, count: int) -> Sequence[float]:
    """Seconds for a small mail by a connection that stands, until it lies in the mailbox."""
    sender, recipient = stack.add_account(), stack.add_account()
    tls = ssl.create_default_context(cafile=str(stack.ca_file))
    client = aiosmtplib.SMTP(hostname=stack.host, port=stack.ports.smtps, use_tls=True, tls_context=tls)
    seconds: list[float] = []
    async with client:
        await client.login(sender.user, sender.password)
        for number in range(count):
            begun = time.monotonic()
            await client.sendmail(sender.address, [recipient.address], b"Subject: bare\r\n\r\nbare\r\n")
            while lies_in(stack, recipient) == number:  # noqa: ASYNC110 - the mailbox is another process's
                await asyncio.sleep(LOOK_SECONDS)
            seconds.append(time.monotonic() - begun)
    return seconds
