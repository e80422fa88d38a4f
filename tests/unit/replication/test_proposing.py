"""How a proposed agreement comes into effect: what each half may do, and what no partner can."""

from dataclasses import replace
from typing import Any

import pytest

from backbone.errors import PeerError, UsageError
from backbone.replication import limits
from backbone.replication.merge import Side
from backbone.replication.proposing import (
    ANSWER,
    NUMBER,
    PROPOSAL,
    WITHDRAWAL,
    Became,
    BeginsAnew,
    Decides,
    Forget,
    Hears,
    HearsAnswer,
    HearsWithdrawn,
    Meets,
    Named,
    Proposes,
    Settled,
    Stage,
    Talks,
    Tell,
    Turns,
    Withdraws,
    step,
)

FIRST, SECOND, THIRD = Named(1, b"1" * 32), Named(2, b"2" * 32), Named(3, b"3" * 32)
MASTER, SLAVE = Talks(Side.MASTER, FIRST, 1), Talks(Side.SLAVE, FIRST, 1)
PROPOSED = replace(MASTER, proposed=SECOND, last=2)
HEARD = replace(SLAVE, proposed=SECOND, last=2)
ACCEPTED_THERE = replace(PROPOSED, accepted=True)
ACCEPTED_HERE = replace(HEARD, accepted=True)
TURNING = Talks(Side.MASTER, SECOND, 2, turning=True)


def test_the_whole_way_leaves_both_at_the_same_agreement() -> None:
    master, said = step(MASTER, Proposes(SECOND.digest))
    assert said == (Became(SECOND, Stage.PROPOSED), Tell(PROPOSAL, SECOND))
    slave, said = step(SLAVE, Hears(SECOND, FIRST.digest))
    assert said == (Became(SECOND, Stage.PROPOSED),)
    slave, said = step(slave, Decides(SECOND, accepts=True))
    assert said == (Became(SECOND, Stage.ACCEPTED), Tell(ANSWER, SECOND, accepts=True))
    assert slave.present == FIRST
    master, said = step(master, HearsAnswer(SECOND, accepts=True))
    assert said == (Became(SECOND, Stage.ACCEPTED),)
    assert master.present == FIRST
    master, said = step(master, Turns())
    assert said == (Became(FIRST, Stage.SUPERSEDED), Became(SECOND, Stage.TURNING), Tell(NUMBER, SECOND))
    slave, said = step(slave, Meets(SECOND))
    superseded, in_effect = Became(FIRST, Stage.SUPERSEDED), Became(SECOND, Stage.IN_EFFECT)
    assert said == (superseded, in_effect, Tell(NUMBER, SECOND), Settled(SECOND))
    master, said = step(master, Meets(SECOND))
    assert said == (in_effect, Settled(SECOND))
    assert master == Talks(Side.MASTER, SECOND, 2)
    assert slave == Talks(Side.SLAVE, SECOND, 2)


def test_a_refusal_changes_nothing_but_that_it_was() -> None:
    slave, said = step(HEARD, Decides(SECOND, accepts=False))
    assert said == (Became(SECOND, Stage.REFUSED), Tell(ANSWER, SECOND, accepts=False))
    master, said = step(PROPOSED, HearsAnswer(SECOND, accepts=False))
    assert said == (Became(SECOND, Stage.REFUSED),)
    assert (master.present, slave.present) == (FIRST, FIRST)
    assert master.proposed is slave.proposed is None
    assert step(master, Proposes(THIRD.digest))[0].proposed == THIRD


def test_the_same_words_are_told_again_and_others_supersede_them() -> None:
    assert step(PROPOSED, Proposes(b"x" * 32, same=True)) == (PROPOSED, (Tell(PROPOSAL, SECOND),))
    master, said = step(PROPOSED, Proposes(THIRD.digest))
    assert said == (Became(SECOND, Stage.SUPERSEDED), Became(THIRD, Stage.PROPOSED), Tell(PROPOSAL, THIRD))
    slave, said = step(ACCEPTED_HERE, Hears(THIRD, FIRST.digest))
    assert said == (Became(SECOND, Stage.SUPERSEDED), Became(THIRD, Stage.PROPOSED))
    assert (slave.proposed, slave.accepted) == (THIRD, False)
    assert step(master, HearsAnswer(SECOND, accepts=True)) == (master, ())


def test_a_repeated_proposal_is_answered_once_more_or_changes_nothing() -> None:
    assert step(HEARD, Hears(SECOND, FIRST.digest)) == (HEARD, ())
    answer = (Tell(ANSWER, SECOND, accepts=True),)
    assert step(ACCEPTED_HERE, Hears(SECOND, FIRST.digest)) == (ACCEPTED_HERE, answer)
    refused = replace(SLAVE, last=2)
    assert step(refused, Hears(SECOND, FIRST.digest)) == (refused, ())
    in_effect = replace(SLAVE, present=SECOND, last=2)  # the lanes are not in order together
    assert step(in_effect, Hears(SECOND, FIRST.digest)) == (in_effect, ())


