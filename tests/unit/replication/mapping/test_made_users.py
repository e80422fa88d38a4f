"""Users are made for the partner's people only where the mapping allows it, under log-ins that are nobody else's."""

from dataclasses import replace

import pytest

from backbone.errors import ConfigError
from backbone.model import COMMENT, Cell, Person
from backbone.replication import limits
from tests.unit.replication.mapping import half
from tests.unit.replication.mapping.half import Half, translation

SCHEMA = replace(half.SCHEMA, people={n: p for n, p in half.SCHEMA.people.items() if n != "beta-bob"})
FIELDS = {"owner": {"local": "owner"}, "title": {"local": "subject"}}
AGREED = {"owner": {"type": "user"}, "title": {"type": "text"}, "watchers": {"type": "users"}}
COMMENTED = {"text": "hello", "author": "Eve Other", "created": "now"}
SAID = [
    (Cell("owner"), "ann"), (Cell("title"), "nobody"), (Cell("watchers", "zoe"), True), (Cell("owner"), None),
    (Cell(COMMENT, "c"), COMMENTED), (Cell("unknown"), "x"),
]  # fmt: skip


def words(create: str = "beta-{name}", **more: object):  # type: ignore[no-untyped-def]
    fields = {**FIELDS, "watchers": {"local": "keyword"}}
    return translation(fields, AGREED, people={"create": create} if create else {}, **more)


def test_nobody_is_made_unless_the_mapping_says_so() -> None:
    assert words("").people_to_make(SAID, "bob", SCHEMA) == []
    hidden = words(terms={"authors": "hidden"})
    assert hidden.people_to_make(SAID, "bob", SCHEMA) == []


def test_each_person_that_is_named_and_unknown_is_made_once() -> None:
    made = words().people_to_make([*SAID, (Cell("owner"), "bob")], "bob", SCHEMA)
    assert [(one.login.split("-")[1], one.name) for one in made] == [
        ("bob", "bob"), ("ann", "ann"), ("zoe", "zoe"), ("eve", "Eve Other"),
    ]  # fmt: skip
    assert {(one.email, one.groups) for one in made} == {("", ())}
    assert len({one.login for one in made}) == 4


def test_a_log_in_of_ours_is_never_taken() -> None:
    logins = [one.login for one in words().people_to_make([], "ann", SCHEMA)]
    assert logins == ["beta-ann"]
    taken = replace(SCHEMA, people={**SCHEMA.people, "beta-ann": Person("beta-ann", "Somebody of ours")})
    assert words().people_to_make([], "ann", taken) == []
    assert words().login("ann", taken) is None


@pytest.mark.parametrize("word", ["", "  ", "two\nlines", "x" * 201])
def test_what_is_no_name_makes_nobody(word: str) -> None:
    assert words().people_to_make([], word, SCHEMA) == []


def test_words_that_look_alike_are_two_people() -> None:
    said = [(Cell("owner"), word) for word in ("Bob", "bob", "bob ", "BOB", "böb")]
    assert len({one.login for one in words().people_to_make(said, "", SCHEMA)}) == 5


def test_a_partner_cannot_fill_the_tracker_with_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "people_made_max", 2)
    said = [(Cell("owner"), f"bob{n}") for n in range(5)]
    assert len(words().people_to_make(said, "", SCHEMA)) == 2
    full = replace(SCHEMA, people={f"beta-{n}": Person(f"beta-{n}", str(n)) for n in range(3)})
    assert words().people_to_make(said, "", full) == []


def test_who_was_made_is_known_on_both_ways() -> None:
    (made,) = words().people_to_make([], "Bob of Beta", SCHEMA)
    schema = replace(SCHEMA, people={**SCHEMA.people, made.login: made})
    assert words().login("Bob of Beta", schema) == made.login
    assert words().person(made.login, schema) == "Bob of Beta"
    alice = Half(words(), schema)
    assert alice.hear({Cell("owner"): "Bob of Beta"}) == {Cell("owner"): made.login}
    assert alice.edit(owner="eve") == {Cell("owner"): None}
    assert alice.edit(owner=made.login) == {Cell("owner"): "Bob of Beta"}


@pytest.mark.parametrize("create", ["{name}", "Beta-{name}", "beta-", "-{name}", "beta-{name}-x", "b{name}{name}"])
def test_a_pattern_that_could_meet_a_log_in_of_ours_is_refused(create: str) -> None:
    with pytest.raises(ConfigError, match=r"as 'beta-\{name\}'"):
        words(create)
