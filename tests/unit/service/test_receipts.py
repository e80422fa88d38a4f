"""What became of each change set is told in signed receipts, kept by both sides, and cannot be taken out."""

import pytest

from backbone.model import Cell
from backbone.replication.merge import Stamp
from backbone.replication.message import ChangeSet, Kind, Operation
from backbone.replication.receipt import FIRST, Became, digest_of_text, read
from backbone.replication.resync import Told, encode_told
from backbone.service.evidence import finding
from backbone.service.flow import recording
from backbone.store import evidence, links, messages
from backbone.store.engine import Connection
from backbone.store.evidence import Said
from backbone.store.links import LinkRow
from tests.simulation.channel import MAIL
from tests.simulation.node import Node
from tests.unit.service.pair import Pair, issue, run
from tests.unit.service.test_agreeing import change, without
from tests.unit.service.test_pruning import HORIZON


def gid(pair: Pair, local: str = "1") -> str:
    found = pair.alice.store.read_now(lambda tx: finding.gid_of(tx, 1, local))
    assert found is not None
    return found[0]


def receipts(node: Node, words: str = "receipt", *, ours: bool = False) -> list[Said]:
    said = node.store.read_now(lambda tx: evidence.about(tx, 1, words, ("k",)))
    return [one for one in said if one.ours is ours]


def row(pair: Pair, node: Node) -> LinkRow:
    """The link as a real handshake would have left it: with the partner's key."""
    found = node.store.read_now(lambda tx: links.get(tx, 1))
    assert found.peer is not None
    found.peer.update(fingerprint=node.ep.identity.peer_fingerprint)
    return found


async def found(pair: Pair, node: Node, local: str = "1") -> finding.Found:
    return await finding.find(node.ep.store, row(pair, node), node.ep.keyring, gid(pair), local)


def last_words(one: finding.Found) -> list[tuple[Became, str]]:
    """What the partner said of each change set we sent, in their order."""
    said = {o.digest: (o.became, o.reason) for told in one.receipts for o in told.receipt.outcomes}
    return [said[change.digest] for change in one.sent if change.digest in said]


def test_what_was_applied_is_said_to_be() -> None:
    async def story(pair: Pair) -> None:
        local = issue(pair, "one")
        await pair.settle()
        pair.alice.tracker.edit(local, {Cell("title"): "two"}, "ann")
        await pair.settle()
        here = await found(pair, pair.alice)
        assert last_words(here) == [(Became.APPLIED, "")] * 2
        assert '"value": "two"' in here.sent[1].text
        there = await found(pair, pair.bob)
        assert [change.digest for change in there.received] == [change.digest for change in here.sent]
        assert [there.became[change.digest][0] for change in there.received] == [Became.APPLIED] * 2
        assert there.sent == ()

    run(story)


def test_a_value_that_lost_is_said_to_be_superseded() -> None:
    async def story(pair: Pair) -> None:
        local = issue(pair, "one")
        await pair.settle()
        pair.alice.tracker.edit(local, {Cell("title"): "master"}, "ann")
        pair.bob.tracker.edit("1", {Cell("title"): "slave"}, "bob")
        await pair.settle()
        became = [
            o.became for node in (pair.alice, pair.bob) for one in receipts(node) for o in read(one.names).outcomes
        ]
        assert became.count(Became.SUPERSEDED) == 1
        assert became.count(Became.APPLIED) == 2

    run(story)


def test_what_the_tracker_refused_is_said_with_its_words_and_then_what_became_of_it() -> None:
    async def story(pair: Pair) -> None:
        local = issue(pair, "one")
        await pair.settle()
        pair.refusing["bad"] = "no such\ntitle"
        pair.alice.tracker.edit(local, {Cell("title"): "bad"}, "ann")
        await pair.settle()
        pair.alice.tracker.edit(local, {Cell("title"): "good"}, "ann")
        await pair.settle()
        refused, behind = last_words(await found(pair, pair.alice))[1:]
        assert refused == (Became.REFUSED, "no such title")
        assert behind == (Became.RECEIVED, "waits behind another change of its issue")
        pair.refusing.clear()
        (item,) = pair.bob.refused()
        pair.bob.retry(item)
        await pair.settle()
        assert [became for became, _ in last_words(await found(pair, pair.alice))] == [Became.APPLIED] * 3

    run(story)


async def apply_without_contents(pair: Pair) -> None:
    """What alice has to say is applied at bob's; the parts of attachments are not taken yet."""
    for step in ("capture", "send"):
        await pair.alice.act(step)
    for step in ("receive", "apply"):
        await pair.bob.act(step)


