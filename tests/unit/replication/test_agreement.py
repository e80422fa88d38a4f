"""What may be agreed upon, and what the peer may say under it."""

from typing import Any

import pytest

from backbone.errors import ConfigError, PeerError
from backbone.model import ATTACHMENT, COMMENT, Cell, Value
from backbone.replication.agreement import Agreement, Direction
from backbone.replication.merge import NEVER, Policy, Side
from backbone.replication.message import ChangeSet, Operation

FIELDS = {
    "title": {"type": "text"},
    "private": {"type": "boolean"},
    "labels": {"type": "choices", "policy": "master"},
    "depends": {"type": "relation"},
}
FILE: dict[str, Any] = {"name": "a", "type": "b", "size": 5, "sha256": "0f" * 32, "author": "bob", "created": "now"}
WORDS: dict[str, str | int] = {"text": "t", "author": "bob", "created": "now"}


def agree(**said: Any) -> Agreement:
    return Agreement.parse({"fields": FIELDS, **said}, "links/bob.toml")


def check(agreement: Agreement, field: str, element: str, value: Value) -> None:
    agreement.check(ChangeSet("g", "bob", "", (Operation(Cell(field, element), value, NEVER, NEVER),)))


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ({"fields": {"Title": {"type": "text"}}}, "fields.Title"),
        ({"fields": {"title": {"type": "colour"}}}, "fields.title.type"),
        ({"fields": {"title": {"type": "text", "policy": "loudest"}}}, "fields.title.policy"),
        ({"fields": {}, "colour": 1}, "colour"),
        ({"fields": {}, "attachment_bytes_max": 2**40}, "attachment_bytes_max"),
        ({"fields": {}, "authors": "some"}, "authors"),
        ({"fields": {"comment": {"type": "text"}}}, "fields.comment: this word is taken"),
        ({"fields": {"attachment": {"type": "text"}}}, "fields.attachment: this word is taken"),
    ],
)
def test_what_cannot_be_agreed_upon_is_named_with_its_place(said: dict[str, Any], place: str) -> None:
    with pytest.raises(ConfigError, match=f"links/bob.toml: {place}"):
        Agreement.parse(said, "links/bob.toml")


def test_each_kind_of_cell_has_a_policy() -> None:
    assert agree().policies() == {
        "title": Policy.NEWEST, "private": Policy.NEWEST, "labels": Policy.MASTER, "depends": Policy.NEWEST,
        "comment": Policy.NEWEST, "attachment": Policy.NEWEST,
    }  # fmt: skip
    bare = agree(comments=False, attachments=False).policies()
    assert set(bare) == set(FIELDS)


def test_the_hash_of_the_policies_tells_two_tables_apart_and_nothing_else() -> None:
    turned = {"fields": dict(reversed(FIELDS.items()))}
    assert agree().policy_hash() == Agreement.parse(turned, "x").policy_hash()
    assert agree().policy_hash() == agree(attachment_bytes_max=1).policy_hash()
    assert agree().policy_hash() != agree(comment_policy="slave").policy_hash()
    assert len(agree().policy_hash()) == 32


@pytest.mark.parametrize(
    ("field", "element", "value"),
    [
        ("title", "", "a title"), ("title", "", None), ("private", "", True), ("private", "", None),
        ("labels", "red", True), ("labels", "red", None), ("depends", "g-1", True),
        ("comment", "g-2", WORDS), ("comment", "g-2", None), ("attachment", "g-3", FILE), ("attachment", "g-3", None),
    ],
)  # fmt: skip
def test_the_peer_may_say_what_was_agreed(field: str, element: str, value: Value) -> None:
    check(agree(), field, element, value)
    with pytest.raises(PeerError, match="colour"):
        agree().check(
            ChangeSet("g", "bob", "", tuple(
                Operation(Cell(name, part), said, NEVER, NEVER)
                for name, part, said in ((field, element, value), ("colour", "", "red"))
            ))
        )  # fmt: skip


@pytest.mark.parametrize(
    ("field", "element", "value"),
    [
        ("colour", "", "red"), ("title", "x", "a title"), ("title", "", True), ("title", "", WORDS),
        ("private", "", "yes"), ("private", "x", True), ("labels", "", True), ("labels", "red", False),
        ("labels", "red", "yes"), ("comment", "", WORDS), ("comment", "g", "text"), ("comment", "g", {"text": "t"}),
        ("comment", "g", WORDS | {"text": 5}), ("comment", "g", WORDS | {"more": "x"}),
        ("attachment", "", FILE), ("attachment", "g", "text"), ("attachment", "g", {"name": "a"}),
        ("attachment", "g", FILE | {"size": "5"}), ("attachment", "g", FILE | {"size": 2**40}),
        ("attachment", "g", FILE | {"sha256": "../../etc/passwd"}), ("attachment", "g", FILE | {"sha256": "G" * 64}),
        ("attachment", "g", FILE | {"sha256": 5}), ("attachment", "g", FILE | {"name": 5}),
    ],
)  # fmt: skip
def test_the_peer_may_say_nothing_else(field: str, element: str, value: Value) -> None:
    with pytest.raises(PeerError, match=rf"the peer wrote {field}\[{element}\], which the agreement does not allow"):
        check(agree(), field, element, value)


