"""The command that starts the servers for a person, or for the demo."""

import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backbone.demo.mailstack.standing import Standing, read
from channels.base import INFORMATION
from channels.mail import connect
from tests.contract.channels import TAG
from tests.support.mail import wait_until
from tests.unit.demo.test_mailstack import living

ALICE = "alice@acme.example"
COMMAND = [sys.executable, "-m", "backbone.demo.mailstack"]


@contextmanager
def running(folder: Path) -> Iterator[tuple[Standing, "subprocess.Popen[str]"]]:
    process = subprocess.Popen([*COMMAND, str(folder), ALICE], stdout=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: read(folder) is not None or process.poll() is not None)
        standing = read(folder)
        assert standing is not None
        yield standing, process
    finally:
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert str(standing.ports.imaps) in said
    assert str(standing.account_files[ALICE]) in said


def test_it_stands_until_it_is_told_to_stop_and_comes_back_the_same(stack_folder: Path) -> None:
    with running(stack_folder) as (first, _):
        masters = [int((stack_folder / f"{word}.pid").read_text()) for word in ("dovecot", "postfix")]
        password = first.password_files[ALICE].read_text()
        assert first.password_files[ALICE].stat().st_mode & 0o077 == 0
    assert [found for found in living() if found[1] in masters] == []
    with running(stack_folder) as (second, _):
        assert second == first
        assert second.password_files[ALICE].read_text() == password


async def test_an_account_file_has_the_words_of_the_channel(stack_folder: Path) -> None:
    with running(stack_folder) as (standing, _):
        account = tomllib.loads(standing.account_files[ALICE].read_text())
        channel = connect(account | {"tag": TAG, "partner": "bob@beta.example"})
        assert await channel.receive(10) == []
        assert [sentence for sentence in await channel.check() if not sentence.startswith(INFORMATION)] == []
        await channel.close()


def test_ctrl_c_ends_it_too(stack_folder: Path) -> None:
    with running(stack_folder) as (_, process):
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
    assert list(stack_folder.glob("*.pid")) == []


@pytest.mark.parametrize("words", [[], ["m"], ["m", "alice"], ["--help"]])
def test_a_wrong_call_is_said(words: list[str]) -> None:
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: ")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_user_who_is_not_root_hears_what_is_wrong(short_folder: Path) -> None:
    """The rights are dropped within a fresh interpreter, after it has loaded what it needs."""
    script = (
        "import os, sys; from backbone.demo.mailstack.__main__ import main; "
        f"os.setuid(65534); sys.exit(main([{str(short_folder / 'm')!r}, {ALICE!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "only be started by root" in done.stderr
