"""The demo as somebody types it, from an empty folder to its exit code, and what it leaves in both databases."""

import os
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from backbone.demo.commands import program
from tests.acceptance.nodes import environment

ISSUES = 12
MADE_BY_PEOPLE = 2
DEMO_SECONDS = 150


def demo(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*program(), "demo", "--dir", str(root / "d"), "--issues", str(ISSUES), *words],
        check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environment(),
        timeout=DEMO_SECONDS,
    )  # fmt: skip


@pytest.mark.slow
def test_the_demo_ends_with_equal_trackers_and_leaves_nothing_running(place: Path) -> None:
    done = demo(place)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    assert f"{ISSUES + MADE_BY_PEOPLE} issues compared, all equal" in done.stdout
    assert _titles(place / "d" / "master-tracker", "issue") == _titles(place / "d" / "slave-tracker", "bug")
    assert (place / "d" / "processes").read_text() == ""
    assert (place / "d" / "master" / "exchange" / "beta" / "SEND").is_symlink()


@pytest.mark.slow
def test_what_is_kept_runs_on_and_the_next_demo_stops_it(place: Path) -> None:
    kept = demo(place, "--keep")
    running = [int(line.split()[0]) for line in (place / "d" / "processes").read_text().splitlines()]
    try:
        assert kept.returncode == 0, kept.stdout[-4000:] + kept.stderr
        assert len(running) == 4
        assert all(_lives(pid) for pid in running)
        assert f"kill {' '.join(map(str, running))}" in kept.stdout
        again = demo(place)
        assert again.returncode == 0, again.stdout[-4000:] + again.stderr
        assert not any(_lives(pid) for pid in running)
    finally:
        for pid in filter(_lives, running):
            os.kill(pid, signal.SIGKILL)


def test_a_folder_of_somebody_else_is_left_alone(place: Path) -> None:
    (place / "d").mkdir()
    (place / "d" / "thesis.tex").write_text("mine")
    done = demo(place)
    assert done.returncode == 2
    assert "not a demo of ours" in done.stderr
    assert [path.name for path in (place / "d").iterdir()] == ["thesis.tex"]


def test_a_path_that_is_too_long_for_gnupg_is_said_at_once(place: Path) -> None:
    done = demo(place / ("x" * 60))
    assert done.returncode == 2
    assert "longer path than GnuPG" in done.stderr
    assert list(place.iterdir()) == []


def _titles(tracker: Path, issue_class: str) -> list[str]:
    with closing(sqlite3.connect(tracker / "db" / "db")) as database:
        found = sorted(row[0] for row in database.execute(f"select _title from _{issue_class} where __retired__=0"))
    assert len(found) == ISSUES + MADE_BY_PEOPLE
    return found


def _lives(pid: int) -> bool:
    """A child of nobody who waits for it stays as a zombie: that is dead."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"
