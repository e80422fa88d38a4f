"""The demo as somebody types it, from an empty folder to its exit code, and what it leaves in both databases."""

import os
import re
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
DEMO_SECONDS = 400
"""A bound for a loaded machine; it takes half a minute on an idle one."""


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
    same_in_both(place / "d")
    the_table_adds_up(place / "d", done.stdout)
    assert (place / "d" / "processes").read_text() == ""
    assert (place / "d" / "master" / "exchange" / "beta" / "SEND").is_symlink()


@pytest.mark.slow
def test_what_is_kept_runs_on_and_the_next_demo_stops_it(place: Path) -> None:
    kept = demo(place, "--keep")
    running = started(place / "d")
    try:
        assert kept.returncode == 0, kept.stdout[-4000:] + kept.stderr
        assert len(running) == 4
        assert all(lives(pid) for pid in running)
        assert f"kill {' '.join(map(str, running))}" in kept.stdout
        again = demo(place)
        assert again.returncode == 0, again.stdout[-4000:] + again.stderr
        assert not any(lives(pid) for pid in running)
    finally:
        for pid in filter(lives, running):
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


def test_a_channel_that_nobody_knows_is_said_with_those_that_are(place: Path) -> None:
    done = demo(place, "--channel", "pigeon")
    assert done.returncode == 2
    assert done.stderr == "backbone: there is no demo over channel 'pigeon'; there is: directory, mail\n"


def same_in_both(scene: Path) -> None:
    """Every issue has a title, and each title is as often here as there."""
    titles = [_column(scene / f"{side}-tracker", f"select _title from _{issue_class} where __retired__=0")
              for side, issue_class in (("master", "issue"), ("slave", "bug"))]  # fmt: skip
    assert sorted(map(str, titles[0])) == sorted(map(str, titles[1]))
    assert len(titles[0]) == ISSUES + MADE_BY_PEOPLE


def the_table_adds_up(scene: Path, said: str) -> None:
    """What is told at the end is what the master's database holds, and the sum of its parts."""
    told = table(said)
    on_both, at_first, by_people = numbers(told["issues"])
    assert (on_both, at_first, by_people) == (ISSUES + MADE_BY_PEOPLE, ISSUES, MADE_BY_PEOPLE)
    (loaded,) = re.findall(r"(\d+) issues with (\d+) comments, (\d+) attachments and (\d+) relations", said)
    total, changes, comments, attachments, issues = numbers(told["edits by people"])
    assert total == changes + comments + attachments + issues
    assert numbers(told["comments"]) == [int(loaded[1]) + comments + issues]
    assert numbers(told["attachments"]) == [int(loaded[2]) + attachments]
    assert numbers(told["relations"]) == _column(scene / "master-tracker", "select count(*) from issue_superseder")
    assert numbers(told["comments"]) == _column(scene / "master-tracker", "select count(*) from issue_messages")
    assert told["quarantined"] == "0"


def table(said: str) -> dict[str, str]:
    """The rows of the table at the end; what was wrapped is put together."""
    rows: dict[str, str] = {}
    name = ""
    for left, right in re.findall(r"^│ (.*?) +│ (.*?) +│$", said, re.MULTILINE):
        name = left or name
        rows[name] = f"{rows.get(name, '')} {right}".strip()
    return rows


def numbers(text: str) -> list[int]:
    return [int(word) for word in re.findall(r"\d+", text)]


def started(scene: Path) -> list[int]:
    """What the demo has noted as running."""
    return [int(line.split()[0]) for line in (scene / "processes").read_text().splitlines()]


def lives(pid: int) -> bool:
    """A child of nobody who waits for it stays as a zombie: that is dead."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def _column(tracker: Path, query: str) -> list[object]:
    with closing(sqlite3.connect(tracker / "db" / "db")) as database:
        return [row[0] for row in database.execute(query)]
