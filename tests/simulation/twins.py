"""What both trackers hold before the link: some issues are on both sides, with comments and files of which some are."""

import random
from collections.abc import Sequence

from backbone.model import Cell
from backbone.replication.twins import Pairing
from tests.simulation.node import Node
from tests.simulation.people import BOTH, Person

KEY = "description"
"""Nobody edits it: the promises know an issue by it."""


def fill(nodes: Sequence[Node], people: Sequence[Person], dice: random.Random) -> None:
    """The second node pairs."""
    nodes[1].pairing = Pairing(KEY)
    for _ in range(dice.randrange(1, 6)):
        both = dice.random() < 0.6
        text = people[0].unique("issue")
        sides = (0, 1) if both else (dice.randrange(2),)
        people[sides[0]].made.append(text)
        made = {side: _create(nodes[side], people[side], text, dice) for side in sides}
        for _ in range(dice.randrange(3)):
            _add(nodes, people, made, dice)


def _create(node: Node, person: Person, text: str, dice: random.Random) -> str:
    return node.tracker.create(
        {
            Cell("title"): dice.choice((text, person.unique("title"))),
            Cell(KEY): text,
            Cell("status"): dice.choice(("new", "open", "closed")),
            Cell("labels", dice.choice(("red", "green"))): True,
        },
        person.name,
    )


def _add(nodes: Sequence[Node], people: Sequence[Person], made: dict[int, str], dice: random.Random) -> None:
    """A comment or a file, on both sides or on one."""
    sides = dice.choice([tuple(made), (dice.choice(tuple(made)),)])
    comment = dice.random() < 0.7
    text = people[sides[0]].unique("comment" if comment else "file")
    if comment:
        people[sides[0]].made.append(text)
    for side in sides:
        if comment:
            nodes[side].tracker.comment(made[side], text, BOTH, "2025-01-01T09:00:00Z")
        else:
            nodes[side].tracker.attach(made[side], text, text.encode(), BOTH)