def test_a_proposal_can_be_taken_back_until_it_is_accepted() -> None:
    master, said = step(PROPOSED, Withdraws())
    assert said == (Became(SECOND, Stage.WITHDRAWN), Tell(WITHDRAWAL, SECOND))
    assert step(master, HearsAnswer(SECOND, accepts=True)) == (master, ())
    for slave in (HEARD, ACCEPTED_HERE):
        after, said = step(slave, HearsWithdrawn(2))
        assert said == (Became(SECOND, Stage.WITHDRAWN),)
        assert (after.proposed, after.accepted) == (None, False)
    assert step(HEARD, HearsWithdrawn(3)) == (HEARD, ())
    assert step(SLAVE, HearsWithdrawn(1)) == (SLAVE, ())


@pytest.mark.parametrize(
    ("talks", "given", "words"),
    [
        (SLAVE, Proposes(b"x"), "only the master"),
        (SLAVE, Withdraws(), "only the master"),
        (MASTER, Withdraws(), "nothing is proposed"),
        (ACCEPTED_THERE, Withdraws(), "nothing is proposed"),
        (ACCEPTED_THERE, Proposes(b"x"), "not in effect on both sides"),
        (TURNING, Proposes(b"x"), "not in effect on both sides"),
        (replace(MASTER, last=limits.agreement_versions_max), Proposes(b"x"), "too often"),
        (MASTER, Decides(SECOND, accepts=True), "the partner's to answer"),
        (SLAVE, Decides(SECOND, accepts=True), "look at it again"),
        (HEARD, Decides(THIRD, accepts=True), "look at it again"),
        (ACCEPTED_HERE, Decides(SECOND, accepts=False), "accepted already"),
    ],
)
def test_what_our_admin_cannot_do_now_says_why(talks: Talks, given: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        step(talks, given)


@pytest.mark.parametrize(
    ("talks", "given", "words"),
    [
        (MASTER, Hears(SECOND, FIRST.digest), "only the master"),
        (MASTER, HearsWithdrawn(2), "never proposed"),
        (SLAVE, HearsAnswer(SECOND, accepts=True), "never made"),
        (MASTER, HearsAnswer(SECOND, accepts=True), "never made"),
        (PROPOSED, HearsAnswer(Named(2, b"x" * 32), accepts=True), "other words"),
        (SLAVE, Hears(SECOND, SECOND.digest), "another agreement than the one that is in effect"),
        (SLAVE, Hears(Named(1, b"x" * 32), FIRST.digest), "a second time"),
        (HEARD, Hears(Named(2, b"x" * 32), FIRST.digest), "a second time"),
        (SLAVE, Meets(SECOND), "not accepted here"),
        (HEARD, Meets(SECOND), "not accepted here"),
        (ACCEPTED_HERE, Meets(Named(2, b"x" * 32)), "not accepted here"),
        (MASTER, Meets(SECOND), "did not propose"),
        (ACCEPTED_THERE, Meets(SECOND), "did not propose"),
        (TURNING, Meets(THIRD), "did not propose"),
    ],
)
def test_a_partner_puts_nothing_into_effect_by_itself(talks: Talks, given: Any, words: str) -> None:
    with pytest.raises(PeerError, match=words):
        step(talks, given)


def test_an_answer_that_is_repeated_changes_nothing() -> None:
    assert step(ACCEPTED_THERE, HearsAnswer(SECOND, accepts=False)) == (ACCEPTED_THERE, ())
    assert step(TURNING, HearsAnswer(SECOND, accepts=True)) == (TURNING, ())


class TestAStoreWasPutBack:
    def test_the_master_says_again_what_is_proposed_and_wants_another_answer(self) -> None:
        assert step(PROPOSED, BeginsAnew()) == (PROPOSED, (Tell(PROPOSAL, SECOND),))
        again = (Became(SECOND, Stage.PROPOSED), Tell(PROPOSAL, SECOND))
        assert step(ACCEPTED_THERE, BeginsAnew()) == (PROPOSED, again)
        assert step(MASTER, BeginsAnew()) == (MASTER, ())

    def test_the_slave_forgets_it_so_that_the_number_may_come_again_with_other_words(self) -> None:
        slave, said = step(ACCEPTED_HERE, BeginsAnew())
        assert (slave, said) == (SLAVE, (Forget(FIRST.version),))
        other = Named(SECOND.version, b"o" * 32)
        assert step(slave, Hears(other, FIRST.digest))[1] == (Became(other, Stage.PROPOSED),)
