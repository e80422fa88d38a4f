"""What the contract does not say of the memory tracker: its file, its ids, its settings."""

from pathlib import Path

import pytest

from backbone.errors import ConfigError
from backbone.model import ATTACHMENT, COMMENT, Applied, Cell, Person, Write
from backbone.trackers.memory import Impossible, MemoryTracker, connect

TITLE = Cell("title")
AT = "2026-11-21T04:19:00Z"


async def test_a_tracker_with_a_file_is_the_same_after_a_restart(tmp_path: Path) -> None:
    tracker = connect({"path": tmp_path / "t.jsonl"})
    local = tracker.create({TITLE: "eins ü", Cell("labels", "x"): True}, "alice", AT)
    comment = tracker.comment(local, "hello", "bob", AT)
    attachment = tracker.attach(local, "a.bin", b"\x00\xff", "bob", AT)
    gone = tracker.create({TITLE: "gone"}, "alice", AT)
    tracker.remove(gone)
    tracker.edit_comment(local, comment, "hello again", "bob", AT)
    (applied,) = await tracker.apply([Write("k", local, None, {TITLE: "zwei", Cell("labels", "y"): True})])
    before = (await tracker.touched((0,), 100), await tracker.read([local, gone]), await tracker.describe())
    await tracker.close()

    again = connect({"path": tmp_path / "t.jsonl"})
    assert (await again.touched((0,), 100), await again.read([local, gone]), await again.describe()) == before
    assert await again.find(["k"]) == {"k": applied}
    await again.open_attachment(attachment, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"\x00\xff"
    assert again.create({TITLE: "next"}) == "3"
    await again.close()


async def test_half_a_line_never_happened(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    tracker = connect({"path": path})
    tracker.create({TITLE: "one"}, at=AT)
    whole = path.read_bytes()
    tracker.create({TITLE: "two"}, at=AT)
    await tracker.close()
    path.write_bytes(path.read_bytes()[:-5])

    again = connect({"path": path})
    assert await again.head() == (1,)
    assert await again.head() == (1,)
    again.create({TITLE: "other two"}, at=AT)
    assert await again.head() == (2,)
    assert path.read_bytes().startswith(whole)
    third = connect({"path": path})
    assert [issue.cells[TITLE] for issue in await third.issues(None, 10)] == ["one", "other two"]
    await again.close()
    await third.close()


async def test_two_processes_share_a_file_without_losing_an_edit(tmp_path: Path) -> None:
    one, two = connect({"path": tmp_path / "t.jsonl"}), connect({"path": tmp_path / "t.jsonl"})
    local = one.create({TITLE: "0"})
    position = await two.head()
    one.edit(local, {TITLE: "1"})
    outcomes = await two.apply([Write("k", local, position, {TITLE: "2"})])
    assert not isinstance(outcomes[0], Applied)
    assert (await two.read([local]))[local].cells[TITLE] == "1"
    await one.close()
    await two.close()


async def test_what_cannot_be_leaves_nothing() -> None:
    tracker = MemoryTracker()
    with pytest.raises(Impossible, match="title"):
        tracker.create({Cell("description"): "no title"})
    local = tracker.create({TITLE: "one"})
    with pytest.raises(Impossible, match="no value 'lost'"):
        tracker.edit(local, {Cell("status"): "lost", TITLE: "two"})
    with pytest.raises(Impossible, match="is a set"):
        tracker.edit(local, {Cell("labels"): "x"})
    with pytest.raises(Impossible, match="is not a set"):
        tracker.edit(local, {Cell("title", "x"): True})
    assert await tracker.head() == (1,)
    assert (await tracker.read([local]))[local].cells == {TITLE: "one"}


async def test_a_relation_with_one_target_keeps_the_last() -> None:
    tracker = MemoryTracker()
    one, two, three = (tracker.create({TITLE: title}) for title in ("one", "two", "three"))
    tracker.edit(one, {Cell("duplicate_of", two): True})
    (applied,) = await tracker.apply([Write("k", one, None, {Cell("duplicate_of", three): True})])
    assert isinstance(applied, Applied)
    assert applied.cells == {Cell("duplicate_of", three): True, Cell("duplicate_of", two): None}


async def test_a_flag_that_is_off_is_not_an_empty_field() -> None:
    tracker = MemoryTracker()
    local = tracker.create({TITLE: "one", Cell("private"): False, Cell("description"): ""})
    assert (await tracker.read([local]))[local].cells == {TITLE: "one", Cell("private"): False}


async def test_several_new_parts_of_one_write_get_ids_of_their_own(tmp_path: Path) -> None:
    tracker = MemoryTracker()
    (tmp_path / "x").write_bytes(b"x")
    cells = {
        TITLE: "one",
        Cell(COMMENT, "+a"): {"text": "a"},
        Cell(COMMENT, "+b"): {"text": "b"},
        Cell(ATTACHMENT, "+c"): {
            "name": "x",
            "sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
        },
    }
    files = {"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881": str(tmp_path / "x")}
    (applied,) = await tracker.apply([Write("k", None, None, cells, at=AT, files=files)])  # type: ignore[arg-type]
    assert isinstance(applied, Applied)
    assert len(set(applied.created.values())) == len(applied.created) == 3
    assert applied.cells[Cell(COMMENT, applied.created["+b"])] == {"text": "b", "author": "backbone", "created": AT}


def test_an_unknown_setting_is_named() -> None:
    with pytest.raises(ConfigError, match="'paht'"):
        connect({"paht": "x"})


async def test_users_that_were_made_are_there_for_every_process(tmp_path: Path) -> None:
    tracker = MemoryTracker(path=tmp_path / "tracker")
    await tracker.enlist([Person("acme-eve", "Eve")])
    await tracker.enlist([Person("acme-eve", "Somebody else"), Person("acme-bo", "Bo")])
    other = MemoryTracker(path=tmp_path / "tracker")
    people = (await other.describe()).people.values()
    assert {one.login: one.name for one in people} == {"acme-eve": "Eve", "acme-bo": "Bo"}
    await tracker.close()
    await other.close()
