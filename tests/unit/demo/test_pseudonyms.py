"""People in texts are replaced where they are meant, and nothing else is."""

import pytest

from backbone.demo import pseudonyms
from backbone.demo.pseudonyms import Pseudonyms


@pytest.fixture
def people() -> Pseudonyms:
    met = Pseudonyms(mentions=True)
    met.meet("alice-w", "Alice Wunderlich")
    met.meet("bob", "Bob van der Baumeister")
    met.meet("key", "")
    met.meet("jo", "")
    met.meet("carol.c@acme.test", "Carol")
    return met


@pytest.mark.parametrize("text", ["bob", "Bob's", "(bob)", "the bob-branch", "github.com/bob/wheel", "BOB:", "x bob"])
def test_a_login_is_replaced_where_it_is_a_whole_word(people: Pseudonyms, text: str) -> None:
    assert "bob" not in people.clean(text).lower()


@pytest.mark.parametrize(
    "text",
    [
        "bobbin",
        "kebob",
        "the key and a jo",
        "get_bob_name()",
        "12 at 3",
        "wonderlich",
        "a #1 fix: C++ / 100 %\r\n\t* x",
        "",
    ],
)
def test_what_is_no_whole_name_stays_as_it_is(people: Pseudonyms, text: str) -> None:
    assert people.clean(text) == text


def test_a_whole_display_name_becomes_the_pseudonyms_name(people: Pseudonyms) -> None:
    alice = people.people[0]
    assert people.clean("Ask ALICE wunderlich!") == f"Ask {alice.name}!"


@pytest.mark.parametrize("written", ["alice.wunderlich", "Alice.Wunderlich", "alicewunderlich"])
def test_a_name_in_a_path_becomes_the_pseudonyms_login(people: Pseudonyms, written: str) -> None:
    assert people.clean(f"/Users/{written}/Library") == f"/Users/{people.login('alice-w')}/Library"


def test_a_short_or_ordinary_login_is_replaced_where_it_is_marked(people: Pseudonyms) -> None:
    assert people.clean("@jo and @key") == f"@{people.login('jo')} and @{people.login('key')}"


def test_addresses_are_replaced_wherever_they_lead(people: Pseudonyms) -> None:
    cleaned = people.clean("carol.c@acme.test, mailto:dave@acme.test, eve@example.org")
    carol = people.people[-1]
    assert cleaned.startswith(f"{carol.email}, mailto:")
    assert "acme" not in cleaned
    assert cleaned.endswith("eve@example.org")


def test_a_log_in_is_the_same_person_in_any_case(people: Pseudonyms) -> None:
    assert people.login("BOB") == people.login("bob")
    people.meet("Bob")
    assert len(people.people) == 5


def test_nobody_shares_a_pseudonym(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pseudonyms, "digest_number", hash_of)
    met = Pseudonyms(mentions=False)
    for number in range(50):
        met.meet(f"somebody{number}")
    assert len({person.login for person in met.people}) == 50


def hash_of(word: str) -> int:
    """Digests that agree in all but their last digits."""
    return 0xABCD_0000_0000_0000 + int(word.removeprefix("somebody")) * 60 * 57


def test_letters_that_change_length_in_lower_case_do_no_harm(people: Pseudonyms) -> None:
    cleaned = people.clean("İstanbul: bob, İ")
    assert cleaned == f"İstanbul: {people.login('bob')}, İ"


def test_a_large_text_takes_linear_time(people: Pseudonyms) -> None:
    text = "a-" * 400_000 + "@" * 1000 + "x." * 100_000 + "[~" * 10_000
    assert len(people.clean(text)) == len(text)
