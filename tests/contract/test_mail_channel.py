"""The mail channel over real servers, through the one contract."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backbone.demo.mailstack import MailStack
from channels.base import Channel
from channels.mail import connect
from tests.contract.channels import ChannelContract, Ends
from tests.unit.channels.mail.accounts import settings_for


class TestMail(ChannelContract):
    @pytest.fixture
    async def ends(self, mail_stack: MailStack, tmp_path: Path) -> AsyncIterator[Ends]:
        alice, bob = mail_stack.add_account(), mail_stack.add_account()
        bobs = settings_for(mail_stack, tmp_path, bob, alice)
        channels: list[Channel] = [connect(settings_for(mail_stack, tmp_path, alice, bob)), connect(bobs)]

        async def restart_bob() -> Channel:
            channels.append(connect(bobs))
            return channels[-1]

        yield Ends(channels[0], channels[1], restart_bob)
        for channel in channels:
            await channel.close()
