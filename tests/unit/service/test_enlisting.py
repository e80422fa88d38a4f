"""Users that are made here for people of the partner's: where the file says so, before what they wrote is written."""

from backbone.model import COMMENT
from backbone.replication.agreement import Agreement
from backbone.replication.mapping import Rules, Translation
from tests.simulation.node import RULES
from tests.unit.service.pair import Pair, issue, run


def makes_users(pair: Pair) -> None:
    """Bob's file says so, from now on."""
    rules = Rules.parse({**RULES, "people": {"create": "acme-{name}"}}, "links/peer.toml")
    pair.bob.ep.translation = Translation(pair.bob.ep.agreement, rules, "bob's", side=pair.bob.side)


async def logins(pair: Pair) -> dict[str, str]:
    return {login: person.name for login, person in (await pair.bob.tracker.describe()).people.items()}


def test_who_wrote_at_the_partners_is_a_user_here_and_has_written_it() -> None:
    async def story(pair: Pair) -> None:
        makes_users(pair)
        issue(pair, "one")
        pair.alice.tracker.comment("1", "hello", "eve")
        await pair.settle()
        assert await logins(pair) == {"acme-alice": "alice", "acme-eve": "eve"}
        (comment,) = [v for c, v in pair.cells(pair.bob).items() if c.field == COMMENT and isinstance(v, dict)]
        assert (comment["author"], comment["text"]) == ("acme-eve", "hello")
        assert (await pair.bob.tracker.read(["1"]))["1"].author == "acme-alice"

    run(story)


def test_nobody_is_made_where_the_file_says_nothing_of_it() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "one")
        await pair.settle()
        assert await logins(pair) == {}

    run(story)


def test_what_the_agreement_does_not_allow_makes_nobody() -> None:
    async def story(pair: Pair) -> None:
        makes_users(pair)
        pair.bob.ep.agreement = Agreement.parse({"fields": {"other": {"type": "text"}}}, "another agreement")
        issue(pair, "one")
        for _ in range(3):
            await pair.world._round()
        assert await logins(pair) == {}

    run(story)
