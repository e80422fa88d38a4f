"""The same companies with real trackers, and with nothing but real mail between them."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from backbone.demo.mailstack import MailStack
from backbone.model import Cell, Issue
from backbone.trackers.roundup import connect
from tests.acceptance.mail.mailed import QUICK, Mailed, account_file
from tests.acceptance.nodes import NodeAtWork, invite, join, two_nodes
from tests.crash.companies import Companies, MemoryPeople
from tests.support.roundup import RoundupHarness, make_home

TEMPLATE, CLASS = "classic", "issue"


class RoundupPeople:
    """In a Roundup tracker, through Roundup's own API."""

    def __init__(self, home: Path) -> None:
        self._home = home

    @contextmanager
    def _open(self) -> Iterator[RoundupHarness]:
        harness = RoundupHarness(self._home, TEMPLATE)
        try:
            yield harness
        finally:
            asyncio.run(harness.close())

    def create(self, title: str) -> str:
        with self._open() as harness:
            return harness.create(title, "alice")

    def retitle(self, local: str, title: str) -> None:
        with self._open() as harness:
            harness.edit(local, {Cell("title"): title}, "alice")

    def comment(self, local: str, text: str) -> None:
        with self._open() as harness:
            harness.comment(local, text, "alice")

    def attach(self, local: str, name: str, content: bytes) -> None:
        with self._open() as harness:
            harness.attach(local, name, content, "alice")

    def issues(self) -> Sequence[Issue]:
        async def look() -> Sequence[Issue]:
            tracker = connect({"home": str(self._home), "class": CLASS})
            try:
                return await tracker.issues(None, 1_000)
            finally:
                await tracker.close()

        return asyncio.run(look())


@contextmanager
def over_roundup(root: Path) -> Iterator[Companies]:
    """Roundup on both sides, exchange directories."""
    with two_nodes(root) as (alice, bob):
        for node in (alice, bob):
            home = make_home(root / f"{node.name}-tracker", TEMPLATE)
            _use(node, f'kind = "roundup"\nhome = "{home}"\nclass = "{CLASS}"\n')
        people = {node.name: RoundupPeople(root / f"{node.name}-tracker") for node in (alice, bob)}
        companies = Companies({"alice": alice, "bob": bob}, dict(people))
        companies.work("alice")
        companies.work("bob")
        join(bob, invite(alice, root / "offer.asc"))
        yield companies


def _use(node: NodeAtWork, tracker: str) -> None:
    config = node.folder / "backbone.toml"
    before, table, _ = config.read_text().rpartition("[trackers.main]\n")
    assert table
    config.write_text(before + table + tracker)


@contextmanager
def over_mail(root: Path) -> Iterator[Companies]:
    """Postfix and Dovecot between them, memory trackers."""
    root.chmod(0o755)
    with MailStack(root / "m") as stack, two_nodes(root) as (alice, bob):
        for node in (alice, bob):
            mailed = Mailed(node, stack.add_account())
            node.cli("mail", "add", "--file", str(account_file(root, stack, mailed, QUICK)))
        companies = Companies({"alice": alice, "bob": bob}, {n.name: MemoryPeople(n) for n in (alice, bob)})
        companies.work("alice")
        companies.work("bob")
        alice.cli("link", "create", alice.link, "--channel", "mail", "--out", str(root / "offer"))
        join(bob, root / "offer")
        yield companies
