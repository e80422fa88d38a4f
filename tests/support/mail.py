"""Real mail servers for tests: one stack for each worker, and a fresh account for whoever asks."""

import asyncio
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backbone.demo.mailstack import Account, MailStack, MailStackNotHere

BOUND_SECONDS = 30.0
STEP_SECONDS = 0.02


@pytest.fixture(scope="session")
def mail_stack() -> Iterator[MailStack]:
    """Dovecot and Postfix, shared by all tests of this worker.

    A test takes accounts of its own (``add_account()``), and changes settings only within ``changed(...)``.
    """
    with tempfile.TemporaryDirectory(prefix="bb-mail-", ignore_cleanup_errors=True) as folder:
        place = Path(folder)
        place.chmod(0o755)
        try:
            with MailStack(place / "stack") as stack:
                yield stack
        except MailStackNotHere as reason:
            if os.geteuid() == 0:
                raise
            pytest.skip(str(reason))


@pytest.fixture
def stack_folder(mail_stack: MailStack, short_folder: Path) -> Path:
    """Where another stack can stand; a test that needs one is skipped where ``mail_stack`` is."""
    assert mail_stack.folder != short_folder
    return short_folder / "m"


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Short enough for sockets, and the servers' users get in."""
    with tempfile.TemporaryDirectory(prefix="bb-mail-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def lies_in(stack: MailStack, account: Account, folder: str = "INBOX") -> int:
    """How many mails lie in a folder, asked past IMAP."""
    return int(stack.doveadm("-f", "flow", "mailbox", "status", "-u", account.user, "messages", folder).split("=")[-1])


async def eventually(true: Callable[[], bool], seconds: float = BOUND_SECONDS) -> None:
    """``wait_until`` for a test whose own loop has work to do meanwhile."""
    await asyncio.to_thread(wait_until, true, seconds)


def wait_until(true: Callable[[], bool], seconds: float = BOUND_SECONDS) -> None:
    """For what a server does on its own time: looked at again and again, up to a bound."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "this did not come to be in time"
        time.sleep(STEP_SECONDS)
