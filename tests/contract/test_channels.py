"""Every channel that runs without a server, through the one contract."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from channels import memory
from channels.base import Channel
from channels.directory import Settings, connect, prepare
from tests.contract.channels import TAG, ChannelContract, Ends


class TestMemory(ChannelContract):
    @pytest.fixture
    async def ends(self) -> AsyncIterator[Ends]:
        alice, bob = memory.pair()

        async def restart_bob() -> Channel:
            return bob.reopened()

        yield Ends(alice, bob, restart_bob)
        await alice.close()
        await bob.close()


class TestDirectory(ChannelContract):
    @pytest.fixture
    async def ends(self, tmp_path: Path) -> AsyncIterator[Ends]:
        there, back = tmp_path / "there", tmp_path / "back"
        prepare(there, back, TAG)
        channels = [connect(Settings(there, back, TAG)), connect(Settings(back, there, TAG))]

        async def restart_bob() -> Channel:
            channels.append(connect({"send": str(back), "receive": str(there), "tag": TAG}))
            return channels[-1]

        yield Ends(channels[0], channels[1], restart_bob)
        for channel in channels:
            await channel.close()
