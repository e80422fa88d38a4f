"""The sweep: a node is killed at a named point, started again, and both sides must come to agree.

``python -m tests.crash`` sweeps all of it and says which points were met.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from tests.crash.companies import BOUND_SECONDS, LARGE_BYTES, Companies, runs
from tests.crash.occasions import OCCASIONS, Admins, Occasion
from tests.support.mail import wait_until

LOOKS = 100
"""So often all was equal and the process alive: its point is not on the way."""

FRESH = ("handshake: step stored", "handshake: document sent", "populate: recorded", "control: taken")
"""Passed once in a link's life: each death has a pair of nodes of its own."""
LEFT = "pairing: said what was left"
"""Passed when a person has said which of two issues is the twin."""
PAIRING = ("pairing: looked", "pairing: followed", LEFT)
"""Passed by who joins, where both trackers hold the same issue before the link."""
MASTERS = ("handshake: key pinned", "handshake: acceptance stored")
"""Passed by the master alone, ..."""
TURNED = "agreeing: turned"
"""... and so is this when an agreement changes."""
STEADY = (
    "capture: contents fetched", "capture: recorded", "send: sealed", "send: sent", "send: marked", "receive: opened",
    "receive: stored", "receive: confirmed", "apply: planned", "tracker: committed", "apply: written",
    "apply: finished", "parts: appended", "parts: complete", "parts: taken",
)  # fmt: skip
RECOVERY = ("resume: found", "resume: finished")
"""Passed when the process died with a write begun: the first death is at ``BEFORE_RECOVERY``."""
BEFORE_RECOVERY = ("apply: planned", "tracker: committed", "apply: written")
SIDES = ("alice", "bob")
TWIN, NO_TWIN = "known to both before the link", "known to Bob alone"


class Death(NamedTuple):
    """Who dies, where, at which passing; for deaths in recovery, where before."""

    who: str
    point: str
    passing: int = 1
    before: str = ""

    def __str__(self) -> str:
        return f"{self.who} at {self.point} {self.passing}" + (f" after {self.before}" if self.before else "")


def fresh(passings: Sequence[int]) -> Iterator[Death]:
    """In the handshake and the first population."""
    for passing in passings:
        for who in SIDES:
            once = MASTERS if who == "alice" else PAIRING
            yield from (Death(who, point, passing) for point in (*(once if passing == 1 else ()), *FRESH))


def steady(passings: Sequence[int]) -> Iterator[Death]:
    """While people work on both sides, and in recovery itself."""
    for passing in passings:
        for who in SIDES:
            yield from (Death(who, point, passing) for point in STEADY)
    for who in SIDES:
        yield from (Death(who, point, 1, before) for point in RECOVERY for before in BEFORE_RECOVERY)


def by_admins() -> Iterator[Death]:
    """While an admin has something done that is not done every day."""
    yield from (Death(who, point) for who in SIDES for point in OCCASIONS if who == "alice" or point != TURNED)


def into_trackers() -> Iterator[Death]:
    """Where a write into a real tracker is begun, made or known."""
    points = ("capture: recorded", "apply: planned", "tracker: committed", "apply: written", "apply: finished")
    yield from (Death(who, point) for who in SIDES for point in points)
    yield from (Death(who, point, 1, "tracker: committed") for who in SIDES for point in RECOVERY)


def into_mail() -> Iterator[Death]:
    """Where a parcel is handed to a server, or taken from one."""
    points = ("send: sealed", "send: sent", "receive: opened", "receive: stored", "receive: confirmed")
    yield from (Death(who, point) for who in SIDES for point in points)


def die_at_birth(companies: Companies, death: Death) -> bool:
    """From the first start on; whether the point was met."""
    (other,) = set(SIDES) - {death.who}
    if death.point in PAIRING:
        _let_pair(companies)
    local = companies.people["bob"].create(TWIN) if death.point == LEFT else ""
    companies.start(other)
    return _die(companies, death, lambda: _tell_apart(companies, local) if local else None)


def _let_pair(companies: Companies) -> None:
    """What both have shall stand on both sides once."""
    for people in companies.people.values():
        people.create(TWIN)
    companies.made[TWIN] += 1
    bob = companies.nodes["bob"]
    file = bob.folder / "links" / f"{bob.link}.toml"
    file.write_text(f'{file.read_text()}\n[pairing]\nkey = "title"\n')


def _tell_apart(companies: Companies, local: str) -> None:
    """The second of two twins at Bob's is none: it gets a title of its own, and the first is paired."""
    bob = companies.nodes["bob"]
    wait_until(lambda: bool(bob.json("queue", "list")), BOUND_SECONDS)
    companies.people["bob"].retitle(local, NO_TWIN)
    companies.made[NO_TWIN] += 1

    def told() -> bool:
        for item in bob.json("queue", "list"):
            with suppress(AssertionError):  # what was applied in between is no item any more
                bob.cli("queue", "retry", str(item["id"]))
        return not bob.lives() or not bob.json("queue", "list")

    wait_until(told, BOUND_SECONDS)


def die_at_work(companies: Companies, death: Death) -> bool:
    """Both run; the one that is to die is stopped and started with its point. Whether it was met."""
    occasion = OCCASIONS.get(death.point)
    if occasion is not None:
        occasion.prepare(companies, death.who)
    companies.nodes[death.who].stop()
    size = LARGE_BYTES if death.point.startswith("parts") else 2_000

    def work() -> None:
        for name in SIDES:
            companies.work(name, size)

    return _die(companies, death, work, occasion)


def _die(companies: Companies, death: Death, work: Callable[[], None], occasion: Occasion | None = None) -> bool:
    node, admins = companies.nodes[death.who], Admins(companies)
    first = f"{death.before} 1" if death.before else f"{death.point} {death.passing}"
    companies.start(death.who, dies_at=first)
    runs(node)
    work()
    if occasion is not None:
        occasion.act(admins, death.who)
    met = _dies(companies, death.who, occasion)
    admins.rest()
    if met and death.before:
        companies.start(death.who, dies_at=f"{death.point} {death.passing}")
        met = _dies(companies, death.who)
    if not node.lives():
        companies.start(death.who)
    if occasion is not None:
        wait_until(lambda: _over(companies, occasion), BOUND_SECONDS)
    companies.prove()
    return met


def _over(companies: Companies, occasion: Occasion | None) -> bool:
    return occasion is None or all(occasion.over(node) for node in companies.nodes.values())


def _dies(companies: Companies, who: str, occasion: Occasion | None = None) -> bool:
    """Wait until it is dead, or until all is equal without its death: then the point is not on the way."""
    node = companies.nodes[who]
    quiet = 0

    def over() -> bool:
        nonlocal quiet
        quiet = 0 if companies.wrong() else quiet + 1
        return not node.lives() or (quiet > LOOKS and _over(companies, occasion))

    wait_until(over, BOUND_SECONDS)
    return not node.lives() and node.died()
