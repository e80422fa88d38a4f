"""Short folders: GnuPG puts sockets into a node's, and pytest's own are long."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bb-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def shared_place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bb-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
