"""Which key counts when: by numbers, on both sides."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from backbone.errors import PeerError, UsageError
from backbone.replication import limits, rekeying
from backbone.replication.link import Drop, LinkState, Phase, Receiving, Refuse, Sending
from backbone.replication.message import Kind
from backbone.replication.rekeying import Keys, Next, Ours, Rekey, Stage, Theirs, Turned
from tests.unit.replication.headers import FRESH, PEER_LIFE, header, numbered

OLD, NEW, NEWER = "A1" * 20, "B2" * 20, "C3" * 20
NOW = 1_000.0
REKEY = Rekey(certificate=b"certificate", signing=NEW, sealing=NEWER)


def state(out: Mapping[str, tuple[int, int]] = {}, into: Mapping[str, tuple[int, int]] = {}) -> LinkState:
    """``out``: numbered and applied there, ``into``: received and known to be numbered, by lane."""
    return replace(
        FRESH,
        out={**FRESH.out, **{lane: Sending(last, stored=done, applied=done) for lane, (last, done) in out.items()}},
        into={**FRESH.into, **{lane: Receiving(recv, high=high) for lane, (recv, high) in into.items()}},
    )


def announced() -> Ours:
    begun = rekeying.begin(Ours(), OLD, NOW)
    return rekeying.announced(rekeying.made(begun, NEW, NEWER), state({"k": (5, 2)}))


class TestOurs:
    def test_the_steps_follow_each_other_by_what_the_partner_has_taken(self) -> None:
        assert rekeying.following(Ours(), FRESH) is Next.NOTHING
        begun = rekeying.begin(Ours(), OLD, NOW)
        assert (begun.stage, begun.signing) == (Stage.MAKING, OLD)
        assert rekeying.following(begun, FRESH) is Next.MAKE
        assert rekeying.following(rekeying.made(begun, NEW, NEWER), FRESH) is Next.ANNOUNCE
        said = announced()
        assert (said.said, said.signing, said.coming, said.sealing) == (5, OLD, NEW, NEWER)
        assert rekeying.following(said, state({"k": (9, 4)})) is Next.NOTHING
        assert rekeying.following(said, state({"k": (9, 5)})) is Next.TURN

    def test_the_new_key_signs_what_is_numbered_from_there_on(self) -> None:
        before = state({"c": (7, 1), "k": (9, 5)})
        said = rekeying.turning(announced(), before)
        assert (said.signing, said.up_to) == (NEW, {"c": 7, "b": 0, "k": 9})
        after = rekeying.turned(announced(), state({"c": (7, 1), "k": (10, 5)}, {"c": (3, 6)}))
        assert (after.stage, after.signing, after.coming, after.said) == (Stage.TURNED, NEW, "", 10)
        assert after.sealed_to_old == {"c": 6, "b": 0, "k": 0}
        assert rekeying.turning(after, before).signing == NEW, "once more, in a later life"

    def test_it_is_settled_when_the_partner_knows_and_all_that_was_sealed_to_the_old_key_has_come(self) -> None:
        turned = rekeying.turned(announced(), state({"k": (10, 5)}, {"c": (3, 6)}))
        assert rekeying.following(turned, state({"k": (10, 9)}, {"c": (6, 6)})) is Next.NOTHING
        assert rekeying.following(turned, state({"k": (10, 10)}, {"c": (5, 8)})) is Next.NOTHING
        assert rekeying.following(turned, state({"k": (10, 10)}, {"c": (6, 8)})) is Next.SETTLE
        other_life = replace(state({"k": (10, 10)}), peer_life=(2, b"bob....."))
        assert rekeying.following(turned, other_life) is Next.SETTLE, "the partner's old life says nothing more"
        settled = rekeying.settled(turned, NOW + 5)
        assert (settled.stage, settled.signing, settled.since) == (Stage.SETTLED, NEW, NOW + 5)
        assert rekeying.begin(settled, NEW, NOW).stage is Stage.MAKING

    def test_in_a_later_life_it_is_said_again(self) -> None:
        later = replace(state({"k": (1, 1)}), life=(2, b"alice..."))
        assert rekeying.following(announced(), later) is Next.ANNOUNCE
        turned = rekeying.turned(announced(), state({"k": (10, 5)}))
        assert rekeying.following(turned, later) is Next.SAY

    def test_a_second_one_waits_for_the_first(self) -> None:
        with pytest.raises(UsageError, match="under way"):
            rekeying.begin(announced(), OLD, NOW)


def turned_by_peer() -> Theirs:
    said = Turned(signing=NEW, up_to={"c": 7, "b": 0, "k": 3})
    return rekeying.heard_turned(rekeying.heard(Theirs(), REKEY), said, PEER_LIFE, NOW)


def judged(said: Any, key: str, theirs: Theirs | None = None, now: float = NOW, **into: Any) -> Drop | Refuse | None:
    return rekeying.judge(theirs or turned_by_peer(), said, key, state(into=into), now)


class TestTheirs:
    def test_before_it_turns_both_keys_count_and_it_is_sealed_to_the_new_one(self) -> None:
        heard = rekeying.heard(Theirs(), REKEY)
        assert (heard.coming, heard.sealing) == (NEW, NEWER)
        for key in (OLD, NEW):
            assert judged(numbered(1), key, heard) is None
            assert rekeying.trusted(heard, key)

    def test_behind_its_numbers_the_old_key_counts_no_more(self) -> None:
        assert judged(numbered(8), NEW) is None
        assert judged(numbered(8), OLD) == Refuse(rekeying.REPLACED)
        assert judged(numbered(7), OLD) is None, "under way when it turned"
        assert judged(numbered(1, lane="b"), OLD) == Refuse(rekeying.REPLACED)
        assert judged(numbered(1, lane="z"), OLD) == Refuse(rekeying.REPLACED)
        assert not rekeying.trusted(turned_by_peer(), OLD)

    def test_what_came_before_or_is_late_is_dropped(self) -> None:
        assert isinstance(judged(numbered(7), OLD, c=(7, 7)), Drop), "a repetition, whose acknowledgement may be forged"
        assert isinstance(judged(numbered(7), OLD, now=NOW + limits.key_overlap_seconds + 1), Drop)
        assert isinstance(judged(header(kind=Kind.ACK), OLD), Drop)
        later = replace(FRESH, peer_life=(2, b"bob....."))
        assert isinstance(rekeying.judge(turned_by_peer(), numbered(7), OLD, later, NOW), Drop)

    def test_another_life_under_the_old_key_is_refused(self) -> None:
        assert judged(header(kind=Kind.RESTORED, inc=(2, b"bob.....")), OLD) == Refuse(rekeying.REPLACED)

    def test_a_key_from_before_the_former_one_counts_for_nothing(self) -> None:
        again = rekeying.heard(turned_by_peer(), replace_signing(NEWER))
        third = rekeying.heard_turned(again, Turned(signing=NEWER, up_to={"c": 20, "b": 0, "k": 3}), PEER_LIFE, NOW)
        assert judged(numbered(15), NEW, third) is None
        assert isinstance(judged(numbered(15), OLD, third), Drop)

    def test_a_revoked_key_counts_for_nothing(self) -> None:
        for theirs in (Theirs(revoked="stolen"), replace(turned_by_peer(), revoked="stolen")):
            for key in (OLD, NEW):
                assert judged(numbered(7), key, theirs) == Refuse(rekeying.REVOKED)
                assert not rekeying.trusted(theirs, key)

    def test_it_turns_only_to_what_it_has_announced(self) -> None:
        for said in (
            Turned(signing=OLD, up_to={"c": 7, "b": 0, "k": 3}),
            Turned(signing=NEW, up_to={"c": 7, "b": 0}),
        ):
            with pytest.raises(PeerError, match="not announced"):
                rekeying.heard_turned(rekeying.heard(Theirs(), REKEY), said, PEER_LIFE, NOW)

    def test_saying_it_again_changes_nothing(self) -> None:
        assert rekeying.heard(turned_by_peer(), REKEY) == turned_by_peer()
        said = Turned(signing=NEW, up_to={"c": 99, "b": 99, "k": 99})
        assert rekeying.heard_turned(turned_by_peer(), said, PEER_LIFE, NOW + 9) == turned_by_peer()


class TestAStoreWasPutBack:
    def test_it_is_told_the_key_of_now(self) -> None:
        told = rekeying.told(Theirs(), NEW, NEWER, NOW)
        assert (told.signing, told.sealing) == (NEW, NEWER)
        assert rekeying.told(turned_by_peer(), NEW, NEWER, NOW) == turned_by_peer(), "it is known already"

    def test_what_the_old_key_signed_meanwhile_is_told_anew_and_after_a_while_refused(self) -> None:
        told = rekeying.told(Theirs(), NEW, NEWER, NOW)
        assert isinstance(judged(numbered(1), OLD, told), Drop)
        assert judged(numbered(1), OLD, told, now=NOW + limits.key_overlap_seconds + 1) == Refuse(rekeying.REPLACED)

    def test_until_the_partner_has_said_its_keys_no_other_is_worth_a_word(self) -> None:
        put_back = replace(FRESH, phase=Phase.RESTORED)
        assert isinstance(rekeying.judge(turned_by_peer(), numbered(8), NEWER, put_back, NOW), Drop)
        assert rekeying.judge(turned_by_peer(), numbered(8), NEW, put_back, NOW) is None

    def test_a_partner_that_was_put_back_hears_again_of_a_key_that_does_not_sign_yet(self) -> None:
        later = replace(state({"k": (10, 10)}), peer_life=(2, b"bob....."))
        assert rekeying.following(announced(), later) is Next.ANNOUNCE


def replace_signing(key: str) -> Rekey:
    return REKEY.model_copy(update={"signing": key})


@pytest.mark.parametrize(
    "said",
    [
        {"certificate": "text"},
        {"certificate": bytes(limits.certificate_bytes_max + 1)},
        {"signing": "not a fingerprint"},
        {"sealing": None},
        {"more": 1},
        {"type": "turned"},
    ],
    ids=str,
)
def test_a_malformed_record_is_refused(said: dict[str, Any]) -> None:
    assert rekeying.read_rekey(REKEY.model_dump()) == REKEY
    with pytest.raises(PeerError, match="malformed"):
        rekeying.read_rekey({**REKEY.model_dump(), **said})


def test_numbers_of_a_malformed_turn_are_refused() -> None:
    for up_to in ({"c": -1}, {"c": 2**60}, dict.fromkeys("abcdefgh", 1), None):
        with pytest.raises(PeerError, match="malformed"):
            rekeying.read_turned({"type": "turned", "signing": NEW, "up_to": up_to})


def test_the_store_gives_back_what_it_was_given() -> None:
    from backbone.store.codec import pack_keys, unpack_keys

    for keys in (Keys(), Keys(announced(), turned_by_peer())):
        assert unpack_keys(pack_keys(keys)) == keys
