"""Two ends of a mail channel for each test, on the test's mail servers."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from backbone.demo.mailstack import MailStack
from channels.base import Channel
from tests.acceptance.mail.mailed import QUICK, Mailed, account_file
from tests.acceptance.nodes import two_nodes
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
    """Alice and Bob, each with an account in backbone.toml; no link yet."""
    with two_nodes(short_folder) as nodes:
        mailed = [Mailed(node, mail_stack.add_account()) for node in nodes]
        for one in mailed:
            one.node.cli("mail", "add", "--file", str(account_file(short_folder, mail_stack, one, pace)))
        yield mailed[0], mailed[1]
