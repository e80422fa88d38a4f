"""What can be said of the scope, and what cannot: found when it is loaded."""

import time

import pytest

from backbone.errors import ConfigError, PeerError
from backbone.model import ATTACHMENT, COMMENT, Cell, FieldType, Value
from backbone.replication.agreement import Agreement
from backbone.replication.mapping import RuleError, Rules
from backbone.replication.scope.expression import SOURCE_CHARACTERS_MAX, Expression, ExpressionError
from backbone.replication.scope.judging import EVERYTHING, Circumstances, Scope, _plain
from backbone.replication.scope.rules import Leaving, Part, ScopeRules
from backbone.replication.scope.standing import announcement, read_announcement

AGREEMENT = Agreement.parse(
    {
        "fields": {
            "title": {"type": "text"},
            "status": {"type": "choice", "values": ["open", "closed"]},
            "estimate": {"type": "number"},
            "due": {"type": "datetime"},
            "day": {"type": "date"},
            "private": {"type": "boolean"},
            "labels": {"type": "labels"},
        }
    },
    "agreement",
)
HERE = Circumstances(here=True, now=1_795_000_000.0, link="beta")


def scope(issues: str | None = None, **more: object) -> Scope:
    rules = ScopeRules.model_validate({"issues": issues, **more})
    return Scope(rules, AGREEMENT, "acme", "master", "links/beta.toml")


def is_in(issues: str, cells: dict[Cell, Value], about: Circumstances = HERE) -> bool:
    return scope(issues).part(cells, about) is Part.FULL


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("issue.titel == 'x'", "issue has no 'titel' (did you mean 'title'?)"),
        ("title == 'x'", "there is no 'title' (did you mean 'issue.title'?)"),
        ("isue.title == 'x'", "there is no 'isue' (did you mean 'issue'?)"),
        ("link.title == 'x'", "link has no 'title'"),
        ("true || issue.titel == 'x'", "issue has no 'titel'"),
        ("true || nobody == 'x'", "there is no 'nobody'"),
        ("issue.title", "it is neither true nor false"),
        ("issue.estimate > 3", "a field without a number or a date is null"),
        ("issue.title == 'x' && issue.estimate + 'x' == ''", "does not fit together"),
        ("issue.title == ", "at character 16: mismatched input"),
        ("issue.title.matches('(')", "not a valid regex"),
        ("duration('1d') > duration('1h')", "a duration is said in hours"),
        ("int(issue.title) > 3", "it cannot be evaluated"),
        ("shout(issue.title)", "'shout'"),
        ("1 / 0 == 1", "division by zero"),
        ("issue.labels.exists(a, issue.labels.exists(b, a == b))", "may not stand within one another"),
        ("issue.labels.exists(a, issue.labels.exists(b, a == b)", "missing ')'"),
        ("true" + " || true" * SOURCE_CHARACTERS_MAX, "more than 2000 characters"),
        ("[" * 1_900, "at character"),
    ],
)
def test_an_expression_that_cannot_be_is_explained_when_it_is_loaded(expression: str, sentence: str) -> None:
    with pytest.raises(RuleError) as caught:
        scope(expression)
    assert sentence in caught.value.sentence
    assert caught.value.place == ("scope", "issues")
    assert "\n" not in str(caught.value)


def test_what_nobody_can_read_is_no_expression() -> None:
    with pytest.raises(ExpressionError):
        Expression("`", {})


@pytest.mark.parametrize(
    ("expression", "cells", "expected"),
    [
        ("'issue.nothing' in issue.labels // issue.nothing", {Cell("labels", "issue.nothing"): True}, True),
        ("issue.labels.exists(a, a == 'x') && issue.labels.exists(a, a == ')')", {Cell("labels", "x"): True}, False),
        ("issue.estimate != null && issue.estimate > 2", {Cell("estimate"): "2.5"}, True),
        (r"""issue.title == r'\' && issue.labels.exists(a, a == "issue.x")""", {Cell("title"): "\\"}, False),
        ("""issue.title != ''' ' issue.x ''' && issue.title != 'it\\'s issue.x'""", {}, True),
        ("issue.estimate == null", {Cell("estimate"): None}, True),
        ("issue.private", {Cell("private"): True}, True),
        ("!issue.private", {}, True),
        ("issue.due != null && issue.due < now", {Cell("due"): "2026-11-17T00:00:00Z"}, True),
        ("issue.day != null && issue.day > now", {Cell("day"): "2027-01-01"}, True),
        ("issue.labels.size() == 1", {Cell("labels", "a"): True, Cell("labels", "b"): None}, True),
        ("issue.comments.exists(c, c.text.contains('hush') && c.author == 'ann')",
         {Cell(COMMENT, "1"): {"text": "hush!", "author": "ann", "created": ""}}, True),
        ("issue.attachments.exists(a, a.endsWith('.pdf'))",
         {Cell(ATTACHMENT, "1"): {"name": "a.pdf"}},
         True),
        ("issue.here && link.name == 'beta' && link.side == 'master' && node.name == 'acme'", {}, True),
        ("now == timestamp('1970-01-01T00:00:00Z')", {}, False),
        ("issue.title == ''", {Cell("nobody"): "x", Cell("title"): None}, True),
    ],
)  # fmt: skip
def test_an_expression_sees_the_issue(expression: str, cells: dict[Cell, Value], expected: bool) -> None:
    assert is_in(expression, cells) is expected


