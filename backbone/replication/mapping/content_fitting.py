"""Whether what a link's file says about comments, attachments and people fits the agreement and the tracker."""

from collections.abc import Iterator

from backbone.model import Schema
from backbone.replication.agreement import Agreement
from backbone.replication.mapping.faults import Fault
from backbone.replication.mapping.filenames import safe
from backbone.replication.mapping.nearest import nearest
from backbone.replication.mapping.patterns import has_wildcard
from backbone.replication.mapping.rules import Rules


def content_faults(agreement: Agreement, rules: Rules, schema: Schema) -> Iterator[Fault]:
    """Those that keep a link from starting."""
    yield from _visibilities(agreement, rules, schema)
    yield from _authors(rules, schema)
    yield from _people(rules, schema)
    prefix = rules.attachments.strip_prefix
    if not safe(f"{prefix}x.txt").startswith(prefix):
        yield Fault(("attachments", "strip_prefix"), f": {prefix!r} has characters that no file's name has here")


def _visibilities(agreement: Agreement, rules: Rules, schema: Schema) -> Iterator[Fault]:
    said: list[tuple[tuple[str, ...], str]] = [
        (("comments", "send", "internal"), word) for word in rules.comments.send.internal
    ]
    said += [(("comments", "internal_as"), rules.comments.internal_as)] if rules.comments.internal_as else []
    for place, word in said:
        if not agreement.internal_comments:
            yield Fault(place, ": the agreement shares no internal comments; leave it out, or agree on "
                               "internal_comments = true")  # fmt: skip
        elif word not in schema.visibilities:
            hint = nearest(word, schema.visibilities)
            yield Fault(place, f": the tracker has no comments that only {word!r} may see{hint}")


def _people(rules: Rules, schema: Schema) -> Iterator[Fault]:
    login = rules.people.stand_in
    if login and login not in schema.people:
        hint = nearest(login, schema.people)
        yield Fault(("people", "stand_in"), f": nobody here has the log-in {login!r}{hint}")


def _authors(rules: Rules, schema: Schema) -> Iterator[Fault]:
    for login in rules.comments.send.authors:
        if not has_wildcard(login) and login not in schema.people:
            hint = nearest(login, schema.people)
            yield Fault(("comments", "send", "authors"), f": nobody here has the log-in {login!r}{hint}")
    groups = sorted({group for person in schema.people.values() for group in person.groups})
    for group in rules.comments.send.author_groups:
        if group not in groups:
            hint = nearest(group, groups)
            yield Fault(("comments", "send", "author_groups"), f": nobody here is in the group {group!r}{hint}")
