"""Two companies, from nothing to an audit, by the command line alone."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from backbone.model import ISSUE, Cell
from backbone.replication.merge import NEVER, Stamp
from backbone.replication.message import ChangeSet, Operation
from backbone.store import lists
from backbone.store.engine import Connection
from backbone.store.shadows import Book
from tests.unit.cli.company import Company, settle, share


def test_a_handshake_by_file_makes_a_link_that_is_active_on_both_sides(pairs: tuple[Company, Company]) -> None:
    acme, beta = pairs
    assert (acme.link()["state"], beta.link()["state"]) == ("active", "active")
    assert (acme.link()["side"], beta.link()["side"]) == ("master", "slave")
    assert acme.link()["peer"] == "beta"


def test_both_sides_show_the_same_ten_words_and_record_who_compared_them(pairs: tuple[Company, Company]) -> None:
    acme, beta = pairs
    ten = acme.json("link", "verify", "beta", "--by", "Ann and Bo")["words"]
    assert len(ten) == 10
    assert beta.json("link", "show", "acme")["words"] == ten
    assert acme.json("link", "show", "beta")["verified_by"] == "Ann and Bo"
    file = acme.folder / "beta.handshake"
    assert acme.json("handshake", "show", file)["words"] == ten
    assert " ".join(ten[:5]) in " ".join(beta.run("link", "verify", "acme").stdout.split())


def test_issues_travel_and_an_audit_finds_both_sides_equal(pairs: tuple[Company, Company]) -> None:
    acme, beta = pairs
    local = acme.tracker.create({Cell("title"): "a door squeaks", Cell("status"): "new"}, "ann")
    acme.tracker.comment(local, "it is the left one", "ann")
    settle(acme, beta)
    with beta.running():
        found = acme.json("audit", "beta", "--timeout", 60)
        said = acme.run("audit", "beta", "--timeout", 60).stdout
    nothing: dict[str, object] = {"differences": [], "details": [], "drift_here": [], "drift_there": [], "in_flight": 0}
    assert found == {"issues": 1, "theirs": 1, **nothing, "more": False, "equal": True}
    assert said.strip() == "1 issues compared, all equal"


def test_an_audit_names_what_differs_and_ends_with_6(pairs: tuple[Company, Company]) -> None:
    acme, beta = pairs
    acme.tracker.create({Cell("title"): "a window is stuck"}, "ann")
    settle(acme, beta)
    issues = beta.link()["issues"]
    beta.tracker.remove(str(issues))
    with beta.running():
        said = acme.run("audit", "beta", "--timeout", 60, code=6)
    assert f"at the partner: {issues}: deleted in the tracker" in said.stdout
    assert f"{issues} issues compared, 1 differences" in said.stderr


def test_a_repair_settles_what_an_audit_found(pairs: tuple[Company, Company]) -> None:
    acme, beta = pairs
    local = acme.tracker.create({Cell("title"): "a drawer jams", Cell("status"): "new"}, "ann")
    settle(acme, beta)
    there = str(beta.link()["issues"])

    def spoil(tx: Connection) -> None:
        book = Book(tx, 1)
        book.load_locals([(ISSUE, there)])
        known = book.by_local(ISSUE, there)
        assert known is not None
        register = book.load_whole(known.gid)[Cell("status")]
        book.put(known.gid, {Cell("status"): register._replace(write=NEVER, known=NEVER, value="closed")})
        book.flush(0.0)

    beta.write(spoil)
    with beta.running():
        shown = acme.run("repair", "beta", "--dry-run", "--timeout", 60).stdout
        assert f"{local}: status (here " in shown
        assert "'new', at the partner " in shown
        assert acme.json("audit", "beta", "--timeout", 60, code=6)["differences"] == [f"{local}: status"]
        assert "1 differences are settled" in acme.run("repair", "beta", "--timeout", 60).stdout
    settle(acme, beta)
    with beta.running():
        assert f"{local}: status" not in acme.run("repair", "beta", "--dry-run", "--timeout", 60).stdout


def test_without_the_partner_an_audit_ends_in_time_and_says_so(pairs: tuple[Company, Company]) -> None:
    said = pairs[0].run("audit", "beta", "--timeout", 1, code=4)
    assert "no answer in 1 s" in said.stderr


def test_a_losing_value_is_listed_and_taken_after_all(pairs: tuple[Company, Company]) -> None:
    acme, beta = pairs
    local = acme.tracker.create({Cell("title"): "lamp", Cell("priority"): "low"}, "ann")
    settle(acme, beta)
    there = str(beta.link()["issues"])
    acme.tracker.edit(local, {Cell("priority"): "high"}, "ann")
    beta.tracker.edit(there, {Cell("priority"): "urgent"}, "bo")
    settle(acme, beta)
    (found,) = acme.json("conflict", "list", "--all")
    assert {found["stands"], found["lost"]} == {"high", "urgent"}
    assert set(found) == {
        "id", "link", "gid", "local", "field", "element", "stands", "lost", "lost_here", "state", "created_at",
    }  # fmt: skip
    assert acme.json("conflict", "show", found["id"]) == found
    number = found["id"]
    assert found["lost"] in acme.run("conflict", "take", number, "--dry-run").stdout
    assert acme.json("conflict", "show", number)["state"] == found["state"]
    acme.run("conflict", "take", number)
    settle(acme, beta)
    for company, issue in ((acme, local), (beta, there)):
        (shown,) = asyncio.run(company.tracker.read([issue])).values()
        assert shown.cells[Cell("priority")] == found["lost"]
    assert acme.json("conflict", "show", number)["state"] == "taken"
    assert "taken already" in acme.run("conflict", "take", number, code=2).stderr


def test_what_was_set_aside_is_tried_again_or_skipped(pairs: tuple[Company, Company]) -> None:
    acme, beta = pairs
    local = acme.tracker.create({Cell("title"): "desk"}, "ann")
    settle(acme, beta)

    def set_aside(tx: Connection) -> tuple[int, int]:
        first = lists.set_aside(tx, 1, "outbound", "no words for it", 0.0, local=local)
        return first, lists.set_aside(tx, 1, "parcel", "no valid signature", 0.0)

    edit, parcel = acme.write(set_aside)
    assert acme.run("queue", "retry", edit).stdout == f"Item {edit}: retried.\n"
    with acme.running() as process:  # the question is then carried out by the process that runs the node
        assert process.stderr is not None
        assert "running" in process.stderr.readline()
        assert "waiting for it" in acme.run("queue", "skip", parcel, "--timeout", 60).stderr
    states = {one["id"]: one["state"] for one in acme.json("queue", "list", "--all")}
    assert (states[edit], states[parcel]) == ("retried", "skipped")


def test_a_refused_value_is_changed_by_a_person_and_stands_on_both_sides(
    pairs: tuple[Company, Company], monkeypatch: pytest.MonkeyPatch
) -> None:
    acme, beta = pairs
    local = acme.tracker.create({Cell("title"): "chair"}, "ann")
    settle(acme, beta)
    there = str(beta.link()["issues"])

    def refused(tx: Connection) -> int:
        book = Book(tx, 1)
        book.load_locals([(ISSUE, there)])
        known = book.by_local(ISSUE, there)
        assert known is not None
        stamp = Stamp(1, 900, 0, 0)
        lists.hold(tx, 1, "k1", ChangeSet(known.gid, "ann", "", (Operation(Cell("title"), "chair?", stamp, stamp),)))
        return lists.set_aside(tx, 1, "issue", "no question marks", 0.0, gid=known.gid, key="k1")

    number = beta.write(refused)
    assert beta.json("queue", "show", number)["changes"] == [{"name": "title", "value": "chair?"}]
    monkeypatch.setenv("VISUAL", "sed -i s/chair?/stool/")
    said = beta.run("queue", "edit", number, "--dry-run").stdout
    assert said == "title would be 'stool' instead of 'chair?'\n"
    monkeypatch.setenv("VISUAL", "true")
    assert "no value was changed" in beta.run("queue", "edit", number, code=2).stderr
    assert "names nothing" in beta.run("queue", "edit", number, "--set", "titel=x", code=1).stderr
    assert beta.run("queue", "edit", number, "--set", "title=stool").stdout == f"Item {number}: applied.\n"
    assert beta.json("queue", "show", number)["edits"][0]["after"] == "stool"
    settle(acme, beta)
    for company, issue in ((acme, local), (beta, there)):
        (shown,) = asyncio.run(company.tracker.read([issue])).values()
        assert shown.cells[Cell("title")] == "stool"


def test_all_that_have_one_cause_are_skipped_at_once(pairs: tuple[Company, Company]) -> None:
    acme, _ = pairs
    reasons = ("no valid signature of A", "no valid signature of B", "cut off")
    numbers = acme.write(lambda tx: [lists.set_aside(tx, 1, "parcel", reason, 0.0) for reason in reasons])
    assert "say a number" in acme.run("queue", "skip", code=2).stderr
    assert "nothing that waits" in acme.run("queue", "retry", "--cause", "SIGNATURE", code=2).stderr
    said = acme.run("queue", "skip", "--cause", "SIGNATURE").stdout
    assert said == f"Item {numbers[0]} was skipped.\nItem {numbers[1]} was skipped.\n"
    assert [one["id"] for one in acme.json("queue", "list")] == numbers[2:]
    acme.run("queue", "skip", numbers[2])


def test_a_paused_link_answers_no_question_and_goes_on_after_resume(pairs: tuple[Company, Company]) -> None:
    acme, _ = pairs
    acme.run("link", "pause", "beta")
    assert acme.link()["state"] == "paused"
    assert "paused, not active" in acme.run("audit", "beta", code=2).stderr
    acme.run("link", "resume", "beta")
    assert acme.link()["state"] == "active"


def test_run_ends_with_0_on_sigterm_and_with_130_on_ctrl_c(pairs: tuple[Company, Company]) -> None:
    acme, _ = pairs
    for number, code in ((signal.SIGTERM, 0), (signal.SIGINT, 130)):
        with acme.running() as process:
            assert process.stderr is not None
            assert "running" in process.stderr.readline()
            process.send_signal(number)
            assert process.wait(timeout=30) == code
        anchor = json.loads((acme.folder / "acme-anchor.json").read_text())
        assert anchor["clean"] is True


def test_run_writes_its_log_where_it_is_told_and_keeps_others_out(pairs: tuple[Company, Company]) -> None:
    acme, _ = pairs
    log = acme.folder / "acme.log"
    os.mkfifo(log)  # so that a line can be waited for
    with acme.running("--log", str(log)) as process, log.open() as lines:
        assert "running" in lines.readline()
        assert "run by another process" in acme.run("sync", code=1).stderr
        process.terminate()
        assert "stopping" in lines.read()
        assert process.communicate(timeout=30) == ("", "")


def test_a_share_that_is_gone_ends_sync_with_4_and_the_next_one_goes_on(pairs: tuple[Company, Company]) -> None:
    acme, _ = pairs
    there = acme.folder / "there"
    there.rename(acme.folder / "gone")
    try:
        said = acme.run("sync", "--timeout", 20, code=4)
        assert str(there) in said.stderr
        assert "problem" in {one["state"] for one in acme.json("doctor", code=1) if "channel" in one["what"]}
    finally:
        (acme.folder / "gone").rename(there)
    acme.run("sync")
    assert acme.link()["reason"] == ""


def test_an_answer_that_is_carried_by_hand_makes_the_same_link(folder: Path) -> None:
    acme, beta = Company("acme", folder), Company("beta", folder)
    for company in (acme, beta):
        company.found()
    options = share(folder, acme, beta)
    file, answer, secret = folder / "offer", folder / "answer", folder / "secret"
    secret.write_text("correct horse\nbattery\n")
    acme.run("link", "create", "beta", *options["acme"], "--out", file, "--passphrase-file", secret)
    assert file.stat().st_mode & 0o777 == 0o600
    beta.run("handshake", "show", file, code=5)
    joined = beta.run("link", "join", file, "--name", "acme", *options["beta"], "--yes", "--out", answer,
                      "--passphrase-file", secret)  # fmt: skip
    acme.run("link", "accept", answer)
    ten = acme.json("link", "verify", "beta")["words"]
    assert " ".join(ten[:5]) in " ".join(joined.stdout.split())
    assert "accepted already" in acme.run("link", "accept", answer, code=5).stderr
