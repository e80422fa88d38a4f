"""A question is carried out at once by whoever runs the node, or not at all; and it is said which."""

import re
import sqlite3
from contextlib import closing

from backbone.service.running import waking
from backbone.store import lists, lock
from tests.unit.cli.company import Company, start

LONG = 3600
"""No poll comes to the help of a wake-up that is missing."""


def polls_every(company: Company, seconds: int) -> None:
    file = company.node / "backbone.toml"
    file.write_text(re.sub(r"(?m)^#?poll_seconds = .*$", f"poll_seconds = {seconds}", file.read_text()))
    assert f"\npoll_seconds = {seconds}\n" in file.read_text()


def states(company: Company) -> list[str]:
    """What became of each question."""
    with closing(sqlite3.connect(company.node / "store.db")) as store:
        return [state for (state,) in store.execute("SELECT state FROM request WHERE kind != 'say' ORDER BY id")]


def test_a_running_node_is_woken_by_a_question_and_by_a_pause(pairs: tuple[Company, Company]) -> None:
    acme, beta = pairs
    for company in pairs:
        polls_every(company, LONG)
    with acme.running() as here, beta.running() as there:
        for process in (here, there):
            assert process.stderr is not None
            assert "running" in process.stderr.readline()
        assert acme.json("audit", "beta", "--timeout", 60)["equal"]
        assert acme.json("audit", "beta", "--timeout", 60)["equal"]
        acme.run("link", "pause", "beta")
        acme.run("link", "resume", "beta")
        assert beta.json("audit", "acme", "--timeout", 60)["equal"]
    for company in pairs:
        polls_every(company, 5)
    assert not waking.knock(acme.node / "wake")


def test_when_nobody_runs_the_node_it_is_said_and_an_unanswered_question_is_withdrawn(
    pairs: tuple[Company, Company],
) -> None:
    acme, beta = pairs
    said = acme.run("audit", "beta", "--timeout", 2, code=4)
    assert "no process runs this node" in said.stderr
    assert "no answer in 2 s" in said.stderr
    assert "withdrawn" in said.stderr
    assert states(acme)[-1] == "expired"
    beta.run("sync")
    acme.run("sync")
    assert states(acme)[-1] == "expired"


def test_a_command_goes_on_by_itself_when_the_process_that_ran_the_node_ends(pairs: tuple[Company, Company]) -> None:
    acme, _ = pairs
    item = acme.write(lambda tx: lists.set_aside(tx, 1, "parcel", "no valid signature", 0.0))
    with lock.hold(acme.node / "lock"):
        process = start("-C", str(acme.node), "queue", "skip", str(item), "--timeout", "100")
        assert process.stderr is not None
        assert "another process runs this node" in process.stderr.readline()
    said, more = process.communicate(timeout=100)
    assert "no process runs this node" in more
    assert said == f"Item {item} was skipped.\n"
    assert process.returncode == 0
