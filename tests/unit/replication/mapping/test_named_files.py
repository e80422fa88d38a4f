"""Texts that name an attachment of their issue by its name: what is meant travels, whatever it is called there."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backbone.errors import ConfigError
from backbone.model import ATTACHMENT, COMMENT, Cell, Field, FieldType, Record, Schema, Value
from backbone.replication.mapping import Names
from backbone.replication.mapping.filenames import safe
from backbone.replication.mapping.references import names_a_file
from backbone.replication.merge import EMPTY
from backbone.richtext import CONVERT
from tests.unit.replication.mapping.half import Half, translation

TEXT = Cell("text")
BY_NAME = ("![]({name})", "[]({name})", "attachment:{name}")
BY_ID = ("file{id}",)
SCHEMA = Schema({"text": Field("text", FieldType.TEXT)})


def half(forms: tuple[str, ...] | None = BY_NAME, usual: tuple[str, ...] = (), **more: Any) -> Half:
    """``forms`` of the link's file, ``usual`` ones of the tracker; ``more``: other tables of the link's file."""
    text = {**more.pop("text", {}), **({} if forms is None else {"attachments": list(forms)})}
    fields: Any = {"text": {"local": "text"}}
    words = translation(fields, {"text": {"type": "richtext"}}, text=text, convert=CONVERT, **more)
    return Half(words, Schema(SCHEMA.fields, references={"attachment": usual} if usual else {}))


def file(name: str, sha256: str = "0") -> Record:
    return {"name": name, "type": "image/png", "size": 5, "sha256": sha256 * 64, "author": "ann", "created": ""}


def attach(one: Half, *names: str) -> dict[Cell, Value]:
    """What is said of files with these names, made here one after the other."""
    files = {Cell(ATTACHMENT, f"file{number}"): file(name) for number, name in enumerate(names, 1)}
    return dict(one.capture(files))


def linked(name: str = "a.png", gid: str = "a-file1") -> str:
    return f"![{name}](backbone:attachment/{gid})"


class TestSaid:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("see ![](a.png)!", "see ![a.png](backbone:attachment/a-file1)!"),
            ("![the plan](a.png)", "![the plan](backbone:attachment/a-file1)"),
            ('[the plan](a.png "it")', "[the plan](backbone:attachment/a-file1)"),
            ("attachment:a.png.", "[a.png](backbone:attachment/a-file1)."),
            ("![](<a b_c.png>)", r"![a b\_c.png](backbone:attachment/a-file2)"),
            ("![](a b_c.png)", r"![a b\_c.png](backbone:attachment/a-file2)"),
            ("![](a%20b_c.png)", r"![a%20b\_c.png](backbone:attachment/a-file2)"),
            (r"attachment:d\_e.txt", r"[d\_e.txt](backbone:attachment/a-file3)"),
        ],
    )
    def test_a_file_of_the_issue_is_what_is_meant(self, text: str, said: str) -> None:
        alice = half()
        attach(alice, "a.png", "a b_c.png", "d_e.txt")
        assert alice.edit(text=text) == {TEXT: said}
        assert alice.said_again() == {}

    @pytest.mark.parametrize(
        "text",
        ["![](b.png)", "[x](https://a.example/a.png)", "a.png", "xattachment:a.png", "attachment:a.png-b", "![](a.pn)",
         r"\![](a.png)", "![](twice.png)", "![a]b](a.png)"],
    )  # fmt: skip
    def test_what_nobody_has_or_several_have_stays_as_it_is(self, text: str) -> None:
        alice = half()
        assert alice.words.needs_files({}, alice.schema)
        attach(alice, "a.png", "twice.png", "twice.png")
        assert alice.edit(text=text) == {TEXT: text}

    def test_a_file_that_stays_at_home_is_not_named(self) -> None:
        alice = half(attachments={"send": {"except_names": ["secret*"]}})
        attach(alice, "secret.png")
        assert alice.edit(text="![](secret.png)") == {TEXT: "![](secret.png)"}

    def test_a_file_that_stays_at_home_from_now_on(self) -> None:
        alice = half(attachments={"send": {"except_names": ["secret*"]}})
        attach(alice, "a.png")
        said = alice.capture({Cell(ATTACHMENT, "file1"): file("secret.png"), TEXT: "![](secret.png) ![](a.png)"})
        assert said[TEXT] == "![](secret.png) ![](a.png)"

    def test_a_file_that_was_taken_away_is_not_named(self) -> None:
        alice = half()
        attach(alice, "a.png")
        alice.capture({Cell(ATTACHMENT, "file1"): None})
        assert alice.edit(text="![](a.png)") == {TEXT: "![](a.png)"}

    def test_a_file_of_the_same_edit(self) -> None:
        alice = half()
        said = alice.capture({Cell(COMMENT, "1"): {"text": "![](a.png)", "author": "x", "created": ""},
                              TEXT: "[](a.png)", Cell(ATTACHMENT, "file1"): file("a.png")})  # fmt: skip
        comment = said[Cell(COMMENT, "c-1")]
        assert isinstance(comment, dict)
        assert (comment["text"], said[TEXT]) == (linked(), "[a.png](backbone:attachment/a-file1)")

    def test_by_its_number_it_travels_under_its_name(self) -> None:
        alice = half(BY_ID)
        attach(alice, "a.png")
        assert alice.edit(text="see file1") == {TEXT: "see [a.png](backbone:attachment/a-file1)"}
        assert alice.said_again() == {}


class TestWritten:
    @pytest.mark.parametrize(
        ("forms", "text"),
        [
            (BY_NAME, "![](a.png) [the plan](a.png) and more"),
            (("attachment:{name}",), "attachment:a.png attachment:a.png and more"),
            (("[^{name}]", "!{name}!"), "!a.png! [^a.png] and more"),
            (BY_ID, "file1 file1 and more"),
            ((), "a.png the plan and more"),
        ],
    )
    def test_each_tracker_names_it_in_its_own_way(self, forms: tuple[str, ...], text: str) -> None:
        bob = half(forms)
        said = "![a.png](backbone:attachment/a-file1) [the plan](backbone:attachment/a-file1) and more"
        bob.hear({Cell(ATTACHMENT, "a-file1"): file("a.png")})
        bob.hear({TEXT: said})
        assert bob.shown[TEXT] == text
        assert bob.said_again() == {}
        assert bob.shadow[TEXT].image == said

    @pytest.mark.parametrize(("name", "place"), [("../x y.png", "<_x y.png>"), ("a(1).png", "<a(1).png>")])
    def test_by_the_name_that_it_has_here(self, name: str, place: str) -> None:
        bob = half(attachments={"strip_prefix": "beta-", "add_prefix": "acme-"})
        bob.hear({Cell(ATTACHMENT, "a-file1"): file(f"acme-{name}"), TEXT: linked(f"acme-{name}")})
        bob.hear({TEXT: linked("the plan")})
        here = safe(f"beta-{name}")
        assert bob.shown[TEXT] == f"![the plan]({f'<{here}>' if place[0] == '<' else here})"
        assert bob.said_again() == {}

    def test_a_prefix_makes_no_caption(self) -> None:
        bob = half(attachments={"strip_prefix": "beta-"})
        bob.hear({Cell(ATTACHMENT, "a-file1"): file("a.png"), TEXT: linked() + " [a.png](backbone:attachment/a-file1)"})
        assert bob.shown[TEXT] == "![](beta-a.png) [beta-a.png](beta-a.png)"

    def test_a_name_that_a_form_cannot_hold_needs_another_form(self) -> None:
        said: dict[Cell, Value] = {Cell(ATTACHMENT, "a-file1"): file("a b.png"), TEXT: linked("it")}
        bob = half(("attachment:{name}", "[]({name})"))
        bob.hear(said)
        assert bob.shown[TEXT] == "[it](<a b.png>)"
        bob = half(("attachment:{name}",))
        bob.hear(said)
        assert bob.shown[TEXT] == "it"

    def test_a_file_that_is_not_taken_is_its_label(self) -> None:
        bob = half(attachments={"take": {"except_names": ["*.png"]}})
        bob.hear({Cell(ATTACHMENT, "a-file1"): file("a.png"), TEXT: linked()})
        assert bob.shown[TEXT] == "a.png"
        assert bob.said_again() == {}

    def test_an_edit_of_the_text_keeps_what_it_named(self) -> None:
        alice, bob = half(), half(("!{name}!", "[^{name}]"), text={"markup": "jira"})
        said = attach(alice, "a b.png", "c.pdf")
        said |= alice.edit(text="![the plan](<a b.png>) and attachment:c.pdf")
        bob.hear(said)
        assert bob.shown[TEXT] == "!a b.png|alt=the plan! and [^c.pdf]"
        assert bob.said_again() == {}
        alice.hear(bob.edit(text="!a b.png|alt=the plan! and, later, [^c.pdf]"))
        assert alice.shown[TEXT] == "![the plan](<a b.png>) and, later, [c.pdf](c.pdf)"
        assert alice.said_again() == {}

    def test_a_link_with_other_words_in_jira_keeps_the_words(self) -> None:
        bob = half(("[^{name}]",), text={"markup": "jira"})
        bob.hear({Cell(ATTACHMENT, "a-file1"): file("c.pdf"), TEXT: "[the report](backbone:attachment/a-file1)"})
        assert bob.shown[TEXT] == "the report [^c.pdf]"
        assert bob.said_again() == {}

    def test_redmine(self) -> None:
        bob = half(("attachment:{name}", "!{name}!"), text={"markup": "textile"})
        bob.hear(
            {
                Cell(ATTACHMENT, "a-file1"): file("c.png"),
                TEXT: linked("c.png") + " [the report](backbone:attachment/a-file1)",
            }
        )
        assert bob.shown[TEXT] == "!c.png! attachment:c.png"
        assert bob.edit(text="!c.png! attachment:c.png!")[TEXT] == (
            "![c.png](backbone:attachment/a-file1) [the report](backbone:attachment/a-file1)!"
        )

    def test_in_a_comment_of_our_own_making(self) -> None:
        bob = half()
        bob.words = translation({"text": {"as_comment": "They say:"}}, {"text": {"type": "richtext"}},
                                text={"attachments": ["![]({name})"]})  # fmt: skip
        bob.hear({Cell(ATTACHMENT, "a-file1"): file("a.png"), TEXT: linked()})
        assert bob.comments() == ["They say:\n\n![](a.png)"]


class TestNotHereYet:
    """In a tracker whose files have numbers."""

    def test_a_text_waits_for_its_file_and_is_completed(self) -> None:
        called: dict[str, str] = {}
        bob = half(None, BY_ID)
        bob.names = Names(lambda kind, local: f"{kind}-{local}", called.get, lambda _: False, lambda *_: False)
        said: dict[Cell, Value] = {Cell(ATTACHMENT, "a-file1"): file("a.png"), TEXT: linked()}
        inward = bob.words.to_local(said, bob.schema, bob.names, bob.shadow, lambda _: True)
        assert inward.cells[TEXT] == "a.png"
        assert not bob.words.needs_files({TEXT: "a.png", Cell("yes"): True}, bob.schema)
        assert bob.words.needs_files({Cell(COMMENT, "c"): {"text": "file9"}}, bob.schema)
        assert inward.waiting == {TEXT: "ref:a-file1"}
        known = {TEXT: EMPTY._replace(value=linked()), Cell(ATTACHMENT, "a-file1"): EMPTY._replace(value=file("a.png"))}
        out = bob.words.to_agreed({TEXT: "a.png"}, bob.schema, bob.names, known)
        assert out.cells == {TEXT: "a.png"}  # so that it is written again
        called["a-file1"] = "file9"
        inward = bob.words.to_local(said, bob.schema, bob.names, bob.shadow, lambda _: True)
        assert (inward.cells[TEXT], inward.waiting) == ("file9", {})

    def test_a_file_of_which_nobody_heard_is_not_waited_for(self) -> None:
        bob = half(None, BY_ID)
        bob.names = Names(lambda kind, local: f"{kind}-{local}", lambda _: None, lambda _: False, lambda *_: False)
        inward = bob.words.to_local({TEXT: linked()}, bob.schema, bob.names, bob.shadow, lambda _: True)
        assert (inward.cells[TEXT], inward.waiting) == ("a.png", {})
        assert bob.names.file_name("a-file1") is bob.names.file_named("a.png") is None  # there is none without an issue
        taken_away: dict[Cell, Value] = {Cell(ATTACHMENT, "a-file1"): None, TEXT: linked()}
        assert bob.words.to_local(taken_away, bob.schema, bob.names, bob.shadow, bool).waiting == {}


def test_which_values_name_a_file() -> None:
    assert names_a_file(linked())
    assert names_a_file({"text": linked()})
    others: tuple[Value, ...] = ({"name": "a.png"}, {"text": "a.png"}, True, None, "[#1](backbone:issue/i-1)")
    assert not any(names_a_file(value) for value in others)


NAMES = st.lists(st.text(st.sampled_from("ab_*!.() -\\[]~&"), min_size=1, max_size=8), max_size=4)
PIECES = (
    "![](",
    "[",
    "](",
    ")",
    "!",
    "attachment:",
    "<",
    ">",
    "[^",
    " ",
    "\n",
    "x",
    "![a](backbone:attachment/a-file1)",
)


class TestLaws:
    @settings(deadline=None)
    @given(NAMES, st.data())
    @example(["a.png"], None)
    def test_an_unedited_round_trip_changes_nothing(self, names: list[str], data: Any) -> None:
        parts = st.sampled_from((*PIECES, *names, *(f"![]({name})" for name in names)))
        text = "".join(data.draw(st.lists(parts, max_size=8))) if data is not None else "!![](a.png)!"
        alice, bob = half(), half(("!{name}!", "[^{name}]"))
        said = attach(alice, *names)
        said |= alice.edit(text=text or "x")
        bob.hear(said)
        assert bob.said_again() == {}
        assert alice.said_again() == {}
        assert bob.shadow[TEXT].image == said[TEXT] or "](backbone:" in text

    @settings(deadline=None)
    @given(NAMES, st.data())
    def test_an_edit_around_it_loses_no_file(self, names: list[str], data: Any) -> None:
        name = data.draw(st.sampled_from([safe(one) for one in names] or ["a.png"]))
        alice, bob = half(), half(BY_ID)
        said = attach(alice, name)
        said |= alice.edit(text=f"see ![](<{name}>)")
        bob.hear(said)
        alice.hear(bob.edit(text=f"{bob.shown[TEXT]} too"))
        assert alice.shown[TEXT] == f"see ![]({name if not set(name) & set(' ()') else f'<{name}>'}) too"


@pytest.mark.parametrize("form", ["{name}{id}", "[{name}]", "![x]({name})", "attachment:"])
def test_a_form_that_cannot_be_is_named(form: str) -> None:
    with pytest.raises(ConfigError, match=r"must have \{id\} or \{name\} in it once, and no brackets"):
        half((form,))
