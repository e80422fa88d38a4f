"""Any bytes: only the documented error, within bounded memory and time. ``make fuzz SECONDS=…`` hunts for longer."""

import os
from collections import Counter

import msgpack
import pytest

from tests.fuzz.bounds import MIB, Fault, traced, tried
from tests.fuzz.running import CORPUS, hunt, known_faults, samples
from tests.fuzz.samples import valid
from tests.fuzz.targets import TARGETS, put_away

SECONDS = float(os.environ.get("FUZZ_SECONDS", "12"))
SEED = 5


WITHOUT_THE_REST = {"header", "stranger", "file"}
"""A header by itself has no body whose digest would be its own."""


def explained(fault: Fault) -> str:
    return f"{fault.target}: {fault.words}: {fault.data[:200]!r} ({len(fault.data)} bytes)"


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus_is_taken_as_promised(name: str) -> None:
    assert samples(TARGETS[name])
    assert [explained(fault) for fault in known_faults([TARGETS[name]])] == []


def test_the_corpus_has_nothing_that_no_parser_takes() -> None:
    assert {path.name for path in CORPUS.iterdir()} == TARGETS.keys()


def test_what_we_make_ourselves_is_taken() -> None:
    """Or the hunt would only ever see the first gate."""
    refused = []
    for target, name, data in valid():
        one = TARGETS[target]
        if not one.slow and target not in WITHOUT_THE_REST:
            try:
                one.parse(data)
            except Exception as error:  # noqa: BLE001 - any refusal is wrong here
                refused.append(f"{target}/{name}: {error!r}")
    assert refused == []


def test_a_short_hunt_finds_nothing() -> None:
    counts: Counter[str] = Counter()
    assert [explained(fault) for fault in hunt(TARGETS.values(), SECONDS, SEED, counts)] == []
    assert counts.keys() == TARGETS.keys()


def array(item: bytes, count: int) -> bytes:
    return b"\xdd" + count.to_bytes(4, "big") + item * count


OPERATION = msgpack.packb(["a", "", None, [0] * 4, [0] * 4])
SIZE = 2 * MIB
BOMBS = {
    "empty maps": ("change_sets", array(b"\x80", SIZE)),
    "lists of nothing": ("change_sets", array(b"\x91\xc0", SIZE // 2)),
    "lists of lists": ("change_sets", array(array(b"\x90", 1_000), SIZE // 1_005)),
    "short texts": ("change_sets", array(b"\xa2ab", SIZE // 3)),
    "operations": ("change_sets", array(b"\x94\xa1g\xa0\xa0" + array(OPERATION, 4_900), 25)),
    "wrong operations": ("change_sets", array(b"\x94\xa1g\xa0\xa0" + array(b"\x80", 100_000), 20)),
    "wrong buckets": ("record", msgpack.packb({"step": "busy", "buckets": dict.fromkeys(map(str, range(200_000)), 1)})),
    "wrong cells": ("record", msgpack.packb({"step": "busy", "cells": {"a": [[]] * SIZE}})),
    "unknown keys": ("record", msgpack.packb(dict.fromkeys(map(str, range(200_000)), 1))),
    "unknown keys of an offer": ("offer", b'{"format":"backbone-handshake","version":1,' +
                                 b",".join(b'"%d":1' % n for n in range(90_000)) + b"}"),
    "wrong protocols": ("offer", b'{"format":"backbone-handshake","protocols":[' + b'"",' * 300_000 +
                        b'""],"version":1}'),
    "a text without an end": ("offer", b'{"a' + b'\\"' * (MIB // 2 - 10)),
    "brackets": ("offer", b'{"a":' + b"[" * 500_000),
    "zeros": ("inflate", (16 * MIB).to_bytes(4, "big") + b"\x28\xb5\x2f\xfd\xa0\0\0\0\x01" + b"\x02\0\x10\0" * 10),
    "parts in parts": ("mail", b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (n, n)
                                        for n in range(20_000))),
    "headers": ("mail", b"From: mailer-daemon\n" + b"Message-ID:\n" * 100_000 + b" " * MIB),
    "a long key": ("mapping", b"a." * 250_000 + b"a = 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_no_more_than_its_size(name: str) -> None:
    target, data = BOMBS[name]
    with traced():
        fault = tried(TARGETS[target], data)
    put_away()
    assert fault is None, f"{name}: {fault.words}"
