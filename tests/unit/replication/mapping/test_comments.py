"""Comments: which leave, what becomes of those that may not any more, whose they are, and who may see them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbone.errors import ConfigError
from backbone.model import COMMENT, Cell, Record, Value
from backbone.replication.agreement import Agreement
from backbone.replication.merge import NEVER
from backbone.replication.message import ChangeSet, Operation
from tests.unit.replication.mapping.half import Half, translation

OURS, THEIRS = Cell(COMMENT, "c-1"), Cell(COMMENT, "c-9")
HERE = Cell(COMMENT, "1")


def half(terms: dict[str, Any] | None = None, **comments: Any) -> Half:
    return Half(translation({}, {}, comments=comments, terms=terms or {}))


def record(text: str, **more: str) -> Record:
    return {"text": text, "author": "ann", "created": "then", **more}


def text(said: Value) -> Any:
    return said["text"] if isinstance(said, dict) else said


class TestWords:
    def test_a_word_is_whole_and_may_be_large_or_small(self) -> None:
        alice = half(send={"words": ["#beta"]})
        for number, (words, leaves) in enumerate(
            {"#Beta": True, "is #beta.": True, "#beta2": False, "x#beta": False, "beta": False}.items()
        ):
            assert len(alice.capture({Cell(COMMENT, str(number)): record(words)})) == leaves, words

    def test_an_edit_that_takes_the_word_out_takes_the_comment_back_and_another_shares_it_again(self) -> None:
        alice = half(send={"words": ["#beta"]})
        alice.capture({HERE: record("a #beta")})
        assert alice.capture({HERE: record("a secret")}) == {OURS: None}
        assert alice.capture({HERE: record("a second secret")}) == {}
        assert alice.said_again() == {}
        assert text(alice.capture({HERE: record("b #beta")})[OURS]) == "b #beta"

    def test_what_the_partner_makes_of_our_comment_stays_shared_without_the_word(self) -> None:
        alice = half(send={"words": ["#beta"]})
        alice.capture({HERE: record("a #beta")})
        alice.hear({OURS: record("b")})
        assert alice.said_again() == {}
        assert alice.shadow[OURS].image == alice.shadow[OURS].value
        assert alice.capture({HERE: record("c")}) == {OURS: None}

    def test_the_partners_edit_of_what_was_taken_back_does_not_meet_what_stays_here(self) -> None:
        alice = half(send={"words": ["#beta"]})
        alice.capture({HERE: record("a #beta")})
        alice.capture({HERE: record("a secret")})
        assert alice.hear({OURS: record("b")}) == {}
        assert "is not shared any more" in alice.problems[0]
        assert alice.comments() == ["a secret"]

    def test_what_was_taken_back_and_deleted_is_the_partners_to_make_again(self) -> None:
        alice = half(send={"words": ["#beta"]})
        alice.capture({HERE: record("a #beta")})
        alice.capture({HERE: record("a secret")})
        assert alice.capture({HERE: None}) == {}
        alice.hear({OURS: record("b")})
        assert alice.problems == ()
        assert alice.comments() == ["b"]

    def test_a_removed_comment_of_the_partners_is_removed_there(self) -> None:
        alice = half(send={"words": ["#beta"]})
        alice.hear({THEIRS: record("hello")})
        assert alice.capture({Cell(COMMENT, "9"): None}) == {THEIRS: None}

    def test_one_of_the_partners_that_is_shown_here_though_it_is_gone_there_is_said_as_it_is(self) -> None:
        """After a restore: what the partner deleted is still here, and no rule of ours is meant for it."""
        alice = half(send={"words": ["#beta"]})
        alice.heard.add(THEIRS.element)
        shown = {Cell(COMMENT, "9"): record("hello")}
        assert text(alice.capture(shown)[THEIRS]) == "hello"
        assert alice.capture({Cell(COMMENT, "9"): record("hello, secret", visibility="internal")}) == {}

    @pytest.mark.parametrize("headline", ["", "{author} wrote:", "On {created} {author} said:", "From the partner:"])
    def test_one_of_the_partners_that_a_store_forgot_is_said_as_whose_it_is(self, headline: str) -> None:
        """After a restore of both stores: the line above it says who wrote it, if one stands there."""
        alice = half(headline=headline)
        alice.hear({THEIRS: record("hello", author="bob", created="2026-11-01T10:00:00Z")})
        shown = dict(alice.shown)
        alice.shadow.clear()
        said = alice.capture(shown)[THEIRS]
        assert isinstance(said, dict)
        if "{author}" in headline:
            assert said == {"text": "hello", "author": "bob", "created": "2026-11-01T10:00:00Z"}
        else:
            assert str(said["text"]).endswith("hello")

    def test_a_line_that_is_not_ours_is_the_partners_text(self) -> None:
        """Where no line is put above comments, what looks like one was written by a person."""
        alice = half(headline="")
        alice.hear({THEIRS: record("bob wrote:\n\nhello", author="eva")})
        shown = dict(alice.shown)
        alice.shadow.clear()
        assert text(alice.capture(shown)[THEIRS]) == "bob wrote:\n\nhello"


class TestPrefix:
    def test_an_edit_that_takes_only_the_prefix_away_takes_the_comment_back(self) -> None:
        alice = half(send={"strip_prefix": "@beta "})
        assert text(alice.capture({HERE: record("@beta hello")})[OURS]) == "hello"
        assert alice.capture({HERE: record("hello")}) == {OURS: None}

    @given(st.text(min_size=1), st.text())
    def test_what_comes_back_goes_out_the_same(self, prefix: str, words: str) -> None:
        alice = half(send={"strip_prefix": prefix})
        assert text(alice.capture({HERE: record(f"{prefix}hello")})[OURS]) == "hello"
        alice.hear({OURS: record(words)})
        assert alice.comments() == [prefix + words]
        assert alice.said_again() == {}


class TestAuthors:
    @pytest.mark.parametrize(
        ("send", "authors"),
        [
            ({"authors": ["a*"]}, {"ann"}), ({"authors": ["bot"]}, {"bot"}), ({"author_groups": ["Sales"]}, {"eve"}),
            ({"authors": ["*"], "author_groups": ["Support", "Sales"]}, {"ann", "eve"}),
            ({}, {"ann", "bot", "eve", "x"}),
        ],
    )  # fmt: skip
    def test_only_what_these_people_write_leaves(self, send: dict[str, Any], authors: set[str]) -> None:
        alice = half(send=send)
        found = {
            login
            for number, login in enumerate(("ann", "bot", "eve", "x"))
            if alice.capture({Cell(COMMENT, str(number)): {**record("hello"), "author": login}})
        }
        assert found == authors


class TestVisibility:
    def test_an_internal_comment_never_leaves_unasked(self) -> None:
        for terms in ({}, {"internal_comments": True}):
            assert half(terms).capture({HERE: record("secret", visibility="internal")}) == {}

    def test_it_leaves_marked_where_its_visibility_is_named(self) -> None:
        alice = half({"internal_comments": True}, send={"internal": ["internal"]})
        said = alice.capture({HERE: record("for few", visibility="internal")})
        assert said == {OURS: {"text": "for few", "author": "Ann Example", "created": "then", "visibility": "internal"}}
        assert alice.capture({HERE: record("for fewer", visibility="managers")}) == {OURS: None}

    def test_naming_it_is_not_enough_where_the_agreement_does_not_share_it(self) -> None:
        assert half(send={"internal": ["internal"]}).capture({HERE: record("x", visibility="internal")}) == {}

    def test_a_comment_that_becomes_internal_is_taken_back_with_its_text_or_without(self) -> None:
        for words in ("hello", "hello, secret"):
            alice = half()
            alice.capture({HERE: record("hello")})
            assert alice.capture({HERE: record(words, visibility="internal")}) == {OURS: None}
            assert alice.capture({HERE: record(f"{words} again", visibility="internal")}) == {}

    def test_one_of_the_partners_that_is_made_internal_here_stays_there_as_it_was(self) -> None:
        alice = half()
        alice.hear({THEIRS: record("hello", author="Bob")})
        shown = {**record("Bob wrote:\n\nhello, and a secret"), "visibility": "internal"}
        assert alice.capture({Cell(COMMENT, "9"): shown}) == {}
        assert alice.said_again() == {}

    def test_one_of_the_partners_is_written_for_those_who_may_see_it_or_not_at_all(self) -> None:
        internal = record("for few", author="Bob", visibility="internal")
        assert half({"internal_comments": True}).hear({THEIRS: internal}) == {}
        alice = half({"internal_comments": True}, internal_as="managers", headline="")
        (written,) = alice.hear({THEIRS: internal}).values()
        assert isinstance(written, dict)
        assert (written["text"], written["visibility"]) == ("for few", "managers")
        assert alice.said_again() == {}
        (written,) = alice.hear({THEIRS: record("for all", author="Bob")}).values()
        assert isinstance(written, dict)
        assert (written["text"], written["visibility"]) == ("for all", "")

    def test_one_that_the_partner_makes_internal_goes_where_nobody_may_see_it(self) -> None:
        alice = half({"internal_comments": True})
        alice.hear({THEIRS: record("hello", author="Bob")})
        assert alice.hear({THEIRS: record("hello", author="Bob", visibility="internal")}) == {Cell(COMMENT, "9"): None}

    def test_the_partners_edit_of_our_internal_comment_leaves_its_visibility_alone(self) -> None:
        alice = half({"internal_comments": True}, send={"internal": ["internal"]})
        alice.capture({HERE: record("for few", visibility="internal")})
        (written,) = alice.hear({OURS: record("edited", visibility="internal")}).values()
        assert written == {"text": "edited", "author": "bot", "created": "then"}

    @pytest.mark.parametrize(
        ("terms", "more", "fits"),
        [
            ({}, {}, True), ({}, {"visibility": "internal"}, False), ({}, {"visibility": ""}, False),
            ({"internal_comments": True}, {"visibility": "internal"}, True),
            ({"internal_comments": True}, {"visibility": "managers"}, False),
            ({"internal_comments": True}, {}, True), ({"internal_comments": True}, {"other": "x"}, False),
        ],
    )  # fmt: skip
    def test_the_agreement_says_what_the_partner_may_say(
        self, terms: dict[str, Any], more: dict[str, str], fits: bool
    ) -> None:
        agreement = Agreement.parse({"fields": {}, **terms}, "agreement")
        assert agreement.allows(OURS, record("x", **more)) is fits
        change_set = ChangeSet("i-1", "", "", (Operation(OURS, None, NEVER, NEVER),))
        agreement.check(change_set)


class TestHeadline:
    @given(st.text(max_size=20), st.text(max_size=20))
    def test_it_is_taken_off_again(self, author: str, words: str) -> None:
        alice = half(headline="{author} at {created}")
        alice.hear({THEIRS: record(words, author=author)})
        assert alice.comments() == [f"{author} at then\n\n{words}"]
        assert alice.said_again() == {}

    def test_one_that_was_written_before_the_words_were_changed_is_no_edit(self) -> None:
        alice = half()
        alice.hear({THEIRS: record("hello", author="Bob")})
        alice.words = half(headline="By {author}").words
        assert alice.said_again() == {}

    def test_a_hole_that_there_is_not_is_named(self) -> None:
        with pytest.raises(ConfigError, match=r"comments\.headline: \{who\} stands for nothing; there are \{author\}"):
            half(headline="{who} wrote")


class TestDirection:
    def test_what_the_partner_says_is_not_written_where_it_is_not_taken(self) -> None:
        alice = half(direction="to_remote")
        assert alice.hear({THEIRS: record("hello")}) == {}
        assert not alice.words.is_expected(THEIRS, record("hello"), alice.names, {})

    def test_what_is_written_here_stays_where_it_is_not_sent(self) -> None:
        alice = half(direction="to_local")
        assert alice.capture({HERE: record("hello")}) == {}
        alice.hear({THEIRS: record("hello", author="Bob")})
        assert alice.capture({Cell(COMMENT, "9"): record("Bob wrote:\n\nedited")}) == {}


class TestExpected:
    def test_the_tracker_shows_what_is_agreed_upon_but_for_what_is_not_wanted(self) -> None:
        alice = half({"internal_comments": True})
        alice.heard.add(THEIRS.element)
        assert alice.words.is_expected(OURS, record("x"), alice.names, {})
        assert alice.words.is_expected(THEIRS, record("x"), alice.names, {})
        assert not alice.words.is_expected(THEIRS, record("x", visibility="internal"), alice.names, {})
        assert not alice.words.is_expected(THEIRS, None, alice.names, {})


class TestFaults:
    @pytest.mark.parametrize(
        ("comments", "terms", "words"),
        [
            ({"send": {"internal": ["internal"]}}, {}, "comments.send.internal: the agreement shares no internal"),
            ({"internal_as": "internal"}, {}, "comments.internal_as: the agreement shares no internal comments"),
            ({"internal_as": "manager"}, {"internal_comments": True},
             "comments.internal_as: the tracker has no comments that only 'manager' may see (did you mean 'managers'"),
            ({"send": {"authors": ["anne", "x*"]}}, {}, "comments.send.authors: nobody here has the log-in 'anne'"),
            ({"send": {"author_groups": ["Suport"]}}, {}, "in the group 'Suport' (did you mean 'Support'?)"),
        ],
    )  # fmt: skip
    def test_what_does_not_fit_is_said_with_its_place(
        self, comments: dict[str, Any], terms: dict[str, Any], words: str
    ) -> None:
        alice = half(terms, **comments)
        (problem,) = alice.words.problems(alice.schema)
        assert words in problem

    def test_what_fits_has_no_faults(self) -> None:
        send = {"internal": ["managers"], "authors": ["ann", "x*"], "author_groups": ["Sales"]}
        alice = half({"internal_comments": True}, send=send, internal_as="internal")
        assert alice.words.problems(alice.schema) == []

    @pytest.mark.parametrize(
        ("tables", "words"),
        [
            ({"comments": {"sendd": {}}}, r"comments\.sendd: there is no such key \(did you mean 'send'\?\)"),
            ({"comments": {"send": {"word": []}}}, r"comments\.send\.word: .* \(did you mean 'words'"),
            ({"attachments": {"send": {"name": []}}}, r"attachments\.send\.name: .* \(did you mean 'names'"),
            ({"attachments": {"take": {"typs": []}}}, r"attachments\.take\.typs: .* \(did you mean 'types'"),
            ({"attachments": {"prefix": ""}}, r"attachments\.prefix: .* \(did you mean 'add_prefix'"),
        ],
    )  # fmt: skip
    def test_a_key_that_there_is_not_is_named_with_the_nearest(self, tables: dict[str, Any], words: str) -> None:
        with pytest.raises(ConfigError, match=words):
            translation({}, {}, **tables)
