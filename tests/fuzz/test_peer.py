"""A partner that says what it likes harms nobody but its own link, and never more than it agreed to."""

import asyncio
import os
import random

from tests.fuzz.peer import BadPartner

PARTNERS = int(os.environ.get("FUZZ_PARTNERS", "25"))
MESSAGES = 15


async def story(seed: int) -> tuple[int, str]:
    """How many messages alice took, and why she stopped listening, if she did."""
    bob = BadPartner(random.Random(seed))
    await bob.begin()
    for number in range(MESSAGES):
        said = await bob.say_something()
        try:
            await bob.alice_works()
        except Exception as error:
            raise AssertionError(f"seed {seed}, message {number}: {said}") from error
        assert bob.foreign() == [], f"seed {seed}, message {number}: {said}"
        if bob.stopped:
            return number, bob.stopped
    return MESSAGES, ""


def test_whatever_a_partner_signs_is_applied_set_aside_or_stops_its_link() -> None:
    ends = [asyncio.run(story(seed)) for seed in range(PARTNERS)]
    assert any(not why for _, why in ends)
    assert all("without a reason" not in why for _, why in ends)
    assert sum(count for count, _ in ends) > 3 * PARTNERS
