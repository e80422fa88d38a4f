"""Real Roundup trackers, made once and copied for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.roundup import RoundupHarness, copy_home, make_home


@pytest.fixture(scope="session")
def classic_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("roundup") / "classic", "classic")


@pytest.fixture
async def classic(classic_home: Path, tmp_path: Path) -> AsyncIterator[RoundupHarness]:
    harness = RoundupHarness(copy_home(classic_home, tmp_path / "home"), "classic")
    yield harness
    await harness.close()