def test_what_had_to_wait_is_said_to_have_come() -> None:
    async def story(pair: Pair) -> None:
        local = issue(pair, "one")
        await pair.settle()
        pair.alice.tracker.attach(local, "log.txt", b"long", "ann")
        pair.alice.tracker.attach(local, "more.txt", b"longer", "ann")
        await apply_without_contents(pair)
        waits = pair.bob.store.read_now(lambda tx: evidence.pay(tx, 1, 10))
        assert [one.reason for one in waits] == ["1 of its values wait for a content or another issue"] * 2
        await pair.settle()
        assert last_words(await found(pair, pair.alice))[1:] == [(Became.APPLIED, "nothing of it waits any more")] * 2

    run(story)


@pytest.mark.parametrize(
    ("does", "word"),
    [
        ("retry", (Became.APPLIED, "nothing of it waits any more")),
        ("skip", (Became.REFUSED, "what had to wait: passed over by a person")),
    ],
)
def test_what_the_tracker_does_not_take_when_it_comes_is_said_and_what_a_person_makes_of_it(
    does: str, word: tuple[Became, str]
) -> None:
    async def story(pair: Pair) -> None:
        local = issue(pair, "one")
        await pair.settle()
        pair.alice.tracker.attach(local, "log.txt", b"long", "ann")
        await apply_without_contents(pair)
        pair.bob.tracker.refuse = lambda _: "no files today"
        await pair.settle()
        refused = (Became.APPLIED, "what had to wait: no files today")
        assert last_words(await found(pair, pair.alice))[1:] == [refused]
        known = {o.digest for one in receipts(pair.alice) for o in read(one.names).outcomes}
        (item,) = pair.bob.refused()
        pair.bob.retry(item)
        await pair.settle()
        assert last_words(await found(pair, pair.alice))[1:] == [refused]
        pair.bob.tracker.refuse = None
        pair.bob.ask(does, items=[item]) if does == "skip" else pair.bob.retry(item)
        await pair.settle()
        assert last_words(await found(pair, pair.alice))[1:] == [word]
        assert {o.digest for one in receipts(pair.alice) for o in read(one.names).outcomes} == known

    run(story)


def test_what_waits_and_leaves_the_agreement_is_said_to_wait_no_longer() -> None:
    async def story(pair: Pair) -> None:
        local = issue(pair, "one")
        await pair.settle()
        pair.refusing["bad"] = "not today"
        pair.alice.tracker.edit(local, {Cell("depends", issue(pair, "bad")): True}, "ann")
        await pair.settle()
        waits = (Became.APPLIED, "1 of its values wait for a content or another issue")
        assert last_words(await found(pair, pair.alice))[1] == waits
        await change(pair, without("depends"))
        assert last_words(await found(pair, pair.alice))[1] == (Became.APPLIED, "nothing of it waits any more")

    run(story)


def test_a_state_that_nobody_waits_for_is_said_to_be_superseded() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "one")
        await pair.settle()
        write = Stamp(1, 1)
        told = Told(issues=(ChangeSet(gid(pair), "", "", (Operation(Cell("title"), "one", write, write),)),), last=True)

        def tell(tx: Connection) -> None:
            recording.keep_names(tx, pair.alice.ep, [[gid(pair)]])
            recording.number(tx, pair.alice.ep, [(Kind.STATE, encode_told(told), 0, None)])

        pair.alice.store.run_now(tell)
        await pair.settle()
        word = (Became.SUPERSEDED, "a later state is told in place of this one")
        assert last_words(await found(pair, pair.alice))[-1] == word
        assert pair.aside(pair.bob) == []

    run(story)


def test_of_a_state_it_is_said_for_each_issue_what_it_came_to() -> None:
    async def story(pair: Pair) -> None:
        for title in ("kept", "edited", "gone"):
            issue(pair, title)
        await pair.settle()
        pair.bob.back_up()
        pair.alice.tracker.edit("2", {Cell("title"): "edited anew"}, "ann")
        await pair.settle()
        pair.bob.restore()
        await pair.bob.start()
        pair.bob.tracker.remove("3")
        await pair.settle()
        gone = "not here any more, or not shared"
        for local, word in (("1", (Became.APPLIED, "")), ("2", (Became.APPLIED, "")), ("3", (Became.REFUSED, gone))):
            name = gid(pair, local)
            here = await finding.find(pair.alice.ep.store, row(pair, pair.alice), pair.alice.ep.keyring, name, local)
            assert last_words(here)[-1] == word
            there = await finding.find(pair.bob.ep.store, row(pair, pair.bob), pair.bob.ep.keyring, name, local)
            assert there.received[-1].digest == here.sent[-1].digest
            assert there.became[here.sent[-1].digest] == word
            assert there.messages[-1].message.header.kind == Kind.STATE

    run(story)


