"""The records about a changed agreement: bounded, canonical, bound by their digest."""

from typing import Any

import pytest

from backbone.errors import PeerError
from backbone.replication import limits
from backbone.replication.agreement import Agreement
from backbone.replication.message import encode_record
from backbone.replication.proposal import (
    Agreed,
    decode_agreed,
    digest_of,
    encode_agreed,
    read_answered,
    read_proposed,
    read_withdrawn,
    spell,
)

LINK, BASE = "ab" * 16, b"\x01" * 32
TERMS = Agreement.parse({"fields": {"title": {"type": "text"}}}, "terms")


def proposed(**said: Any) -> dict[str, Any]:
    digest = digest_of(LINK, 2, BASE, TERMS)
    return {"type": "propose", "version": 2, "base": BASE, "digest": digest, "agreement": spell(TERMS), **said}


def test_a_proposal_says_the_agreement_and_what_it_changes() -> None:
    said, agreement = read_proposed(LINK, proposed())
    assert (said.version, said.base, agreement) == (2, BASE, TERMS)


def test_the_digest_binds_link_version_base_and_every_word() -> None:
    wider = Agreement.parse({"fields": {"title": {"type": "text"}}, "comments": False}, "terms")
    named = [
        digest_of(LINK, 2, BASE, TERMS),
        digest_of("cd" * 16, 2, BASE, TERMS),
        digest_of(LINK, 3, BASE, TERMS),
        digest_of(LINK, 2, b"\x02" * 32, TERMS),
        digest_of(LINK, 2, BASE, wider),
    ]
    assert len(set(named)) == len(named)
    assert digest_of(LINK, 2, BASE, Agreement.parse(TERMS.model_dump(mode="json"), "again")) == named[0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"digest": b"\x03" * 32}, {"version": 3}, {"version": 0}, {"version": limits.agreement_versions_max + 1},
        {"version": "2"}, {"base": b""}, {"more": 1}, {"agreement": "{"}, {"agreement": "[]"}, {"agreement": 7},
        {"agreement": "[" * 100_000}, {"agreement": spell(TERMS) + " "}, {"agreement": '{"fields":{"a":{}}}'},
        {"agreement": "x" * (limits.agreement_bytes_max + 1)}, {"agreement": '{"fields":{},"encrypt":false}'},
        {"agreement": '{"fields":{},"attachment_bytes_max":' + "9" * 5_000 + "}"},
    ],
)  # fmt: skip
def test_a_malformed_proposal_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(PeerError):
        read_proposed(LINK, proposed(**wrong))


def test_withdrawals_and_answers_are_read_strictly() -> None:
    assert read_withdrawn({"type": "withdraw", "version": 2}).version == 2
    answer = {"type": "answer", "version": 2, "digest": BASE, "accepted": True, "reason": "x"}
    assert read_answered(answer).accepted
    for wrong in ({"version": 0}, {"reason": "x" * 1_001}, {"digest": b"short"}, {"more": 1}):
        with pytest.raises(PeerError):
            read_answered({**answer, **wrong})
    with pytest.raises(PeerError):
        read_withdrawn({"type": "withdraw"})


def test_what_a_side_writes_by_is_said_among_its_change_sets() -> None:
    said = Agreed(version=2, digest=BASE)
    assert decode_agreed(encode_agreed(said)) == said
    for wrong in ({"version": 2}, {"version": 2, "digest": BASE, "more": 1}):
        with pytest.raises(PeerError):
            decode_agreed(encode_record(wrong))
