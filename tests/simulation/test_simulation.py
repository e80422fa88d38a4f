"""Whole nodes in many seeded worlds: all promises are kept, and the worlds are as bad as they claim."""

import asyncio
import os
import subprocess
import sys
from collections import Counter

import pytest
from sqlalchemy import select

from backbone.replication.merge import Policy
from backbone.store.tables import conflict
from tests.simulation.channel import MAIL
from tests.simulation.keys import keys_of
from tests.simulation.node import AGREEMENT, Node
from tests.simulation.world import Restored, World, run

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "500"))
SEEDS_AT_ONCE = 25
"""One test: small enough that two workers end at about the same time."""
STORY_LINES = 60

POINTS = {
    "dies before commit", "dies after commit", "dies before read",
    "dies before tracker.touched", "dies after tracker.touched", "dies before tracker.touched_of",
    "dies after tracker.touched_of", "dies before tracker.apply", "dies after tracker.apply",
    "dies before tracker.head", "dies before tracker.issues", "dies before tracker.open_attachment",
    "dies before channel.receive", "dies after channel.receive", "dies before channel.confirm",
    "dies after channel.confirm", "dies before channel.send", "dies after channel.send",
    "dies before channel.acknowledged", "dies before keys.seal", "dies after keys.seal", "dies before keys.open_signed",
    "dies after keys.open_signed",
}  # fmt: skip
MISFORTUNES = {
    "lost", "repeated", "replayed", "altered", "Stale", "Refused", "Applied late", "no answer before tracker.apply",
    "no answer after tracker.apply", "no answer before tracker.touched", "asks for another attempt",
    "finished after a crash", "cut off", "late by days", "share away", "disk full", "stale read", "clock jumps",
}  # fmt: skip


def explained(seed: int, broken: list[str], world: World) -> str:
    story = "\n".join(world.story[-STORY_LINES:])
    return f"seed {seed} breaks {len(broken)} promises:\n" + "\n".join(broken[:8]) + f"\n... its story ends:\n{story}"


@pytest.mark.parametrize("first", range(0, SEEDS, SEEDS_AT_ONCE))
def test_every_promise_is_kept_in_every_world(first: int) -> None:
    failures = []
    for seed in range(first, min(first + SEEDS_AT_ONCE, SEEDS)):
        broken, world = run(seed)
        if broken:
            failures.append(explained(seed, broken, world))
    assert not failures, "\n\n".join(failures)


