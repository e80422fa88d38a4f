"""Three companies in chains and rings: one picture in all trackers, and silence when all is said."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest.mock import patch

import pytest

from backbone.replication.origin import Verdict
from backbone.service.flow import applying, planning, recording, tracing
from backbone.service.flow.sighting import NOTHING
from backbone.store.shadows import Book
from tests.simulation import several
from tests.simulation.node import AGREEMENT
from tests.simulation.several import STORY_LINES, Several, Shape, run

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "300")) // 10
SEEDS_AT_ONCE = 5
HUNTED = 40
RARE = {"nothing_is_met": 113}
"""A world that cannot do without a rule which hardly any other needs."""


def explained(seed: int, broken: list[str], world: Several) -> str:
    story = "\n".join(world.story[-STORY_LINES:])
    return f"seed {seed} breaks {len(broken)} promises:\n" + "\n".join(broken[:8]) + f"\n... its story ends:\n{story}"


def kept(seeds: Iterable[int], shape: Shape, **kind: Any) -> list[Several]:
    """The worlds of these seeds, in which every promise is kept."""
    failures, worlds = [], []
    for seed in seeds:
        broken, world = run(seed, shape, **kind)
        worlds.append(world)
        if broken:
            failures.append(explained(seed, broken, world))
    assert not failures, "\n\n".join(failures)
    return worlds


@pytest.mark.parametrize("shape", Shape)
@pytest.mark.parametrize("first", range(0, SEEDS, SEEDS_AT_ONCE))
def test_everybody_ends_with_one_picture(first: int, shape: Shape) -> None:
    kept(range(first, min(first + SEEDS_AT_ONCE, SEEDS)), shape)


@pytest.mark.parametrize("first", range(0, SEEDS, SEEDS_AT_ONCE))
@pytest.mark.parametrize(
    ("shape", "restored"), [(Shape.CHAIN, "b"), (Shape.STAR, "a"), (Shape.RING, "b"), (Shape.CHAIN, "abc")]
)
def test_a_picture_is_one_again_after_stores_were_put_back(first: int, shape: Shape, restored: str) -> None:
    worlds = kept(range(first, min(first + SEEDS_AT_ONCE, SEEDS)), shape, restored=restored)
    assert sum(world.counts["restored"] for world in worlds) > 0


@pytest.mark.parametrize(
    ("shape", "restored"), [(Shape.CHAIN, "b"), (Shape.STAR, "a"), (Shape.RING, "b"), (Shape.CHAIN, "abc")]
)
def test_a_picture_is_one_again_where_nothing_tells_that_stores_were_put_back(shape: Shape, restored: str) -> None:
    worlds = kept(range(SEEDS // 3), shape, restored=restored, snapshots=True)
    assert sum(world.counts["restored without a word"] for world in worlds) > 0


@pytest.mark.parametrize(
    ("shape", "restored", "seed"),
    [
        (Shape.CHAIN, "b", 199),
        (Shape.CHAIN, "b", 189),
        (Shape.STAR, "a", 190),
        (Shape.RING, "b", 314),
        (Shape.STAR, "abc", 132),
    ],
)
def test_what_a_link_wrote_is_news_on_the_other_one_after_the_hub_was_put_back(
    shape: Shape, restored: str, seed: int
) -> None:
    """It was made there twice, under two names, or not at all: the link took it for a write of its own."""
    kept([seed], shape, restored=restored)


def test_an_edit_that_every_store_forgot_does_not_stand_for_what_a_partner_wrote_over_it() -> None:
    """A link wrote a value, then its kin told an edit of before; that came round the ring, as if it were shown here."""
    kept([5005], Shape.RING, restored="abc")


@pytest.mark.parametrize("first", range(0, SEEDS // 2, SEEDS_AT_ONCE))
def test_a_chain_keeps_its_promises_with_any_policy_and_trackers_that_change_values(first: int) -> None:
    kept(range(first, min(first + SEEDS_AT_ONCE, SEEDS // 2)), Shape.CHAIN, plain=False, agreement=AGREEMENT)


@pytest.mark.parametrize(
    ("shape", "restored"), [*((shape, "") for shape in Shape), (Shape.CHAIN, "b"), (Shape.RING, "abc")]
)
def test_rows_of_tables_are_the_same_in_all_trackers(shape: Shape, restored: str) -> None:
    for world in kept(range(SEEDS_AT_ONCE), shape, tables=True, restored=restored):
        assert any(text.startswith("row") for person in world.people for text in person.made)


def test_a_history_that_lags_behind_its_issues_makes_no_edit_older_than_the_one_before_it() -> None:
    """In this world a tracker shows a comment's edit in the issue, and in its history not yet."""
    kept([90], Shape.RING)


def test_a_seed_gives_the_same_story_twice() -> None:
    assert run(3, Shape.RING)[1].story == run(3, Shape.RING)[1].story


def origins_ignored() -> AbstractContextManager[Any]:
    """Each link by itself: what another one made is news like any other."""
    return patch.object(tracing, "judge", lambda _policy, theirs, _ours, theirs_stands: Verdict(theirs_stands, theirs))


def origins_do_not_travel() -> AbstractContextManager[Any]:
    """What kin wrote is told as if somebody had written it here."""
    whence = tracing.whence

    def forgetful(ep: Any, ledger: Any, edit: Any, seen: Any) -> Any:
        found = whence(ep, ledger, edit, seen)
        return found._replace(cells={}, own=tracing._fresh(ep, ledger)) if found.cells else found

    return patch.object(tracing, "whence", forgetful)


def nobody_says_again() -> AbstractContextManager[Any]:
    return patch.object(tracing, "say_again", lambda *_: [])


def gids_of_each_link() -> AbstractContextManager[Any]:
    """A link does not ask its kin what they call a thing."""
    return patch.object(Book, "elsewhere", lambda *_: None)


@contextmanager
def nothing_is_met() -> Iterator[None]:
    """A gid that a partner names is one that this link knows, or a new thing."""

    async def meet(*_: object) -> None:
        pass

    with patch.object(applying, "meet_issues", meet):
        yield


def begun_writes_are_not_seen() -> AbstractContextManager[Any]:
    """What kin have written and not recorded is taken for somebody's edit."""
    record = recording.record

    def blind(*args: Any, **more: Any) -> Any:
        return record(*args, **{**more, "seen": NOTHING})

    return patch.multiple("backbone.service.flow.outbound", record=blind)


def old_names_are_forgotten() -> AbstractContextManager[Any]:
    """What was taken out before this link met the issue has no name."""
    return patch.object(planning, "name_contents", lambda *_: None)


MUTANTS: Mapping[str, Any] = {
    one.__name__: one
    for one in (
        origins_ignored, origins_do_not_travel, nobody_says_again, gids_of_each_link, nothing_is_met,
        begun_writes_are_not_seen, old_names_are_forgotten,
    )
}  # fmt: skip


@pytest.mark.parametrize("name", MUTANTS)
def test_a_ring_without_this_rule_breaks_a_promise(name: str) -> None:
    with MUTANTS[name](), patch.object(several, "QUIET_ROUNDS", 60):
        seeds = [RARE[name]] if name in RARE else range(HUNTED)
        assert any(run(seed, Shape.RING)[0] for seed in seeds), f"{len(seeds)} seeds do without the rule"
