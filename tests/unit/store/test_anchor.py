"""The anchor tells an old copy of a store from the newest."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbone.store import anchor
from backbone.store.anchor import Anchor, Finding, judge
from backbone.store.engine import StoreError, in_memory
from tests.unit.store.places import NODE_ID, begin_node

ALICE = Anchor(NODE_ID, life=2, boot=3, commits=40)
counts = st.integers(0, 5)
anchors = st.builds(Anchor, st.sampled_from([NODE_ID, "another-node"]), counts, counts, counts, st.booleans())


@given(store=anchors, noted=anchors)
def test_fine_only_when_the_store_is_at_least_there_and_ended_in_order(store: Anchor, noted: Anchor) -> None:
    finding = judge(store, noted).finding
    old = store.commits < noted.commits or (store.life, store.boot) < (noted.life, noted.boot)
    assert (finding is Finding.FOREIGN) == (store.node_id != noted.node_id)
    assert (finding is Finding.ROLLED_BACK) == (store.node_id == noted.node_id and old)
    if finding is Finding.FINE:
        assert noted.clean
    assert bool(judge(store, noted).sentence) == (finding is not Finding.FINE)


@given(history=st.lists(st.sampled_from(["commit", "start", "crash", "life"]), max_size=30), data=st.data())
def test_any_older_copy_is_noticed_and_the_newest_never_accused(history: list[str], data: st.DataObject) -> None:
    """Each step is a commit, as in the store; the anchor is written at each but where a process crashed before."""
    store = Anchor(NODE_ID, 1, 0, 0)
    noted, copies = store, []
    for step in history:
        copies.append(store)
        life, boot = store.life + (step == "life"), 0 if step == "life" else store.boot + (step == "start")
        store = Anchor(NODE_ID, life, boot, store.commits + 1)
        if step != "crash":
            noted = store
        assert judge(store, noted).finding is Finding.UNCLEAN
        assert judge(store, replace(store, clean=True)).finding is Finding.FINE
    if copies:
        old = data.draw(st.sampled_from(copies))
        assert (judge(old, noted).finding is Finding.ROLLED_BACK) == (old.commits < noted.commits)


@pytest.mark.parametrize(
    ("noted", "finding"),
    [
        (None, Finding.MISSING),
        (replace(ALICE, clean=True), Finding.FINE),
        (replace(ALICE, clean=True, commits=39), Finding.FINE),
        (ALICE, Finding.UNCLEAN),
        (replace(ALICE, clean=True, boot=2), Finding.UNCLEAN),
        (replace(ALICE, clean=True, life=1, boot=9), Finding.UNCLEAN),
        (replace(ALICE, clean=True, commits=41), Finding.ROLLED_BACK),
        (replace(ALICE, clean=True, life=3, commits=1), Finding.ROLLED_BACK),
        (replace(ALICE, clean=True, boot=4), Finding.ROLLED_BACK),
        (replace(ALICE, clean=True, node_id="bobs-node"), Finding.FOREIGN),
    ],
)
def test_the_five_findings(noted: Anchor | None, finding: Finding) -> None:
    assert judge(ALICE, noted).finding is finding


def test_the_sentence_says_how_far_and_what_to_do() -> None:
    sentence = judge(ALICE, replace(ALICE, commits=77)).sentence
    assert "commit 40" in sentence
    assert "commit 77" in sentence
    assert "no change is sent before the partner has told" in sentence


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "state" / "anchors" / "a.json"
    assert anchor.read(path) is None
    for value in (ALICE, replace(ALICE, commits=41, clean=True)):
        anchor.write(path, value)
        assert anchor.read(path) == value
    assert [file.name for file in path.parent.iterdir()] == ["a.json"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_crash_while_writing_leaves_the_old_anchor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    anchor.write(path, ALICE)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match=r"a\.json cannot be written: No space left on device; check"):
            anchor.write(path, replace(ALICE, commits=41))
    assert anchor.read(path) == ALICE
    anchor.write(path, replace(ALICE, commits=42))
    assert anchor.read(path) == replace(ALICE, commits=42)


GOOD = {"version": 1, "node_id": NODE_ID, "life": 1, "boot": 1, "commits": 1, "clean": True}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[" * 4000,
        b"[]",
        b" " * 5000 + json.dumps(GOOD).encode(),
        json.dumps(GOOD | {"version": "1"}).encode(),
        json.dumps(GOOD | {"life": "1"}).encode(),
        json.dumps(GOOD | {"boot": True}).encode(),
        json.dumps(GOOD | {"commits": -1}).encode(),
        json.dumps(GOOD | {"more": 1}).encode(),
        json.dumps({key: value for key, value in GOOD.items() if key != "clean"}).encode(),
    ],
)
def test_a_damaged_anchor_is_no_anchor_and_no_permission(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"a\.json is damaged; .*delete this file"):
        anchor.read(path)


def test_an_anchor_of_another_form_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(GOOD | {"version": 2, "more": 1}))
    with pytest.raises(StoreError, match=r"another Backbone \(form 2\); install that one"):
        anchor.read(path)


def test_what_is_no_file_is_explained(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be read: Is a directory"):
        anchor.read(tmp_path)


def test_the_usual_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/alice")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert anchor.default_path(NODE_ID) == Path(f"/home/alice/.local/state/backbone/anchors/{NODE_ID}.json")
    monkeypatch.setenv("XDG_STATE_HOME", "relative/is/ignored")
    assert anchor.default_path(NODE_ID).is_relative_to("/home/alice/.local/state")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert anchor.default_path(NODE_ID) == Path(f"/state/backbone/anchors/{NODE_ID}.json")


@pytest.mark.parametrize("node_id", ["", "../../etc", "a" * 65, "0123456\n", "x/yyyyyyyy"])
def test_a_node_id_cannot_lead_elsewhere(node_id: str) -> None:
    with pytest.raises(StoreError, match="node id"):
        anchor.default_path(node_id)


def test_a_store_says_where_it_stands() -> None:
    store = in_memory()
    store.run_now(begin_node)
    store.run_now(lambda _: None)
    assert store.read_now(anchor.stand) == Anchor(NODE_ID, 1, 0, 1)
    assert store.read_now(lambda connection: anchor.stand(connection, clean=True)).clean
    store.close()
