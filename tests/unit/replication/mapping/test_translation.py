"""Local words and the agreement's: out, in, and that one undoes the other."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbone.errors import ConfigError
from backbone.model import ATTACHMENT, COMMENT, ISSUE, Cell, Cells, Field, FieldType, Person, Schema, Value
from backbone.replication.agreement import Agreement
from backbone.replication.mapping import Names, Rules, Translation
from backbone.replication.merge import NEVER, Register

SCHEMA = Schema(
    {
        f.name: f
        for f in (
            Field("subject", FieldType.TEXT),
            Field("state", FieldType.CHOICE, ("unread", "chatting", "resolved")),
            Field("hidden", FieldType.BOOLEAN),
            Field("owner", FieldType.USER),
            Field("nosy", FieldType.USERS),
            Field("keyword", FieldType.CHOICES, ("ui",), open=True),
            Field("component", FieldType.CHOICES, ("core", "web")),
            Field("superseder", FieldType.RELATION),
            Field("secret", FieldType.TEXT),
        )
    },
    {"ann": Person("ann", "Ann Example"), "joe": Person("joe", ""), "bot": Person("bot", "Robot")},
)
AGREEMENT: dict[str, Any] = {
    "title": {"type": "text"}, "status": {"type": "choice"}, "private": {"type": "boolean"},
    "assignee": {"type": "user"}, "watchers": {"type": "users"}, "labels": {"type": "choices"},
    "parts": {"type": "choices"}, "depends": {"type": "relation"},
}  # fmt: skip
RULES: dict[str, Any] = {
    "fields": {
        "title": {"local": "subject"},
        "status": {"local": "state", "values": {"new": ["unread", "chatting"], "done": "resolved"}},
        "private": {"local": "hidden"},
        "assignee": {"local": "owner"},
        "watchers": {"local": "nosy"},
        "labels": {"local": "keyword"},
        "parts": {"local": "component", "values": {"kernel": "core"}},
        "depends": {"local": "superseder"},
    },
    "users": {"ann": "ann@example.com"},
    "on_create": {"subject": "from the partner"},
}
KNOWN = {"aa-5": (ISSUE, "5"), "aa-6": (ISSUE, "6"), "aa-c1": (COMMENT, "c1"), "bb-a1": (ATTACHMENT, "a1")}


def gid_of(kind: str, local: str) -> str:
    return next((gid for gid, known in KNOWN.items() if known == (kind, local)), f"aa-{kind}-{local}")


def local_of(gid: str) -> str | None:
    return KNOWN[gid][1] if gid in KNOWN else None


def strange(kind: str, gid: str) -> bool:
    return bool(kind) and (KNOWN[gid][0] != kind if gid in KNOWN else gid.startswith("aa-"))


SHOWN = {Cell(kind, gid): Register(image=True) for gid, (kind, _) in KNOWN.items()}
NAMES = Names(gid_of, local_of, lambda gid: gid.startswith("aa-"), strange)


def translation(rules: dict[str, Any] | None = None, **agreed: Any) -> Translation:
    agreement = Agreement.parse({"fields": AGREEMENT, **agreed}, "agreement")
    return Translation(agreement, Rules.parse(rules or RULES, "rules"), "alice's", user="bot")


def out(cells: Cells, shadow: dict[Cell, Register] | None = None, **agreed: Any) -> Cells:
    outward = translation(**agreed).to_agreed(cells, SCHEMA, NAMES, shadow or {})
    assert outward.problems == ()
    return outward.cells


def back(cells: Cells, whole: bool = True) -> Cells:
    """In local words; nothing waits and nothing is wrong."""
    inward = translation().to_local(cells, SCHEMA, NAMES, SHOWN, lambda _: whole)
    assert (inward.waiting, inward.problems) == ({}, ())
    return inward.cells


class TestRules:
    def test_a_file_that_cannot_be_is_named_with_its_place(self) -> None:
        with pytest.raises(ConfigError, match=r"links/bob\.toml: fields\.title\.local"):
            Rules.parse({"fields": {"title": {"local": 5}}}, "links/bob.toml")

    def test_a_mapping_that_fits_has_no_problems(self) -> None:
        assert translation().problems(SCHEMA) == []
        assert translation().on_create == {Cell("subject"): "from the partner"}

    @pytest.mark.parametrize(
        ("fields", "users", "words"),
        [
            ({"titel": {"local": "subject"}}, {}, "fields.titel is not in the agreement (did you mean 'title'?)"),
            ({"title": {"local": "subjct"}}, {}, "the tracker has no field 'subjct' (did you mean 'subject'?)"),
            ({"title": {"local": "zzz"}}, {}, "the tracker has no field 'zzz'"),
            ({}, {}, "fields.title is in the agreement but not in this file: say which field it is here"),
            ({}, {"anne": "x"}, "users: nobody here has the log-in 'anne' (did you mean 'ann'?)"),
            ({}, {"ann": "x", "joe": "x"}, "users: two log-ins have the same word"),
            ({"status": {"local": "state", "values": {"a": "resolved", "b": "resolved"}}}, {}, "stands in two rows"),
            ({"status": {"local": "state", "values": {"a": []}}}, {}, "a row has no local value"),
            ({"parts": {"local": "component", "values": {"a": ["core", "web"]}}}, {}, "have no way back in a set"),
            (
                {"status": {"local": "state", "values": {"a": "resolvd"}}},
                {},
                "has no value 'resolvd' (did you mean 'res",
            ),
        ],
    )
    def test_what_does_not_fit_is_said_in_a_sentence(
        self, fields: dict[str, Any], users: dict[str, str], words: str
    ) -> None:
        problems = translation({"fields": fields, "users": users}).problems(SCHEMA)
        assert any(words in problem for problem in problems), problems

    def test_values_of_fields_that_take_any_are_not_looked_up(self) -> None:
        rules = {"fields": {**RULES["fields"], "labels": {"local": "keyword", "values": {"a": "never seen"}}}}
        assert translation(rules).problems(SCHEMA) == []


class TestPeople:
    def test_an_author_goes_by_the_word_of_the_table_else_by_name(self) -> None:
        words = translation()
        assert words.person("ann", SCHEMA) == "ann@example.com"
        assert words.person("bot", SCHEMA) == "Robot"
        assert words.person("joe", SCHEMA) == "joe"
        assert words.person("gone", SCHEMA) == "gone"
        assert words.person("", SCHEMA) == "a user of alice's"
        assert (words.login("ann@example.com", SCHEMA), words.login("eve", SCHEMA)) == ("ann", None)

    def test_hidden_authors_are_a_user_of_the_node(self) -> None:
        words = translation(authors="hidden")
        assert words.person("bot", SCHEMA) == "a user of alice's"
        assert words.person("ann", SCHEMA) == "ann@example.com"


class TestOut:
    def test_only_what_is_agreed_leaves(self) -> None:
        assert out({Cell("secret"): "s", Cell("subject"): "t"}) == {Cell("title"): "t"}

    def test_a_field_that_only_the_file_knows_does_not_leave(self) -> None:
        rules = {"fields": {**RULES["fields"], "secret": {"local": "secret"}}}
        assert translation(rules).to_agreed({Cell("secret"): "s"}, SCHEMA, NAMES, {}).cells == {}

    def test_values_go_through_the_table(self) -> None:
        assert out({Cell("state"): "chatting"}) == {Cell("status"): "new"}
        assert out({Cell("state"): None}) == {Cell("status"): None}
        assert out({Cell("component", "core"): True}) == {Cell("parts", "kernel"): True}
        assert out({Cell("hidden"): True}) == {Cell("private"): True}

    def test_a_value_without_a_row_is_a_problem_and_is_left_unsaid(self) -> None:
        outward = translation().to_agreed({Cell("state"): "odd", Cell("component", "web"): True}, SCHEMA, NAMES, {})
        assert outward.cells == {}
        assert outward.unsaid == (Cell("status"), Cell("parts", "web"))
        assert outward.problems[0] == "state: the value 'odd' has no row under fields.status.values"

    def test_people_leave_only_under_their_agreed_word(self) -> None:
        assert out({Cell("owner"): "ann", Cell("nosy", "ann"): True, Cell("nosy", "joe"): True}) == {
            Cell("assignee"): "ann@example.com",
            Cell("watchers", "ann@example.com"): True,
        }
        assert out({Cell("owner"): "joe"}) == {Cell("assignee"): None}

    def test_relations_leave_as_gids(self) -> None:
        assert out({Cell("superseder", "6"): True}) == {Cell("depends", "aa-6"): True}

    def test_a_new_comment_leaves_with_its_author(self) -> None:
        value: Value = {"text": "hello", "author": "ann", "created": "now"}
        assert out({Cell(COMMENT, "c1"): value}) == {
            Cell(COMMENT, "aa-c1"): {"text": "hello", "author": "ann@example.com", "created": "now"}
        }

    def test_a_comment_of_the_partner_keeps_its_author_and_loses_our_headline(self) -> None:
        written = {Cell(COMMENT, "aa-c1"): Register(NEVER, NEVER, {"text": "a", "author": "Bob", "created": "then"})}
        shown: Value = {"text": "Bob wrote:\n\nedited here", "author": "bot", "created": "now"}
        (value,) = out({Cell(COMMENT, "c1"): shown}, written).values()
        assert value == {"text": "edited here", "author": "Bob", "created": "then"}

    def test_what_is_gone_leaves_as_absent(self) -> None:
        assert out({Cell(COMMENT, "c1"): None}) == {Cell(COMMENT, "aa-c1"): None}
        written = {Cell(COMMENT, "aa-c1"): Register(NEVER, NEVER, None)}
        assert out({Cell(COMMENT, "c1"): None}, written) == {Cell(COMMENT, "aa-c1"): None}

    def test_an_attachment_of_the_partner_keeps_its_author(self) -> None:
        about: dict[str, str | int] = {"name": "f", "type": "t", "size": 5, "sha256": "0" * 64, "created": "then"}
        written = {Cell(ATTACHMENT, "bb-a1"): Register(NEVER, NEVER, {**about, "author": "Bob"})}
        (value,) = out({Cell(ATTACHMENT, "a1"): {**about, "author": "bot", "created": "now"}}, written).values()
        assert value == {**about, "author": "Bob"}

    def test_an_attachment_that_is_too_large_stays_at_home(self) -> None:
        about: Value = {"name": "f", "type": "t", "size": 5, "sha256": "0" * 64, "author": "ann", "created": "now"}
        assert out({Cell(ATTACHMENT, "a2"): about}, attachment_bytes_max=4) == {}
        assert len(out({Cell(ATTACHMENT, "a2"): about}, attachment_bytes_max=5)) == 1

    def test_content_that_was_not_agreed_upon_stays_at_home(self) -> None:
        cells: Cells = {Cell(COMMENT, "c1"): None, Cell(ATTACHMENT, "a1"): None}
        assert out(cells, comments=False, attachments=False) == {}


class TestIn:
    def test_the_first_local_value_is_the_way_back(self) -> None:
        assert back({Cell("status"): "new"}) == {Cell("state"): "unread"}
        assert back({Cell("status"): None}) == {Cell("state"): None}

    def test_a_value_without_a_row_is_a_problem(self) -> None:
        inward = translation().to_local({Cell("status"): "odd", Cell("parts", "odd"): True}, SCHEMA, NAMES, SHOWN, bool)
        assert inward.cells == {}
        assert inward.problems == (
            "status: the partner's value 'odd' has no row under fields.status.values",
            "parts: the partner's value 'odd' has no row under fields.parts.values",
        )

    def test_a_value_that_the_tracker_does_not_have_is_a_problem(self) -> None:
        rules = {"fields": {**RULES["fields"], "status": {"local": "state"}}}
        inward = translation(rules).to_local({Cell("status"): "odd"}, SCHEMA, NAMES, SHOWN, bool)
        assert inward.problems[0].startswith("status: state has no value 'odd' here; add it to the tracker")

    def test_missing_values_of_open_choices_are_made(self) -> None:
        assert back({Cell("labels", "brand new"): True}) == {Cell("keyword", "brand new"): True}

    def test_unknown_people_are_left_out(self) -> None:
        assert back({Cell("assignee"): "eve", Cell("watchers", "eve"): True}) == {}
        assert back({Cell("assignee"): "ann@example.com"}) == {Cell("owner"): "ann"}
        assert back({Cell("assignee"): None}) == {Cell("owner"): None}

    def test_a_relation_waits_for_its_other_end(self) -> None:
        inward = translation().to_local({Cell("depends", "bb-9"): True}, SCHEMA, NAMES, SHOWN, bool)
        assert (inward.cells, inward.waiting) == ({}, {Cell("depends", "bb-9"): "bb-9"})

    def test_a_field_that_is_not_in_the_file_is_passed_over(self) -> None:
        assert back({Cell("colour"): "red"}) == {}

    def test_a_comment_of_the_partner_is_made_under_its_marker_with_its_author_named(self) -> None:
        said: Cells = {Cell(COMMENT, "bb-c9"): {"text": "hello", "author": "Bob", "created": "then"}}
        assert back(said) == {
            Cell(COMMENT, "+bb-c9"): {"text": "Bob wrote:\n\nhello", "author": "bot", "created": "then"}
        }

    def test_a_comment_by_somebody_whom_both_sides_know_is_written_as_them(self) -> None:
        said: Cells = {Cell(COMMENT, "bb-c9"): {"text": "hello", "author": "ann@example.com", "created": "then"}}
        assert back(said) == {Cell(COMMENT, "+bb-c9"): {"text": "hello", "author": "ann", "created": "then"}}

    def test_the_partners_edit_of_our_own_comment_gets_no_headline(self) -> None:
        said: Cells = {Cell(COMMENT, "aa-c1"): {"text": "edited", "author": "Ann Example", "created": "then"}}
        assert back(said) == {Cell(COMMENT, "c1"): {"text": "edited", "author": "bot", "created": "then"}}

    def test_what_was_removed_here_and_edited_there_is_made_again(self) -> None:
        said: Cells = {
            Cell(COMMENT, "aa-c1"): {"text": "edited", "author": "ann@example.com", "created": "then"},
            Cell(ATTACHMENT, "bb-a1"): {"name": "f", "sha256": "0" * 64, "author": "ann@example.com", "created": "now"},
        }
        inward = translation().to_local(said, SCHEMA, NAMES, {}, lambda _: True)
        assert set(inward.cells) == {Cell(COMMENT, "+aa-c1"), Cell(ATTACHMENT, "+bb-a1")}

    def test_what_the_partner_removed_goes_if_it_is_here(self) -> None:
        assert back({Cell(COMMENT, "aa-c1"): None, Cell(COMMENT, "bb-c9"): None}) == {Cell(COMMENT, "c1"): None}
        assert back({Cell(ATTACHMENT, "bb-a1"): None, Cell(ATTACHMENT, "bb-a9"): None}) == {
            Cell(ATTACHMENT, "a1"): None
        }

    def test_an_attachment_waits_for_its_content(self) -> None:
        about: dict[str, str | int] = {
            "name": "f",
            "type": "t",
            "size": 5,
            "sha256": "0" * 64,
            "author": "Bob",
            "created": "now",
        }
        cell = Cell(ATTACHMENT, "bb-a9")
        inward = translation().to_local({cell: about}, SCHEMA, NAMES, SHOWN, lambda _: False)
        assert (inward.cells, inward.waiting) == ({}, {cell: "sha256:" + "0" * 64})
        assert back({cell: about}) == {Cell(ATTACHMENT, "+bb-a9"): {**about, "author": "bot"}}

    def test_an_attachment_that_is_here_needs_no_content(self) -> None:
        about: Value = {"name": "f", "type": "t", "size": 5, "sha256": "0" * 64, "author": "Bob", "created": "now"}
        assert set(back({Cell(ATTACHMENT, "bb-a1"): about}, whole=False)) == {Cell(ATTACHMENT, "a1")}

    @pytest.mark.parametrize(
        "cell",
        [
            Cell(COMMENT, "aa-c7"), Cell(ATTACHMENT, "aa-a7"), Cell("depends", "aa-7"),
            Cell(COMMENT, "aa-5"), Cell(ATTACHMENT, "aa-c1"), Cell("depends", "aa-c1"),
        ],
    )  # fmt: skip
    def test_the_partner_cannot_make_what_was_born_here_nor_take_one_kind_for_another(self, cell: Cell) -> None:
        value: Value = True if cell.field == "depends" else {"text": "forged", "author": "Ann", "created": "now"}
        inward = translation().to_local({cell: value}, SCHEMA, NAMES, SHOWN, lambda _: True)
        assert inward.cells == {}
        assert inward.problems == (f"{cell.field}: the partner names something of ours that this link does not know",)


WORDS = st.text(max_size=8)
AGREED = st.one_of(
    st.tuples(st.just(Cell("title")), WORDS | st.none()),
    st.tuples(st.just(Cell("status")), st.sampled_from(["new", "done", None])),
    st.tuples(st.just(Cell("private")), st.booleans() | st.none()),
    st.tuples(st.just(Cell("assignee")), st.sampled_from(["ann@example.com", None])),
    st.tuples(st.just(Cell("watchers", "ann@example.com")), st.sampled_from([True, None])),
    st.tuples(WORDS.filter(bool).map(lambda word: Cell("labels", word)), st.sampled_from([True, None])),
    st.tuples(st.just(Cell("parts", "kernel")), st.sampled_from([True, None])),
    st.tuples(st.sampled_from(["aa-5", "aa-6"]).map(lambda gid: Cell("depends", gid)), st.sampled_from([True, None])),
    st.tuples(
        st.just(Cell(COMMENT, "aa-c1")),
        st.fixed_dictionaries({"text": WORDS, "author": st.just("ann@example.com"), "created": WORDS}) | st.none(),
    ),
)


@given(st.lists(AGREED).map(dict))
def test_what_comes_in_goes_out_the_same(cells: dict[Cell, Value]) -> None:
    assert out(back(cells)) == cells


def test_a_comment_with_a_headline_comes_back_without() -> None:
    record: Value = {"text": "hello", "author": "Bob", "created": "then"}
    (shown,) = back({Cell(COMMENT, "bb-c9"): record}).values()
    known_now = Names(lambda *_: "bb-c9", local_of, lambda _: False, strange)
    shadow = {Cell(COMMENT, "bb-c9"): Register(NEVER, NEVER, record)}
    assert translation().to_agreed({Cell(COMMENT, "c9"): shown}, SCHEMA, known_now, shadow).cells == {
        Cell(COMMENT, "bb-c9"): record
    }
