"""What admins do, so that a node passes the points that no everyday work passes."""

import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tests.acceptance.nodes import BOUND_SECONDS, NodeAtWork, environment, until
from tests.crash.companies import Companies

WAIT_SECONDS = 10
"""A command whose service dies goes on by itself, or gives up; it is over before the service is started again."""
FIELD = "[fields.description]\n"
"""What leaves the agreement, and joins it again."""


@dataclass
class Admins:
    """Their commands, which may outlive the service that they ask."""

    companies: Companies
    commands: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def ask(self, who: str, *words: str) -> None:
        """Begin a command; how it ends is all the same."""
        node = self.companies.nodes[who]
        self.commands.append(
            subprocess.Popen(
                [*node.command, "-C", str(node.folder), *words, "--timeout", str(WAIT_SECONDS)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(),
            )
        )  # fmt: skip

    def rest(self) -> None:
        """Wait until all have ended."""
        for command in self.commands:
            with suppress(subprocess.TimeoutExpired):
                command.wait(BOUND_SECONDS + WAIT_SECONDS)
            command.kill()
            command.wait()
        self.commands.clear()


@dataclass(frozen=True, slots=True)
class Occasion:
    """``prepare`` while both nodes run, ``act`` when one of them is to die, ``over`` when nothing is left of it."""

    act: Callable[[Admins, str], None]
    over: Callable[[NodeAtWork], bool] = lambda _: True
    prepare: Callable[[Companies, str], None] = lambda _companies, _who: None


def other(who: str) -> str:
    """The partner."""
    return "bob" if who == "alice" else "alice"


def _look(admins: Admins, who: str) -> None:
    admins.ask(who, "resync", admins.companies.nodes[who].link, "--since", "2000-01-01")


def _cut(companies: Companies, who: str) -> None:
    """What both make of an issue that rests is kept back."""
    node = companies.nodes[who]
    node.cli("link", "cut", node.link, "1")
    for name in companies.people:
        companies.work(name)


def _add(admins: Admins, who: str) -> None:
    admins.ask(who, "link", "add", admins.companies.nodes[who].link, "1")


def _takes_all(node: NodeAtWork) -> bool:
    return not _rows(node.json("link", "resting", node.link))


def _narrow(companies: Companies, _who: str) -> None:
    """A field leaves the agreement."""
    alice, bob = companies.nodes["alice"], companies.nodes["bob"]
    wide, narrow = (alice.root / f"{name}.toml" for name in ("wide", "narrow"))
    wide.unlink(missing_ok=True)
    alice.cli("link", "propose", alice.link, "--copy", str(wide))
    before, table, rest = wide.read_text().partition(FIELD)
    assert table, wide.read_text()
    narrow.write_text(before + "[" + rest.partition("\n[")[2] if "\n[" in rest else before)
    alice.cli("link", "propose", alice.link, str(narrow), "--yes")
    until("the partner sees what is proposed", lambda: bool(bob.status()["proposed"]))
    bob.cli("link", "review", bob.link, "--accept", "--yes")
    until("the field is not shared any more", lambda: _agreed(alice) and _agreed(bob))


def _widen(admins: Admins, _who: str) -> None:
    """The field joins the agreement again, and is said of every issue."""
    alice, bob = (admins.companies.nodes[name] for name in ("alice", "bob"))
    alice.cli("link", "propose", alice.link, str(alice.root / "wide.toml"), "--yes")
    until("the partner sees what is proposed", lambda: bool(bob.status()["proposed"]))
    admins.ask("bob", "link", "review", bob.link, "--accept", "--yes")


def _agreed(node: NodeAtWork) -> bool:
    return not node.status()["proposed"]


def _rotate(admins: Admins, who: str) -> None:
    admins.ask(who, "key", "rotate", admins.companies.nodes[who].link, "--yes")


def _let_rotate(admins: Admins, who: str) -> None:
    _rotate(admins, other(who))


def _has_its_keys(node: NodeAtWork) -> bool:
    return not node.status()["key_change"]


def _rows(found: Any) -> Sequence[Any]:
    rows: Sequence[Any] = found if isinstance(found, list) else next(v for v in found.values() if isinstance(v, list))
    return rows


_LOOKING = Occasion(_look)
_WAKING = Occasion(_add, _takes_all, _cut)
_AGREEING = Occasion(_widen, _agreed, _narrow)
_ROTATING = Occasion(_rotate, _has_its_keys)
OCCASIONS = {
    "look: contents fetched": _LOOKING, "look: recorded": _LOOKING,
    "wake: contents fetched": _WAKING, "wake: said": _WAKING,
    "agreeing: turned": _AGREEING, "agreeing: met": _AGREEING, "restating: said": _AGREEING,
    "rotating: begun": _ROTATING, "rotating: made": _ROTATING, "rotating: announced": _ROTATING,
    "rotating: signs": _ROTATING, "rotating: turned": _ROTATING,
    "rotating: taken in": Occasion(_let_rotate, _has_its_keys),
}  # fmt: skip
