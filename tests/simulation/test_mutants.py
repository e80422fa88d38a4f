"""Each safeguard is missed when it is taken away."""

import pytest

from tests.simulation.mutants import MUTANTS, SEEDS_MAX, Mutant, hunt

CAUGHT = [mutant for mutant in MUTANTS if not mutant.masked]


@pytest.mark.parametrize("mutant", CAUGHT, ids=lambda mutant: mutant.name)
def test_a_world_without_this_rule_breaks_a_promise(mutant: Mutant) -> None:
    found = hunt(mutant)
    assert found is not None, f"{SEEDS_MAX} seeds do without the rule that {mutant.rule}"
