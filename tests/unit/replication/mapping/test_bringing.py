"""What was born at a third node: told by us it obeys our rules; told by the partner it is the partner's."""

from typing import Any

from backbone.model import ATTACHMENT, COMMENT, Cell, Record, Value
from backbone.replication import diff
from backbone.replication.mapping.bringing import brought, note
from tests.unit.replication.mapping.half import Half, translation

WORD, FILE = Cell(COMMENT, "c-1"), Cell(ATTACHMENT, "a-1")
WORD_HERE, FILE_HERE = Cell(COMMENT, "1"), Cell(ATTACHMENT, "1")


def third(said: dict[Cell, Value] | None = None, terms: dict[str, Any] | None = None, **rules: Any) -> Half:
    """All comments and attachments were born at a third node, whose partner said of them what ``said`` holds."""
    made = Half(translation({}, {}, terms=terms or {}, **rules))
    told = said or {}
    made.names = made.names._replace(born_here=lambda _: False, born_elsewhere=lambda _: True, said_elsewhere=told.get)
    return made


def comment(text: str, author: str = "carol", **more: str) -> Record:
    return {"text": text, "author": author, "created": "then", **more}


def file(name: str, author: str = "carol") -> Record:
    return {"name": name, "type": "image/png", "size": 3, "sha256": "0" * 64, "author": author, "created": "then"}


def shown(text: str, **more: str) -> Record:
    """As the synchronization user wrote it here."""
    return comment(f"carol wrote:\n\n{text}", "bot", **more)


class TestComments:
    def test_it_keeps_its_author_and_its_words(self) -> None:
        hub = third({WORD: comment("a *word*")})
        assert hub.capture({WORD_HERE: shown("a *word*")}) == {WORD: comment("a *word*")}
        assert brought(hub.shadow, "c-1")
        assert hub.said_again() == {}

    def test_where_names_are_hidden_the_third_is_one_of_ours(self) -> None:
        hub = third({WORD: comment("x")}, terms={"authors": "hidden"})
        (said,) = hub.capture({WORD_HERE: shown("x")}).values()
        assert said == comment("x", "a user of alice's")

    def test_only_what_may_leave_to_this_partner_leaves(self) -> None:
        hub = third({WORD: comment("a secret")}, comments={"send": {"words": ["#all"]}})
        assert hub.capture({WORD_HERE: shown("a secret")}) == {}
        assert note("c-1") not in hub.shadow
        assert hub.capture({WORD_HERE: shown("for #all")}) == {WORD: comment("for #all")}
        assert hub.capture({WORD_HERE: shown("a second secret")}) == {WORD: None}
        assert hub.said_again() == {}

    def test_the_first_line_above_it_is_no_part_of_what_must_begin_with_the_prefix(self) -> None:
        hub = third({WORD: comment("pub: x")}, comments={"send": {"strip_prefix": "pub: "}})
        assert hub.capture({WORD_HERE: shown("pub: x")}) == {WORD: comment("x")}
        assert hub.hear({WORD: comment("y", "zoe")}) == {
            WORD_HERE: {"text": "carol wrote:\n\npub: y", "author": "bot", "created": "then"}
        }
        assert hub.said_again() == {}

    def test_one_for_a_few_stays_and_one_that_becomes_so_is_taken_back(self) -> None:
        hub = third({WORD: comment("x")}, terms={"internal_comments": True})
        assert hub.capture({WORD_HERE: shown("x", visibility="managers")}) == {}
        hub.capture({WORD_HERE: shown("x")})
        assert hub.capture({WORD_HERE: shown("x", visibility="managers")}) == {WORD: None}

    def test_what_the_partner_told_first_stays_the_partners(self) -> None:
        hub = third(comments={"send": {"words": ["#all"]}})
        assert hub.hear({WORD: comment("x")}) == {Cell(COMMENT, "+c-1"): shown("x")}
        assert not brought(hub.shadow, "c-1")
        assert hub.capture({WORD_HERE: shown("y")}) == {WORD: comment("y")}

    def test_what_it_names_is_said_anew_for_this_partner(self) -> None:
        words = "see [#9](backbone:issue/secret-gid)"
        hub = third({WORD: comment(words)})
        assert hub.capture({WORD_HERE: shown("see #9")}) == {WORD: comment("see #9")}

    def test_a_whole_picture_without_it_does_not_forget_who_brought_it(self) -> None:
        hub = third({WORD: comment("x")})
        hub.capture({WORD_HERE: shown("x")})
        assert diff.whole(hub.shadow, {}, ()) == {WORD: None}

    def test_one_that_was_taken_out_before_is_not_spoken_of(self) -> None:
        hub = third({WORD: comment("x")})
        assert hub.capture({WORD_HERE: None}) == {}
        assert hub.shadow == {}


class TestAttachments:
    def test_only_what_may_leave_to_this_partner_leaves(self) -> None:
        hub = third({FILE: file("x.png")}, attachments={"send": {"names": ["public*"]}})
        assert hub.capture({FILE_HERE: file("x.png", "bot")}) == {}
        assert hub.capture({FILE_HERE: file("public.png", "bot")}) == {FILE: file("public.png")}
        assert hub.capture({FILE_HERE: file("x.png", "bot")}) == {FILE: None}

    def test_who_brought_it_takes_it_away_on_both_sides_and_nobody_else(self) -> None:
        hub = third({FILE: file("x.png")})
        hub.capture({FILE_HERE: file("x.png", "bot")})
        assert hub.hear({FILE: None}) == {}
        hub = third({FILE: file("x.png")})
        hub.capture({FILE_HERE: file("x.png", "bot")})
        assert hub.capture({FILE_HERE: None}) == {FILE: None}
        hub = third()
        hub.hear({FILE: file("x.png")})
        assert hub.capture({FILE_HERE: None}) == {}
