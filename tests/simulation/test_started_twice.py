"""A node is started twice: both copies work on one tracker and speak for one node, until somebody stops one of them."""

import asyncio
import random
import shutil
from dataclasses import dataclass

import pytest

from tests.simulation.channel import DIRECTORY, SimulatedChannel
from tests.simulation.node import Habits, Node, remove
from tests.simulation.test_copied_store import copied, put_back
from tests.simulation.world import ACTIONS, World

BEFORE, BOTH = 60, 90
"""Steps with one copy, and with two."""
SEEDS = 40
SEEDS_AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class Twice:
    """What came of one seed."""

    broken: list[str]
    fenced: bool
    noticed: bool


async def twice(seed: int) -> Twice:
    """Parcels are lost, late and turned round as in any world; nobody dies, as the copies share a name."""
    habits = (Habits.thrown(random.Random(seed)), Habits.thrown(random.Random(seed + 1)))
    world = World(seed, habits, snapshots=True)
    world.crash = world.nested = 0.0
    dice = random.Random(seed)
    try:
        for node in world.nodes:
            await node.start()
        await _work(world, dice, world.nodes, BEFORE)
        original = dice.choice(world.nodes)
        copy = await _started_again(world, original, habits)
        await _work(world, dice, [*world.nodes, copy], BOTH)
        fenced = [node for node in (original, copy) if node.is_fenced()]
        lives = copy if fenced == [original] or (len(fenced) != 1 and dice.random() < 0.5) else original
        world.nodes[world.nodes.index(original)] = lives
        noticed = any(node.state().life[0] > 1 for node in (original, copy))
        return Twice(await world._calm_down(), bool(fenced), noticed)
    finally:
        remove(world.folder)


async def _started_again(world: World, original: Node, habits: tuple[Habits, Habits]) -> Node:
    """Of the folder as it is now; the tracker and what lies in the channel are one."""
    index = world.nodes.index(original)
    there, back = world.airs if index == 0 else world.airs[::-1]
    channel = SimulatedChannel(there, back, DIRECTORY, lambda: world.now)
    folder = world.folder / "copy"
    folder.mkdir()
    copy = Node(original.side, original.peer, folder, channel, world, original.clock, habits[index])
    copy.tracker = original.tracker
    put_back(copy, copied(original))
    if (world.folder / original.name).exists():
        shutil.copytree(world.folder / original.name, folder / original.name)
    await copy.start()
    return copy


async def _work(world: World, dice: random.Random, nodes: list[Node], steps: int) -> None:
    for _ in range(steps):
        world.now += dice.choice((0.01, 0.1, 1.0, 10.0))
        if dice.random() < 0.2:
            await dice.choice(world.people).act()
        else:
            await world._act(dice.choice(nodes), dice.choice(ACTIONS))


@pytest.mark.parametrize("first", range(0, SEEDS, SEEDS_AT_ONCE))
def test_whichever_copy_is_stopped_the_other_agrees_with_the_partner(first: int) -> None:
    found = {seed: asyncio.run(twice(seed)) for seed in range(first, first + SEEDS_AT_ONCE)}
    assert {seed: one.broken for seed, one in found.items() if one.broken} == {}
    assert any(one.noticed for one in found.values())


def test_a_copy_is_fenced_by_what_the_other_one_does() -> None:
    assert any(asyncio.run(twice(seed)).fenced for seed in range(SEEDS_AT_ONCE))
