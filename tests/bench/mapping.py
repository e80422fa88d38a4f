"""One issue with 30 fields through every kind of rule: out, compared with its shadow, in, and joined."""

import statistics
import time
from collections.abc import Callable
from typing import Any

from backbone.model import COMMENT, Cell, Field, FieldType, Schema, Value
from backbone.replication import diff
from backbone.replication.agreement import Agreement
from backbone.replication.mapping import Names, Rules, Translation
from backbone.replication.merge import Register, Side
from tests.bench.report import Figure, Options

ROUNDS = 2_000
_STATES = ("unread", "chatting", "testing", "resolved")
_RULES: list[tuple[dict[str, Any], dict[str, Any], Field, Value]] = [
    *(({"local": f"text{n}"}, {"type": "text"}, Field(f"text{n}", FieldType.TEXT), "some words") for n in range(12)),
    *((
        {"local": f"state{n}", "values": {"new": ["unread", "chat*"], "open": "testing", "done": "resolved"}},
        {"type": "choice", "values": ["new", "open", "done"]}, Field(f"state{n}", FieldType.CHOICE, _STATES), "testing",
    ) for n in range(8)),
    *((
        {"local": f"release{n}", "patterns": [{"local": "Release {a}.{b}", "agreed": "{a}.{b}"}]},
        {"type": "version"}, Field(f"release{n}", FieldType.TEXT), "Release 4.2",
    ) for n in range(3)),
    *(({"local": f"hours{n}"}, {"type": "number"}, Field(f"hours{n}", FieldType.NUMBER), "2.5") for n in range(3)),
    ({"local": "since"}, {"type": "date"}, Field("since", FieldType.DATETIME), "2026-11-21T09:30:00Z"),
    ({"local": "parts", "separator": ", "}, {"type": "labels"}, Field("parts", FieldType.TEXT), "core, web, ui"),
    ({"local": "title", "strip_prefix": "ACME: "}, {"type": "text"}, Field("title", FieldType.TEXT), "ACME: it leaks"),
    ({"first_match": [{"when": {"state0": "resolved", "state1": "*"}, "value": "done"},
                      {"when": {"state0": "testing"}, "value": "tested"}], "direction": "to_remote"},
     {"type": "choice"}, Field("unused", FieldType.TEXT), "x"),
]  # fmt: skip


def measure(options: Options) -> list[Figure]:
    """Seconds for one issue, the median of many rounds."""
    work = _work()
    work()
    times = []
    for _ in range(ROUNDS // (10 if options.quick else 1)):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    middle = statistics.median(times)
    return [Figure(
        f"mapping, diff and merge of one issue with {len(_RULES)} fields, out and in", f"{middle * 1e6:.0f} µs",
        "one thread, no store", "< 1 ms", middle < 0.001,
    )]  # fmt: skip


def _work() -> Callable[[], None]:
    agreement = Agreement.parse({"fields": {f"field{n}": a for n, (_, a, _, _) in enumerate(_RULES)}}, "bench")
    rules = Rules.parse({"fields": {f"field{n}": r for n, (r, _, _, _) in enumerate(_RULES)}}, "bench")
    schema = Schema({known.name: known for _, _, known, _ in _RULES})
    words = Translation(agreement, rules, "alice's", "bot")
    assert words.problems(schema) == []
    names = Names(lambda _, local: local, lambda gid: gid, lambda _: False, lambda *_: False)
    cells: dict[Cell, Value] = {Cell(known.name): value for _, _, known, value in _RULES}
    cells[Cell(COMMENT, "1")] = {"text": "hello", "author": "ann", "created": "2026-11-21T09:30:00Z"}
    policies = agreement.policies()

    def work() -> None:
        out = words.to_agreed(cells, schema, names, {}, fresh=True)
        captured = diff.capture({}, out.cells, Side.MASTER, 1, 1, out.quiet)
        known: dict[Cell, Register] = {}
        plan = diff.plan(known, captured.operations, policies)
        inward = words.to_local(plan.targets, schema, names, known, lambda _: True)
        assert len(inward.cells) >= len(_RULES) - 1

    return work
