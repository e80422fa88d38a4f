"""What changes between two agreements: as names, and in words for both admins."""

from typing import Any

import pytest

from backbone.replication.agreement import Agreement
from backbone.replication.differing import NAMED_MAX, joining, leaving, sentences, turned, widening
from backbone.replication.merge import Side

TEXT = {"type": "text"}


def agree(_fields: dict[str, Any] | None = None, **whole: Any) -> Agreement:
    return Agreement.parse({"fields": {"title": TEXT, **(_fields or {})}, **whole}, "here")


def test_what_joins_and_leaves_is_fields_and_kinds_of_content() -> None:
    old, new = agree({"a": TEXT}, attachments=False), agree({"b": TEXT}, comments=False)
    assert joining(old, new) == {"b", "attachment"}
    assert leaving(old, new) == {"a", "comment"}
    assert joining(old, old) == leaving(new, new) == set()


@pytest.mark.parametrize(
    ("old", "new", "master", "slave"),
    [
        ({"direction": "to_slave"}, {}, False, True),
        ({}, {"direction": "to_slave"}, False, False),
        ({"direction": "to_slave"}, {"direction": "to_master"}, False, True),
        ({"type": "choice", "values": ["x"]}, {"type": "choice", "values": ["x", "y"]}, True, True),
        ({"characters_max": 3}, {}, True, True),
        ({}, {"type": "richtext"}, True, True),
        ({}, {"policy": "master"}, False, False),
    ],
)
def test_a_side_says_more_of_what_it_could_not_say(
    old: dict[str, Any], new: dict[str, Any], master: bool, slave: bool
) -> None:
    before, after = agree({"a": {**TEXT, **old}}), agree({"a": {**TEXT, **new}})
    assert bool(widening(before, after, Side.MASTER)) is master
    assert bool(widening(before, after, Side.SLAVE)) is slave


def table(*columns: str, rows_max: int | None = None, **said: Any) -> dict[str, Any]:
    more = {} if rows_max is None else {"rows_max": rows_max}
    return {"type": "table", "columns": {name: {**TEXT, **said} for name in columns}, **more}


def test_other_columns_let_more_be_said_and_stand_in_words() -> None:
    old, new = agree({"work": table("who", "text")}), agree({"work": table("text", "kind", rows_max=9)})
    assert widening(old, new, Side.MASTER) == widening(old, new, Side.SLAVE) == {"work"}
    assert widening(old, old, Side.MASTER) == set()
    assert sentences(old, new, Side.MASTER) == [
        "'work' will have the column 'kind': text",
        "'work' will no longer have the column 'who': what stands in it stays as it is on each side",
        "an issue may have 9 rows of 'work', and could have 2000",
    ]
    other = agree({"work": table("who", "text", type="choice", values=["x"], characters_max=5)})
    assert sentences(old, other, Side.MASTER) == [
        "'work.text' will be of type choice, and was text",
        "'work.text' may have only these values: 'x'; others stay at home",
        "'work.text' may have at most 5 characters, and could have at most 10000 characters",
        "'work.who' will be of type choice, and was text",
        "'work.who' may have only these values: 'x'; others stay at home",
        "'work.who' may have at most 5 characters, and could have at most 10000 characters",
    ]
    joins = sentences(agree(), old, Side.MASTER)
    assert joins[0] == (
        "'work' will be shared: table; both ways; where both changed it, the newest change stands; "
        "its columns are 'who', 'text'; at most 2000 rows in one issue"
    )
    assert (
        joins[1]
        == "'work' will be filled in on the issues that are shared already: rows of both sides are put together"
    )
    assert sentences(agree({"work": TEXT}), old, Side.MASTER) == ["'work' will be of type table, and was text"]


def test_limits_of_contents_that_change_let_more_be_said() -> None:
    assert widening(agree(comment_characters_max=9), agree(), Side.MASTER) == {"comment"}
    assert widening(agree(attachment_bytes_max=9), agree(), Side.SLAVE) == {"attachment"}
    assert widening(agree(comments=False), agree(), Side.MASTER) == set()


def test_another_order_of_writes_is_noticed() -> None:
    assert turned(agree(comment_policy="master"), agree({"a": TEXT})) == {"comment"}
    assert turned(agree({"a": TEXT}), agree({"a": {**TEXT, "policy": "slave"}})) == {"a"}


