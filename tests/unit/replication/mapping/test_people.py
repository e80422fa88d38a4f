"""Who is who: by table, pattern, e-mail address or log-in, and otherwise nobody."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbone.errors import ConfigError
from backbone.model import Cell, Field, FieldType, Person, Schema
from tests.unit.replication.mapping.half import Half, translation

PEOPLE = {
    login: Person(login, login.title(), email)
    for login, email in {"ann": "Ann@A.example", "bob": "x@a.example", "eve": "X@a.example", "bot": ""}.items()
}
SCHEMA = Schema(
    {f.name: f for f in (Field("owner", FieldType.USER), Field("nosy", FieldType.USERS))}, people=PEOPLE
)  # fmt: skip
OWNER = Cell("owner")
PATTERN = {"local": "{name}", "agreed": "{name}@a.example"}


def half(users: dict[str, str] | None = None, terms: dict[str, Any] | None = None, **people: Any) -> Half:
    fields = {"owner": {"local": "owner"}, "nosy": {"local": "nosy"}}
    agreed = {"owner": {"type": "user"}, "nosy": {"type": "users"}}
    return Half(translation(fields, agreed, users=users or {}, people=people, terms=terms or {}), SCHEMA)


class TestWords:
    @pytest.mark.parametrize(
        ("rules", "words"),
        [
            ({}, {}), ({"match": ["email"]}, {"ann": "ann@a.example"}),
            ({"match": ["login"]}, {"ann": "ann", "bob": "bob", "eve": "eve", "bot": "bot"}),
            ({"users": {"bob": "B"}, "match": ["email"]}, {"ann": "ann@a.example", "bob": "B"}),
            ({"patterns": [{**PATTERN, "holes": {"name": "b.*"}}], "match": ["email"]},
             {"ann": "ann@a.example", "bob": "bob@a.example", "bot": "bot@a.example"}),
            ({"match": ["email", "login"]}, {"ann": "ann@a.example", "bob": "bob", "eve": "eve", "bot": "bot"}),
        ],
    )  # fmt: skip
    def test_each_is_said_by_the_first_word_and_found_by_it(self, rules: dict[str, Any], words: dict[str, str]) -> None:
        alice = half(**rules)
        found = {login: said[OWNER] for login in PEOPLE if (said := half(**rules).edit(owner=login))}
        assert found == words
        for login, word in words.items():
            assert alice.words.login(word, SCHEMA) == login
        assert alice.words.login("nobody", SCHEMA) is None

    def test_the_same_log_in_is_not_the_same_person_unless_that_is_said(self) -> None:
        assert half(match=["email"]).hear({OWNER: "bob"}) == {}
        assert half(match=["login"]).hear({OWNER: "bob"}) == {Cell("owner"): "bob"}

    def test_nobody_is_made_up(self) -> None:
        for rules in ({"match": ["login"]}, {"patterns": [PATTERN]}, {"match": ["email"]}):
            alice = half(**rules)
            assert alice.hear({OWNER: "mallory@a.example", Cell("nosy", "mallory"): True}) == {}

    def test_an_author_goes_by_the_word_and_a_hidden_one_by_the_table_only(self) -> None:
        assert half(match=["email"]).words.person("ann", SCHEMA) == "ann@a.example"
        hidden = half({"bob": "B"}, {"authors": "hidden"}, match=["email"]).words
        assert (hidden.person("ann", SCHEMA), hidden.person("bob", SCHEMA)) == ("a user of alice's", "B")

    def test_addresses_of_people_who_are_not_meant_do_not_leave(self) -> None:
        alice = half()
        assert alice.edit(owner="ann", nosy=["ann", "bob"]) == {}
        assert alice.words.person("ann", SCHEMA) == "Ann"


class TestWayBack:
    @given(st.sampled_from(["ann@a.example", "ANN@A.example", "Ann@a.Example"]))
    def test_letters_of_another_size_are_no_edit(self, word: str) -> None:
        alice = half(match=["email"])
        assert alice.hear({OWNER: word, Cell("nosy", word): True}) == {
            Cell("owner"): "ann", Cell("nosy", "ann"): True,
        }  # fmt: skip
        assert alice.said_again() == {}
        assert alice.edit(nosy=[]) == {Cell("nosy", word): None}

    def test_somebody_stands_in_for_those_whom_nobody_knows(self) -> None:
        alice = half(match=["email"], stand_in="bot")
        assert alice.hear({OWNER: "stranger@b.example"}) == {Cell("owner"): "bot"}
        assert alice.said_again() == {}
        assert alice.edit(owner="ann") == {OWNER: "ann@a.example"}
        assert alice.edit(owner="bot") == {OWNER: None}
        assert alice.hear({OWNER: None}) == {}


class TestFaults:
    def test_a_stand_in_whom_nobody_knows_is_named(self) -> None:
        assert half(stand_in="bott").words.problems(SCHEMA) == [
            "people.stand_in: nobody here has the log-in 'bott' (did you mean 'bot'?)"
        ]

    @pytest.mark.parametrize(
        ("people", "words"),
        [
            ({"match": ["mail"]}, r"people\.match\.0"), ({"matches": []}, r"people\.matches: .*did you mean 'match'"),
            ({"patterns": [{"local": "{a}{b}", "agreed": "{a}"}]}, r"people\.patterns: .* the way back is not defined"),
            ({"patterns": [{"local": "{a}", "agreed": "{a}", "holes": {"a": "["}}]}, r"people\.patterns: .* RE2"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_is_named_with_its_place(self, people: dict[str, Any], words: str) -> None:
        with pytest.raises(ConfigError, match=words):
            half(**people)