def test_comments_and_attachments_that_were_not_agreed_upon_are_refused() -> None:
    bare = agree(comments=False, attachments=False)
    for field, value in (("comment", WORDS), ("attachment", FILE)):
        with pytest.raises(PeerError):
            check(bare, field, "g", value)


def test_comments_and_attachments_may_be_one_way_too() -> None:
    agreement = agree(comment_direction="to_slave", attachment_direction="to_master")
    for field, value, writer in (("comment", WORDS, Side.SLAVE), ("attachment", FILE, Side.MASTER)):
        said = ChangeSet("g", "bob", "", (Operation(Cell(field, "g"), value, NEVER, NEVER),))
        with pytest.raises(PeerError, match=f"the peer wrote {field}, which by the agreement only we may write"):
            agreement.check(said, writer)
        agreement.check(said, Side.MASTER if writer is Side.SLAVE else Side.SLAVE)


def test_what_only_one_side_may_write_is_refused_from_the_other() -> None:
    agreement = agree(fields={"title": {"type": "text", "direction": "to_slave"}})
    said = ChangeSet("g", "bob", "", (Operation(Cell("title"), None, NEVER, NEVER),))
    agreement.check(said, Side.MASTER)
    with pytest.raises(PeerError, match="only we may write"):
        agreement.check(said, Side.SLAVE)


TYPED: dict[str, dict[str, Any]] = {
    "hours": {"type": "number"}, "day": {"type": "date"}, "at": {"type": "datetime"}, "effort": {"type": "duration"},
    "status": {"type": "choice", "values": ["new", "done"]}, "tags": {"type": "labels", "values": ["a"]},
    "short": {"type": "richtext", "characters_max": 3}, "who": {"type": "user"}, "fixed": {"type": "version"},
    "part": {"type": "component"}, "names": {"type": "labels", "characters_max": 2},
}  # fmt: skip


@pytest.mark.parametrize(
    ("field", "element", "value"),
    [
        ("hours", "", "2.5"), ("hours", "", "-3"), ("hours", "", None), ("day", "", "2026-02-28"),
        ("at", "", "2026-02-28T12:00:00Z"), ("effort", "", "P1DT2H"), ("effort", "", "-P0D"), ("status", "", "new"),
        ("tags", "a", True), ("tags", "gone", None), ("short", "", "abc"), ("who", "", "bob"), ("fixed", "", "1.0"),
        ("part", "", "core"), ("names", "ab", True),
    ],
)  # fmt: skip
def test_each_type_has_its_form(field: str, element: str, value: Value) -> None:
    check(agree(fields=TYPED), field, element, value)


@pytest.mark.parametrize(
    ("field", "element", "value"),
    [
        ("hours", "", "1e5"), ("hours", "", "nan"), ("hours", "", "٣"), ("hours", "", "9" * 400),
        ("day", "", "2026-02-30"), ("day", "", "2026-02-28T12:00:00Z"), ("day", "", "yesterday"),
        ("at", "", "2026-02-28"), ("effort", "", "P"), ("effort", "", "P1DT"), ("status", "", "odd"),
        ("tags", "odd", True), ("short", "", "abcd"), ("who", "x", "bob"), ("names", "abc", True),
    ],
)  # fmt: skip
def test_a_value_in_another_form_is_refused(field: str, element: str, value: Value) -> None:
    with pytest.raises(PeerError, match="does not allow or not in this form"):
        check(agree(fields=TYPED), field, element, value)


def test_only_words_from_a_list_have_a_list() -> None:
    with pytest.raises(ConfigError, match="a field of type text has no list of values"):
        agree(fields={"title": {"type": "text", "values": ["a"]}})


def test_comments_have_a_limit_and_attachments_their_types() -> None:
    agreement = agree(comment_characters_max=1, attachment_types=["image/*", "text/plain"])
    check(agreement, "comment", "g", WORDS)
    check(agreement, "attachment", "g", FILE | {"type": "image/png"})
    for field, value in (("comment", WORDS | {"text": "tt"}), ("attachment", FILE | {"type": "text/html"})):
        with pytest.raises(PeerError):
            check(agreement, field, "g", value)


def test_a_one_way_link_goes_one_way_throughout() -> None:
    data = {"fields": {"title": {"type": "text"}, "status": {"type": "choice", "direction": "to_slave"}}}
    agreement = Agreement.parse(data, "agreement.toml").one_way(Direction.TO_SLAVE)
    assert {agreement.direction_of(name) for name in ("title", "status", COMMENT, ATTACHMENT)} == {Direction.TO_SLAVE}
    assert Agreement.parse(agreement.model_dump(mode="json"), "agreement") == agreement


def test_a_field_that_goes_the_other_way_has_no_place_in_a_one_way_link() -> None:
    data = {"fields": {"title": {"type": "text", "direction": "to_master"}}}
    with pytest.raises(ConfigError, match="the link goes to_slave only, but title goes to_master"):
        Agreement.parse(data, "agreement.toml").one_way(Direction.TO_SLAVE)