CASES: list[tuple[Agreement, Agreement, list[str]]] = [
    (agree(), agree(), []),
    (
        agree(),
        agree({"priority": {"type": "choice", "policy": "slave", "values": ["low", "high"], "direction": "to_slave"}}),
        [
            ("'priority' will be shared: choice; from us to the partner only; where both changed it, the change of the "
            "partner stands; its values are 'low', 'high'"),
            "'priority' will be filled in on the issues that are shared already: the side where an issue began decides",
        ],
    ),
    (
        agree({"a": TEXT}),
        agree(),
        ["'a' will no longer be shared: what stands in it stays as it is on each side"],
    ),
    (
        agree({"a": TEXT}),
        agree({"a": {"type": "richtext", "direction": "to_master", "policy": "master", "characters_max": 9}}),
        [
            "'a' will be of type richtext, and was text",
            "'a' will travel from the partner to us only, and travelled both ways",
            "'a': where both changed it, our change stands; until now where both changed it, the newest change stands",
            "'a' may have at most 9 characters, and could have any length",
        ],
    ),
    (
        agree({"a": {"type": "choice", "values": ["x", "y"]}}),
        agree({"a": {"type": "choice", "values": ["y", "z"], "policy": "manual"}}),
        [
            "'a': where both changed it, a person decides; until now where both changed it, the newest change stands",
            "'a' may also be 'z'",
            "'a' may no longer be 'x': issues that are so stay so, and no longer say it",
        ],
    ),
    (
        agree({"a": {"type": "choice", "values": ["x"]}}),
        agree({"a": {"type": "choice"}}),
        ["'a' may have any value"],
    ),
    (
        agree({"a": {"type": "choice"}}),
        agree({"a": {"type": "choice", "values": [f"v{n}" for n in range(NAMED_MAX + 2)]}}),
        [
            (f"'a' may have only these values: {', '.join(repr(f'v{n}') for n in range(NAMED_MAX))} and 2 more; "
            "others stay at home")
        ],
    ),
    (
        agree({"a": {"type": "choice", "values": ["x", "y"]}, "b": {**TEXT, "characters_max": 5}}),
        agree({"a": {"type": "choice", "values": ["x"]}, "b": {**TEXT, "characters_max": 5}, "c": TEXT}),
        [
            "'c' will be shared: text; both ways; where both changed it, the newest change stands",
            "'c' will be filled in on the issues that are shared already: the side where an issue began decides",
            "'a' may no longer be 'y': issues that are so stay so, and no longer say it",
        ],
    ),
    (
        agree({"a": {"type": "choice", "values": ["x"]}}),
        agree({"a": {"type": "choice", "values": ["x", "y"]}, "c": {**TEXT, "characters_max": 2}}),
        [
            ("'c' will be shared: text; both ways; where both changed it, the newest change stands; at most 2 "
            "characters"),
            "'c' will be filled in on the issues that are shared already: the side where an issue began decides",
            "'a' may also be 'y'",
        ],
    ),
    (
        agree(),
        agree(comments=False, attachments=False, authors="hidden"),
        [
            "comments will no longer be shared: what is there stays as it is on each side",
            "attachments will no longer be shared: what is there stays as it is on each side",
            "the names of authors will no longer travel",
        ],
    ),
    (
        agree(comments=False, attachments=False, authors="hidden"),
        agree(),
        [
            "comments will be shared, both ways, those that are there already too",
            "attachments will be shared, both ways, those that are there already too",
            "the names of authors will travel",
        ],
    ),
    (
        agree(),
        agree(
            comment_direction="to_slave", comment_policy="slave", comment_characters_max=9,
            attachment_direction="to_master", attachment_types=["image/*"], attachment_bytes_max=5,
        ),
        [
            "comments will travel from us to the partner only, and travelled both ways",
            ("comments: where both changed it, the change of the partner stands; until now where both changed it, the "
            "newest change stands"),
            "a comment may have at most 9 characters, and could have any length",
            "attachments will travel from the partner to us only, and travelled both ways",
            "attachments that travel will be of 'image/*', and were of any type",
            "an attachment may have 5 bytes, and could have 104857600",
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), CASES)
def test_the_master_reads_every_difference(old: Agreement, new: Agreement, said: list[str]) -> None:
    assert sentences(old, new, Side.MASTER) == said


def test_the_slave_reads_the_same_from_its_side() -> None:
    new = agree({"a": {**TEXT, "direction": "to_slave", "policy": "master"}})
    (joins, _) = sentences(agree(), new, Side.SLAVE)
    assert joins == (
        "'a' will be shared: text; from the partner to us only; where both changed it, the change of the partner stands"
    )


def test_the_link_as_a_whole_and_rules_of_contents_are_told_in_words() -> None:
    old = Agreement.parse({"fields": {"title": {"type": "text"}}}, "old")
    new = Agreement.parse(
        {
            "fields": {"title": {"type": "text", "direction": "to_slave"}}, "direction": "to_slave",
            "comment_direction": "to_slave", "attachment_direction": "to_slave", "internal_comments": True,
            "attachments_deleted_by": "anyone",
        },
        "new",
    )  # fmt: skip
    there, back = " ".join(sentences(old, new, Side.MASTER)), " ".join(sentences(new, old, Side.MASTER))
    assert "the link as a whole will go" in there
    assert "can travel too, marked as such" in there
    assert "will no longer travel" in back
    assert "each side takes any attachment away" in there
    assert "only the side where it began takes an attachment away" in back