@pytest.mark.parametrize("first", range(0, SEEDS // 5, SEEDS_AT_ONCE))
def test_every_promise_is_kept_while_the_agreement_changes(first: int) -> None:
    failures = []
    changed = 0
    for seed in range(first, min(first + SEEDS_AT_ONCE, SEEDS // 5)):
        broken, world = run(seed, changing=True)
        changed += world.nodes[0].ep.version > 1
        if broken:
            failures.append(explained(seed, broken, world))
    assert not failures, "\n\n".join(failures)
    assert changed > 0, "nothing took effect in any of these worlds"


@pytest.mark.parametrize("restored", [Restored.ONE, Restored.BOTH])
@pytest.mark.parametrize("first", range(0, SEEDS // 5, SEEDS_AT_ONCE))
def test_every_promise_is_kept_where_stores_are_put_back(first: int, restored: Restored) -> None:
    failures = []
    for seed in range(first, min(first + SEEDS_AT_ONCE, SEEDS // 5)):
        broken, world = run(seed, restored=restored)
        if broken:
            failures.append(explained(seed, broken, world))
    assert not failures, "\n\n".join(failures)


@pytest.mark.parametrize("first", range(0, SEEDS // 5, SEEDS_AT_ONCE))
def test_every_promise_is_kept_where_issues_are_cut_and_added(first: int) -> None:
    failures = []
    met: Counter[str] = Counter()
    for seed in range(first, min(first + SEEDS_AT_ONCE, SEEDS // 5)):
        broken, world = run(seed, cutting=True)
        met += world.counts
        if broken:
            failures.append(explained(seed, broken, world))
    assert not failures, "\n\n".join(failures)
    assert {"cut", "added"} <= set(met)


@pytest.mark.parametrize("restored", [Restored.NEVER, Restored.ONE])
@pytest.mark.parametrize("first", range(0, SEEDS // 5, SEEDS_AT_ONCE))
def test_nothing_is_there_twice_where_both_trackers_were_filled_before_the_link(first: int, restored: Restored) -> None:
    failures = []
    paired = 0
    for seed in range(first, min(first + SEEDS_AT_ONCE, SEEDS // 5)):
        broken, world = run(seed, restored=restored, pairing=True)
        paired += world.nodes[1].paired()
        if broken:
            failures.append(explained(seed, broken, world))
    assert not failures, "\n\n".join(failures)
    assert paired > 0


@pytest.mark.parametrize("first", range(0, SEEDS // 5, SEEDS_AT_ONCE))
def test_nothing_of_an_issue_out_of_scope_leaves_and_all_of_it_comes_when_it_is_back(first: int) -> None:
    failures = []
    kept = 0
    for seed in range(first, min(first + SEEDS_AT_ONCE, SEEDS // 5)):
        broken, world = run(seed, scoped=True)
        kept += world.secrets.kept if world.secrets is not None else 0
        if broken:
            failures.append(explained(seed, broken, world))
    assert not failures, "\n\n".join(failures)
    assert kept > 0, "nobody edited an issue out of scope"


@pytest.mark.parametrize("first", range(0, SEEDS // 5, SEEDS_AT_ONCE))
def test_every_promise_is_kept_while_keys_change(first: int) -> None:
    failures = []
    met: Counter[str] = Counter()
    for seed in range(first, min(first + SEEDS_AT_ONCE, SEEDS // 5)):
        broken, world = run(seed, rotating=True)
        met += world.counts
        met["rotated"] += sum(bool(keys_of(node).theirs.signing) for node in world.nodes)
        if broken:
            failures.append(explained(seed, broken, world))
    assert not failures, "\n\n".join(failures)
    assert {"forged", "rotated"} <= set(met)


MAIL_SEEDS = 100


@pytest.mark.parametrize("first", range(0, MAIL_SEEDS, SEEDS_AT_ONCE))
def test_every_promise_is_kept_over_mail(first: int) -> None:
    failures = []
    met: Counter[str] = Counter()
    for seed in range(first, first + SEEDS_AT_ONCE):
        broken, world = run(seed, carrier=MAIL)
        met += world.counts
        if broken:
            failures.append(explained(seed, broken, world))
    assert not failures, "\n\n".join(failures)
    assert {"throttled", "greylisted", "bounced", "lost", "repeated", "altered"} <= set(met)


@pytest.mark.parametrize("seed", [3, 39, 148])
def test_a_seed_gives_the_same_story_twice(seed: int) -> None:
    assert run(seed)[1].trace() == run(seed)[1].trace()


def test_a_seed_gives_the_same_story_in_every_process() -> None:
    command = [sys.executable, "-m", "tests.simulation", "--from", "7", "--seeds", "3", "--trace"]
    printed = [
        subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": salt}, capture_output=True, check=True).stdout
        for salt in ("1", "2")
    ]
    first, second = ([line for line in text.splitlines() if line.startswith(b"seed")] for text in printed)
    assert len(first) == 3
    assert first == second


def conflicts(node: Node) -> list[str]:
    """The policies under which a value lost."""
    rows = node.store.read_now(lambda tx: tx.execute(select(conflict.c.field)).scalars().all())
    return [str(AGREEMENT["fields"].get(field, {}).get("policy", "newest")) for field in rows]


def test_the_worlds_are_as_bad_as_they_claim() -> None:
    met: Counter[str] = Counter()
    for seed in range(100):
        world = World(seed)
        asyncio.run(world.run(150))
        met += world.counts
        met.update(f"conflict {policy}" for node in world.nodes for policy in conflicts(node))
    assert POINTS | MISFORTUNES | {f"conflict {policy}" for policy in Policy} <= set(met), sorted(met.items())