def test_a_change_that_a_person_skipped_or_changed_is_said_to_be() -> None:
    async def story(pair: Pair) -> None:
        pair.refusing.update(bad="no", worse="no")
        for title in ("bad", "worse"):
            issue(pair, title)
        await pair.settle()
        skipped, edited = pair.bob.refused()
        await pair.ask(pair.bob, "skip", item=skipped)
        await pair.ask(pair.bob, "edit", item=edited, values={"title": "better"}, by="bob")
        await pair.settle()
        said = [o for one in receipts(pair.alice) for o in read(one.names).outcomes]
        assert {(o.became, o.reason) for o in said[2:]} == {
            (Became.REFUSED, "passed over by a person"),
            (Became.SUPERSEDED, "changed by a person before it was applied"),
        }

    run(story)


def test_the_receipts_form_one_chain_on_both_sides() -> None:
    async def story(pair: Pair) -> None:
        local = issue(pair, "one")
        for number in range(4):
            await pair.settle()
            pair.alice.tracker.edit(local, {Cell("title"): f"title {number}"}, "ann")
        await pair.settle()
        texts = [one.names for one in receipts(pair.alice)]
        assert texts == [one.names for one in receipts(pair.bob, ours=True)]
        previous = FIRST
        for number, text in enumerate(texts, 1):
            assert (read(text).number, read(text).previous) == (number, previous)
            previous = digest_of_text(text)
        assert len(texts) == 5
        assert pair.aside(pair.alice) == []

    run(story)


def test_a_receipt_that_was_taken_out_is_on_the_list() -> None:
    async def story(pair: Pair) -> None:
        local = issue(pair, "one")
        await pair.settle()
        place = pair.bob.store.read_now(lambda tx: evidence.place(tx, 1, ours=True))
        assert place is not None
        gone = place._replace(number=place.number + 1)
        pair.bob.store.run_now(lambda tx: evidence.set_place(tx, 1, gone, ours=True))
        pair.alice.tracker.edit(local, {Cell("title"): "two"}, "ann")
        await pair.settle()
        ((kind, reason),) = pair.aside(pair.alice)
        assert (kind, "one was taken out" in reason) == ("message", True)
        assert len(receipts(pair.alice)) == 2

    run(story)


def test_a_lost_receipt_comes_again() -> None:
    async def story(pair: Pair) -> None:
        local = issue(pair, "one")
        await pair.settle()
        before = len(receipts(pair.alice))
        air = pair.world.airs[1]
        pair.alice.tracker.edit(local, {Cell("title"): "two"}, "ann")
        for _ in range(20):
            await pair.world._round()
            if any(parcel.label.lane == "k" for parcel in air.flying):
                air.flying.clear()
                break
            pair.world.now += 1.0
        state = pair.bob.state()
        assert state.out["k"].last == before + 1
        assert len(receipts(pair.alice)) == before
        pair.bob.tracker.edit("1", {Cell("title"): "three"}, "bob")
        await pair.settle()
        assert len(receipts(pair.alice)) == before + 1

    run(story)


def test_receipts_wait_for_no_acknowledgement_of_their_own() -> None:
    async def story(pair: Pair) -> None:
        issue(pair, "one")
        await pair.settle()
        state = pair.bob.state()
        assert state.out["k"].applied < state.out["k"].last
        assert pair.bob.store.read_now(lambda tx: messages.awaited(tx, 1, state)) == (0, None)

    run(story, MAIL)


def test_evidence_outlives_the_messages_and_ends_with_its_own_horizon() -> None:
    async def story(pair: Pair) -> None:
        local = issue(pair, "one")
        await pair.settle()
        pair.alice.tracker.edit(local, {Cell("title"): "two"}, "ann")
        await pair.settle()
        pair.world.now += HORIZON + 1
        pair.alice.tracker.edit(local, {Cell("title"): "three"}, "ann")
        await pair.settle()
        before = await found(pair, pair.alice)
        for node in (pair.alice, pair.bob):
            await node.prune()
        after = await found(pair, pair.alice)
        assert [one.text for one in after.sent] == [one.text for one in before.sent]
        assert len(after.sent) == 3
        assert len(after.receipts) == 3
        pair.alice.ep.evidence_seconds = HORIZON
        await pair.alice.prune()
        assert len((await found(pair, pair.alice)).sent) == 1

    run(story)


def test_evidence_never_takes_more_than_its_room() -> None:
    async def story(pair: Pair) -> None:
        for number in range(5):
            issue(pair, f"issue {number}")
            await pair.settle()
            pair.world.now += 60.0

        def kept() -> int:
            return len(pair.bob.store.read_now(lambda tx: evidence.about(tx, 1, "-", ("c",))))

        assert kept() == 5
        pair.bob.store.run_now(lambda tx: evidence.forget(tx, 1, 0.0, 2_000))
        assert 0 < kept() < 5
        newest = pair.bob.store.read_now(lambda tx: evidence.about(tx, 1, gid(pair, "5"), ("c",)))
        assert len(newest) == 1

    run(story)
