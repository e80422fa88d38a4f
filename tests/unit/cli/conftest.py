"""Folders with short paths (GnuPG's sockets lie in them), and nothing of ours left behind."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.unit.cli.company import Company, pair, stop_agents


@pytest.fixture(autouse=True)
def logs() -> Iterator[None]:
    """A command's log goes to its own standard error, which is closed when it ends."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cli-", dir="/tmp") as name:
        yield Path(name)
        stop_agents(Path(name))


@pytest.fixture
def acme(folder: Path) -> Company:
    """A node of its own, with a tracker and without a link."""
    company = Company("acme", folder)
    company.found()
    return company


@pytest.fixture(scope="module")
def pairs() -> Iterator[tuple[Company, Company]]:
    """Two companies with an active link: made once for each module, so its tests leave it active and quiet."""
    name = Path(tempfile.mkdtemp(prefix="cli-", dir="/tmp"))
    try:
        yield pair(name)
    finally:
        stop_agents(name)
        shutil.rmtree(name, ignore_errors=True)
