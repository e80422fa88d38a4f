"""How much of an issue's history travels."""

from backbone.model import Cell
from backbone.replication.history import only_last
from backbone.replication.merge import Stamp
from backbone.replication.message import ChangeSet, Operation
from backbone.replication.origin import Origin

HERE, THERE = "0a0a0a0a", "0b0b0b0b"


def said(gid: str, n: int, author: str = "ann", path: tuple[str, ...] = (), **cells: str) -> ChangeSet:
    stamp = Stamp(1, n, 0, 0)
    operations = tuple(Operation(Cell(name), value, stamp, stamp) for name, value in cells.items())
    return ChangeSet(gid, author, f"2026-01-01T00:00:0{n}Z", operations, Origin(n, HERE, n) if path else None, path)


def values(change_set: ChangeSet) -> dict[str, object]:
    return {operation.cell.field: operation.value for operation in change_set.operations}


def test_updates_of_one_issue_become_what_they_led_to() -> None:
    (one,) = only_last([said("g", 1, title="a", status="new"), said("g", 2, "joe", title="b")])
    assert values(one) == {"title": "b", "status": "new"}
    assert (one.author, one.at) == ("ann", "2026-01-01T00:00:01Z")
    assert {o.cell.field: o.write.master_n for o in one.operations} == {"title": 2, "status": 1}


def test_other_issues_stay_apart_in_the_order_in_which_they_began() -> None:
    made = only_last([said("g", 1, title="a"), said("h", 2, title="x"), said("g", 3, title="b")])
    assert [(one.gid, values(one)["title"]) for one in made] == [("g", "b"), ("h", "x")]


def test_of_our_own_updates_the_last_origin_stays() -> None:
    (one,) = only_last([said("g", 1, path=(HERE,), title="a"), said("g", 2, path=(HERE,), title="b")])
    assert one.origin == Origin(2, HERE, 2)


def test_what_came_over_another_tracker_stays_by_itself() -> None:
    far = (THERE, HERE)
    made = only_last([said("g", n, path=path, title=str(n)) for n, path in enumerate((far, far, (HERE,), (HERE,)), 1)])
    assert [values(one)["title"] for one in made] == ["1", "2", "4"]
