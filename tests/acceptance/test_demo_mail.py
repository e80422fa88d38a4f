"""The demo over mail: its own Postfix and Dovecot, which never outlive it unless they are kept."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backbone.demo.commands import program
from backbone.demo.mailstack import MailStack, MailStackNotHere, check_machine
from backbone.demo.mailstack.standing import read
from tests.acceptance.nodes import BOUND_SECONDS, environment, until
from tests.acceptance.test_demo import (
    ISSUES,
    MADE_BY_PEOPLE,
    lives,
    numbers,
    same_in_both,
    started,
    table,
    the_table_adds_up,
)

DEMO_SECONDS = 600.0
"""A bound for a loaded machine; it takes less than one minute on an idle one."""


@pytest.fixture
def scene(short_folder: Path) -> Iterator[Path]:
    """Where a demo over mail can be; whatever it may leave behind is ended."""
    try:
        check_machine()
    except MailStackNotHere as reason:
        pytest.skip(str(reason))
    folder = short_folder / "d"
    yield folder
    if folder.exists():
        for pid in filter(lives, started(folder)):
            os.kill(pid, signal.SIGKILL)
        MailStack(folder / "mail").stop()


def command(scene: Path, *words: str) -> list[str]:
    return [*program(), "demo", "--dir", str(scene), "--issues", str(ISSUES), "--channel", "mail", *words]


def servers(scene: Path) -> list[int]:
    """Postfix's and Dovecot's ids, while the files that name them are there."""
    return [int(file.read_text()) for file in (scene / "mail").glob("*.pid")]


@pytest.mark.slow
def test_all_of_the_demo_goes_by_mail_and_what_is_kept_ends_as_it_says(scene: Path) -> None:
    done = subprocess.run(
        command(scene, "--keep"), check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL,
        env=environment(), timeout=DEMO_SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    assert f"{ISSUES + MADE_BY_PEOPLE} issues compared, all equal" in done.stdout
    same_in_both(scene)
    the_table_adds_up(scene, done.stdout)
    told = table(done.stdout)
    with_changes, mails = numbers(told["messages with changes"]), numbers(told["mails, of whatever kind"])
    assert all(some < all_ for some, all_ in zip(with_changes, mails, strict=False))
    assert not (scene / "exchange").exists()
    running = started(scene)
    assert len(running) == 5
    masters = servers(scene)
    assert len(masters) == 2
    assert all(map(lives, [*running, *masters]))
    assert f"To stop everything: kill {' '.join(map(str, running))}\n" in done.stdout
    for pid in running:
        os.kill(pid, signal.SIGTERM)
    until("all have ended", lambda: not any(map(lives, [*running, *masters])))


def test_after_ctrl_c_nothing_runs(scene: Path) -> None:
    with subprocess.Popen(command(scene), stdout=subprocess.PIPE, text=True, env=environment()) as process:
        until("the servers answer", lambda: read(scene / "mail") is not None)
        masters = servers(scene)
        assert all(map(lives, masters))
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=BOUND_SECONDS)
    assert process.returncode == 130
    assert "Stopped by Ctrl-C." in said
    assert started(scene) == []
    assert len(masters) == 2
    assert not any(map(lives, masters))


def test_what_fails_is_said_with_the_log_and_nothing_runs(scene: Path) -> None:
    with subprocess.Popen(command(scene), stdout=subprocess.PIPE, text=True, env=environment()) as process:
        until("the servers answer", lambda: read(scene / "mail") is not None)
        masters = servers(scene)
        (standing,) = started(scene)
        os.kill(standing, signal.SIGKILL)
        said, _ = process.communicate(timeout=DEMO_SECONDS)
    assert process.returncode == 1
    assert "Failed at: " in said
    assert not any(map(lives, masters))


def test_who_is_not_root_hears_it_in_a_sentence(short_folder: Path, scene: Path) -> None:
    """The rights are dropped within a fresh interpreter, after it has loaded what it needs."""
    script = (
        "import os; from backbone.cli import main; import backbone.demo.run; os.setuid(65534); "
        "import sys; sys.argv[1:] = " + repr(command(short_folder / "n")[-7:]) + "; main()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "can only be started by root" in done.stderr
    assert list(short_folder.iterdir()) == []


def test_a_folder_that_the_servers_cannot_reach_is_said_before_anything_begins(scene: Path) -> None:
    closed = scene.parent / "closed"
    closed.mkdir(mode=0o700)
    done = subprocess.run(
        command(closed / "d"), capture_output=True, text=True, check=False, timeout=60, env=environment()
    )
    assert done.returncode == 2
    assert "cannot reach" in done.stderr
    assert "--dir" in done.stderr
    assert list(closed.iterdir()) == []
