"""Two ends of a mail channel for each test, on the test's mail servers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backbone.demo.mailstack import MailStack
from channels.base import Channel
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
