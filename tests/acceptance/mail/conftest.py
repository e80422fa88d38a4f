"""Two ends of a mail channel, or two nodes with accounts, for each test, on the test's mail servers."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from backbone.demo.mailstack import MailStack
from channels.base import Channel
from tests.acceptance.mail.mailed import QUICK, Mailed, two_mailed
from tests.support.mail_link import MailLink


@pytest.fixture
def link(mail_stack: MailStack, tmp_path: Path) -> MailLink:
    return MailLink(mail_stack, tmp_path)


@pytest.fixture
async def alice(link: MailLink) -> AsyncIterator[Channel]:
    async with link.end(link.alice) as channel:
        yield channel


@pytest.fixture
async def bob(link: MailLink) -> AsyncIterator[Channel]:
    async with link.end(link.bob) as channel:
        yield channel


@pytest.fixture
def pace() -> str:
    """What the accounts say about time."""
    return QUICK


@pytest.fixture
def pair(mail_stack: MailStack, short_folder: Path, pace: str) -> Iterator[tuple[Mailed, Mailed]]:
    """Alice and Bob, each with an account; no link yet."""
    with two_mailed(short_folder, mail_stack, pace) as mailed:
        yield mailed
