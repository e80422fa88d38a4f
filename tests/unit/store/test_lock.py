"""One process per node, told by the kernel."""

import os
from pathlib import Path

import pytest

from backbone.store.engine import StoreError
from backbone.store.lock import LockHeld, hold
from tests.unit.store.places import process

HOLDER = """
import sys
from pathlib import Path
from backbone.store.lock import hold

with hold(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
print("free", flush=True)
sys.stdin.readline()
"""


def test_the_second_process_is_told_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with process(HOLDER, str(path)) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        with pytest.raises(LockHeld, match=rf"{tmp_path} is run by another process \(pid {child.pid}\); stop that"):
            hold(path).__enter__()
        child.stdin.write("\n")
        child.stdin.flush()
        assert child.stdout.readline() == "free\n"
        with hold(path):
            assert path.read_text() == str(os.getpid())


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with process(HOLDER, str(path)) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
    with hold(path):
        assert path.read_text() == str(os.getpid())


def test_an_error_inside_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with pytest.raises(LookupError), hold(path):
        raise LookupError
    with hold(path), pytest.raises(LockHeld, match=f"pid {os.getpid()}"):
        hold(path).__enter__()


def test_a_strange_lock_file_is_not_repeated(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with hold(path):
        path.write_bytes(b"\x1b[31m" + b"9" * 100)
        with pytest.raises(LockHeld, match="another process; stop"):
            hold(path).__enter__()


def test_a_folder_that_is_not_there_is_explained(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened: No such file"):
        hold(tmp_path / "no" / "lock").__enter__()