def test_a_value_that_an_expression_does_not_expect_is_an_error_and_not_a_no() -> None:
    rules = scope("issue.title == '' || issue.title == 'x' || int(issue.title) > 3")
    with pytest.raises(ExpressionError, match="invalid digit"):
        rules.part({Cell("title"): "word"}, HERE)
    assert rules.part({Cell("title"): "4"}, HERE) is Part.FULL


def test_the_trackers_word_counts_for_issues_that_began_here() -> None:
    rules = scope(query="x=y")
    assert rules.part({}, HERE._replace(fits=True)) is Part.FULL
    assert rules.part({}, HERE._replace(fits=False)) is Part.SKIPPED
    assert rules.part({}, HERE._replace(fits=None)) is Part.SKIPPED
    assert rules.part({}, HERE._replace(here=False, fits=None)) is Part.FULL


def test_without_a_scope_every_issue_takes_part() -> None:
    assert EVERYTHING.part({}, Circumstances(here=True)) is Part.FULL
    assert not EVERYTHING.guards
    assert not EVERYTHING.guards_theirs
    assert EVERYTHING.leaving is Leaving.FREEZE


def test_the_first_type_that_fits_is_taken() -> None:
    types = [
        {"when": "issue.status == 'closed'", "type": "read_only"},
        {"when": "!issue.private", "type": "update_only"},
        {"when": "true", "type": "skipped"},
    ]
    rules = scope(types=types)
    there = HERE._replace(here=False)
    assert rules.part({Cell("status"): "closed"}, there) is Part.READ_ONLY
    assert rules.part({}, there) is Part.UPDATE_ONLY
    assert rules.part({}, HERE) is Part.FULL
    assert rules.part({Cell("private"): True}, there) is Part.SKIPPED


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"isues": "true"}, "scope.isues: there is no such key (did you mean 'issues'?)"),
        ({"types": [{"wehn": "true"}]}, "scope.types.0.wehn: there is no such key (did you mean 'when'?)"),
        ({"types": [{"when": "true", "type": "half"}]}, "scope.types.0.type: Input should be 'full'"),
        ({"since": "yesterday"}, "scope.since: must be a day (2026-11-21) or a moment in UTC"),
        ({"leaving": "close"}, "scope: leaving = 'close' and [scope.close_with] belong together"),
        ({"close_with": {"status": "closed"}}, "scope: leaving = 'close' and [scope.close_with] belong together"),
    ],
)
def test_a_table_that_cannot_be_is_explained(table: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Rules.parse({"fields": {}, "scope": table}, "links/beta.toml")
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("close_with", "sentence"),
    [
        ({"statu": "closed"}, "is not in the agreement (did you mean 'status'?)"),
        ({"status": "done"}, "'done' is no value that the agreement allows"),
        ({"labels": "done"}, "'done' is no value that the agreement allows"),
    ],
)
def test_what_closes_an_issue_must_be_in_the_agreement(close_with: dict[str, str], sentence: str) -> None:
    with pytest.raises(RuleError) as caught:
        scope(leaving="close", close_with=close_with)
    assert caught.value.place == ("scope", "close_with", *close_with)
    assert sentence in caught.value.sentence


def test_a_day_begins_at_midnight_in_utc() -> None:
    assert ScopeRules(since="2026-11-21").since == "2026-11-21T00:00:00Z"
    assert ScopeRules(since="2026-11-21T09:30:00Z").since == "2026-11-21T09:30:00Z"


def test_an_evaluation_takes_microseconds_and_grows_with_the_issue_only() -> None:
    rules = scope("issue.status == 'open' && issue.labels.exists(l, l.matches('^(a+)+$')) && now > timestamp(0)")
    few: dict[Cell, Value] = {Cell("status"): "open", Cell("labels", "b"): True}
    many: dict[Cell, Value] = {Cell("status"): "open", **{Cell("labels", f"{'a' * 50}{n}"): True for n in range(2_000)}}
    began = time.perf_counter()
    for _ in range(100):
        rules.part(few, HERE)
    assert (time.perf_counter() - began) / 100 < 0.001
    began = time.perf_counter()
    assert rules.part(many, HERE) is Part.SKIPPED
    assert time.perf_counter() - began < 1.0


def test_what_is_said_of_an_issue_that_rests_is_read_again() -> None:
    said = read_announcement(announcement("11111111-ab", "cut", 7))
    assert (said.gid, said.standing, said.after) == ("11111111-ab", "cut", 7)
    with pytest.raises(PeerError, match="malformed"):
        read_announcement({**announcement("g", "", 0), "after": -1})


def test_a_value_of_an_earlier_agreement_is_none() -> None:
    assert _plain("very much", FieldType.NUMBER) is None
    assert _plain("4", FieldType.NUMBER) == 4.0
