"""Attachments: which leave and are taken, how they are called, and who takes them away."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbone.model import ATTACHMENT, Cell, Record, Value
from backbone.replication.mapping.filenames import NAME_BYTES_MAX, safe
from tests.unit.replication.mapping.half import Half, translation

OURS, THEIRS = Cell(ATTACHMENT, "a-1"), Cell(ATTACHMENT, "a-9")
HERE, THERE = Cell(ATTACHMENT, "1"), Cell(ATTACHMENT, "9")


def half(terms: dict[str, Any] | None = None, **attachments: Any) -> Half:
    return Half(translation({}, {}, attachments=attachments, terms=terms or {}))


def record(name: str, **more: str | int) -> Record:
    return {"name": name, "type": "text/plain", "size": 5, "sha256": "0" * 64, "author": "ann", "created": "x", **more}


def name(said: Value) -> Any:
    return said["name"] if isinstance(said, dict) else said


class TestChoice:
    @pytest.mark.parametrize(
        ("send", "leave"),
        [
            ({"names": ["*.txt", "b.*"]}, {"a.TXT", "b.png"}), ({"except_names": ["A*"]}, {"b.png"}),
            ({"types": ["text/*"]}, {"a.TXT"}), ({"bytes_max": 5}, {"a.TXT"}), ({}, {"a.TXT", "b.png"}),
        ],
    )  # fmt: skip
    def test_only_what_is_so_leaves_and_is_taken(self, send: dict[str, Any], leave: set[str]) -> None:
        files = [record("a.TXT"), record("b.png", type="image/png", size=6)]
        alice, bob = half(send=send), half(take=send)
        said = [c for n, file in enumerate(files) for c in alice.capture({Cell(ATTACHMENT, str(n)): file}).values()]
        assert {name(value) for value in said} == leave
        assert {str(file["name"]) for file in files if alice.words.may_leave(file)} == leave
        taken = [c for n, file in enumerate(files) for c in bob.hear({Cell(ATTACHMENT, f"a-{n}"): file}).values()]
        assert {name(value) for value in taken} == leave

    def test_what_was_shared_stays_shared_until_it_is_renamed(self) -> None:
        alice = half(send={"names": ["*.txt"]})
        alice.capture({HERE: record("a.txt")})
        alice.words = half(send={"names": ["*.png"]}).words
        assert alice.said_again() == {}
        assert alice.capture({HERE: record("b.txt")}) == {OURS: None}
        assert alice.capture({HERE: record("c.txt")}) == {}
        assert name(alice.capture({HERE: record("c.png")})[OURS]) == "c.png"

    def test_other_content_under_the_old_name_is_chosen_anew(self) -> None:
        alice = half(send={"bytes_max": 5})
        alice.capture({HERE: record("a.txt")})
        said = alice.capture({HERE: record("a.txt", size=4, sha256="2" * 64)})
        assert said[OURS] == {**record("a.txt", size=4, sha256="2" * 64), "author": "Ann Example"}
        assert alice.capture({HERE: record("a.txt", size=6, sha256="1" * 64)}) == {OURS: None}

    def test_one_of_the_partners_that_is_shown_here_though_it_is_gone_there_is_said_as_it_is(self) -> None:
        alice = half({"attachment_bytes_max": 5}, send={"names": ["*.png"]})
        alice.heard |= {THEIRS.element, "a-8"}
        assert name(alice.capture({THERE: record("a.txt")})[THEIRS]) == "a.txt"
        assert alice.capture({Cell(ATTACHMENT, "8"): record("a.txt", size=6)}) == {}

    def test_where_nothing_is_shared_nothing_may_leave(self) -> None:
        assert not half({"attachments": False}).words.may_leave(record("a.txt"))

    def test_one_that_is_not_wanted_is_not_missed(self) -> None:
        bob = half(take={"names": ["*.txt"]})
        bob.heard.add(THEIRS.element)
        assert not bob.words.is_expected(THEIRS, record("a.png"), bob.names, {})
        assert bob.words.is_expected(OURS, record("a.png"), bob.names, {})

    def test_one_way_only(self) -> None:
        assert half(direction="to_local").capture({HERE: record("a")}) == {}
        assert half(direction="to_remote").hear({THEIRS: record("a")}) == {}


class TestNames:
    def test_two_of_one_name_and_content_are_two(self) -> None:
        alice = half()
        alice.capture({HERE: record("a.txt")})
        assert set(alice.hear({THEIRS: record("a.txt")})) == {Cell(ATTACHMENT, "+a-9")}

    def test_a_new_name_is_the_same_attachment(self) -> None:
        alice = half()
        alice.hear({THEIRS: record("a.txt")})
        assert name(alice.hear({THEIRS: record("b.txt")})[THERE]) == "b.txt"
        assert name(alice.capture({THERE: record("c.txt")})[THEIRS]) == "c.txt"

    def test_a_name_that_is_not_safe_is_written_safely_and_stays_what_it_is_there(self) -> None:
        alice = half()
        assert name(alice.hear({THEIRS: record("../etc/pass:wd")})[Cell(ATTACHMENT, "+a-9")]) == "_etc_pass_wd"
        assert alice.said_again() == {}
        assert name(alice.shadow[THEIRS].image) == "../etc/pass:wd"

    def test_a_prefix_that_is_taken_away_takes_the_file_back(self) -> None:
        alice = half(strip_prefix="b-")
        assert name(alice.capture({HERE: record("b-x")})[OURS]) == "x"
        assert alice.capture({HERE: record("x")}) == {OURS: None}

    @given(st.sampled_from(["", "b-"]), st.sampled_from(["", "a-"]), st.text(max_size=300))
    def test_what_comes_in_goes_out_the_same(self, strip: str, add: str, word: str) -> None:
        alice = half(strip_prefix=strip, add_prefix=add)
        alice.hear({THEIRS: record(add + word)})
        assert len(alice.shown) == 1
        assert alice.said_again() == {}

    def test_a_prefix_that_no_name_can_have_is_a_fault(self) -> None:
        alice = half(strip_prefix="a/")
        assert alice.words.problems(alice.schema) == [
            "attachments.strip_prefix: 'a/' has characters that no file's name has here"
        ]


class TestSafe:
    @given(st.text(max_size=400))
    def test_what_is_safe_stays_and_is_no_path(self, word: str) -> None:
        found = safe(word)
        assert found
        assert safe(found) == found
        assert len(found.encode()) <= NAME_BYTES_MAX
        assert not set(found) & set('/\\:*?"<>|\0\n')
        assert found.strip(". ") == found

    @pytest.mark.parametrize(
        ("word", "found"),
        [
            ("log.txt", "log.txt"), ("Über 5 Änderungen.pdf", "Über 5 Änderungen.pdf"), ("", "file"), ("...", "file"),
            ("CON.txt", "_CON.txt"), ("console.txt", "console.txt"), ("a\u202egpj.exe", "agpj.exe"), ("a\0b", "a_b"),
            ("x" * 300 + ".txt", "x" * 195 + ".txt"), ("x" * 300, "x" * 199), ("u\u0308.txt", "ü.txt"),
            ("a." + "x" * 300, "a." + "x" * 197),
        ],
    )  # fmt: skip
    def test_examples(self, word: str, found: str) -> None:
        assert safe(word) == found


class TestDeletion:
    def test_the_owner_takes_it_away_on_both_sides(self) -> None:
        alice = half()
        alice.capture({HERE: record("a")})
        assert alice.capture({HERE: None}) == {OURS: None}
        alice.hear({THEIRS: record("b")})
        assert alice.hear({THEIRS: None}) == {THERE: None}

    def test_who_does_not_own_it_takes_it_away_at_home_only(self) -> None:
        alice = half()
        alice.hear({THEIRS: record("b")})
        assert alice.capture({THERE: None}) == {}
        assert not alice.words.is_expected(THEIRS, record("b"), alice.names, {})
        alice.capture({HERE: record("a")})
        assert alice.hear({OURS: None}) == {}
        assert HERE in alice.shown

    def test_anyone_may_where_that_was_agreed_upon(self) -> None:
        alice = half({"attachments_deleted_by": "anyone"})
        alice.hear({THEIRS: record("b")})
        assert alice.capture({THERE: None}) == {THEIRS: None}
        alice.capture({HERE: record("a")})
        assert alice.hear({OURS: None}) == {HERE: None}
