"""Two ends of a link on the test servers."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from backbone.demo.mailstack import Account, MailStack
from channels.mail import connect
from channels.mail.channel import MailChannel
from tests.unit.channels.mail.accounts import settings_for

Open = Callable[..., MailChannel]


@pytest.fixture
def alice(mail_stack: MailStack) -> Account:
    return mail_stack.add_account()


@pytest.fixture
def bob(mail_stack: MailStack) -> Account:
    return mail_stack.add_account()


@pytest.fixture
async def open_channel(mail_stack: MailStack, tmp_path: Path) -> AsyncIterator[Open]:
    """``open_channel(own, partner, **settings)``; closed at the end."""
    opened: list[MailChannel] = []

    def open_one(own: Account, partner: Account, **more: Any) -> MailChannel:
        opened.append(connect(settings_for(mail_stack, tmp_path, own, partner, **more)))
        return opened[-1]

    yield open_one
    for channel in opened:
        await channel.close()
