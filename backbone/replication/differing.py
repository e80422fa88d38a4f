"""What changes between two agreements: as names for the service, in words for an admin."""

from collections.abc import Iterable, Iterator

from backbone.model import ATTACHMENT, COMMENT, FieldType
from backbone.replication.agreement import Agreement, Direction, SharedField
from backbone.replication.merge import Policy, Side

NAMED_MAX = 20
"""So many values are named in one sentence; a person does not compare more."""


def joining(old: Agreement, new: Agreement) -> frozenset[str]:
    """Fields and kinds of content that are shared by ``new`` only."""
    return frozenset(new.policies().keys() - old.policies().keys())


def leaving(old: Agreement, new: Agreement) -> frozenset[str]:
    """Those that were shared by ``old`` only."""
    return frozenset(old.policies().keys() - new.policies().keys())


def widening(old: Agreement, new: Agreement, writer: Side) -> frozenset[str]:
    """Shared by both, but by ``new`` this side may say what by ``old`` it could not: what it shows may differ."""
    both = old.policies().keys() & new.policies().keys()
    return frozenset(name for name in both if _may_say_more(old, new, name, writer))


def turned(old: Agreement, new: Agreement) -> frozenset[str]:
    """Shared by both, with another order of concurrent writes."""
    before, after = old.policies(), new.policies()
    return frozenset(name for name in before.keys() & after.keys() if before[name] is not after[name])


def _may_say_more(old: Agreement, new: Agreement, name: str, writer: Side) -> bool:
    if not new.direction_of(name).allows(writer):
        return False
    if not old.direction_of(name).allows(writer):
        return True
    if name in (COMMENT, ATTACHMENT):
        return _limits_of(old, name) != _limits_of(new, name)
    one, other = old.fields[name], new.fields[name]
    return _room_of(one) != _room_of(other)


def _room_of(field: SharedField) -> tuple[object, ...]:
    return field.type, field.values, field.characters_max, field.columns, field.rows


def _limits_of(agreement: Agreement, name: str) -> tuple[object, ...]:
    if name == COMMENT:
        return agreement.comment_characters_max, agreement.internal_comments
    return agreement.attachment_types, agreement.attachment_bytes_max


def sentences(old: Agreement, new: Agreement, side: Side) -> list[str]:
    """Every difference, for the admin of this side; none when both say the same."""
    said = [*_fields(old, new, side), *_comments(old, new, side), *_attachments(old, new, side)]
    if old.direction is not new.direction:
        said.append(f"the link as a whole will go {_way(new.direction, side)}, and went {_way(old.direction, side)}")
    if old.authors != new.authors:
        hidden = new.authors == "hidden"
        said.append(f"the names of authors will {'no longer travel' if hidden else 'travel'}")
    return said


def _fields(old: Agreement, new: Agreement, side: Side) -> Iterator[str]:
    for name in sorted(new.fields.keys() - old.fields.keys()):
        yield f"{name!r} will be shared: {_field(new.fields[name], side)}"
        is_table = new.fields[name].type is FieldType.TABLE
        how = "rows of both sides are put together" if is_table else "the side where an issue began decides"
        yield f"{name!r} will be filled in on the issues that are shared already: {how}"
    for name in sorted(old.fields.keys() - new.fields.keys()):
        yield f"{name!r} will no longer be shared: what stands in it stays as it is on each side"
    for name in sorted(old.fields.keys() & new.fields.keys()):
        yield from _changes(name, old.fields[name], new.fields[name], side)


def _field(field: SharedField, side: Side) -> str:
    parts = [str(field.type), _way(field.direction, side), _conflict(field.policy, side)]
    if field.values:
        parts.append(f"its values are {_named(field.values)}")
    if field.characters_max is not None:
        parts.append(f"at most {field.characters_max} characters")
    if field.columns:
        parts.append(f"its columns are {_named(field.columns)}; at most {field.rows} rows in one issue")
    return "; ".join(parts)


def _changes(name: str, old: SharedField, new: SharedField, side: Side) -> Iterator[str]:
    if old.type is not new.type:
        yield f"{name!r} will be of type {new.type}, and was {old.type}"
    if old.direction is not new.direction:
        yield f"{name!r} will travel {_way(new.direction, side)}, and travelled {_way(old.direction, side)}"
    if old.policy is not new.policy:
        yield f"{name!r}: {_conflict(new.policy, side)}; until now {_conflict(old.policy, side)}"
    yield from _values(name, old.values, new.values)
    yield from _columns(name, old, new)
    if old.characters_max != new.characters_max:
        yield f"{name!r} may have {_at_most(new.characters_max)}, and could have {_at_most(old.characters_max)}"


def _columns(name: str, old: SharedField, new: SharedField) -> Iterator[str]:
    if not (old.columns and new.columns):
        return
    for column in sorted(new.columns.keys() - old.columns.keys()):
        yield f"{name!r} will have the column {column!r}: {new.columns[column].type}"
    for column in sorted(old.columns.keys() - new.columns.keys()):
        yield f"{name!r} will no longer have the column {column!r}: what stands in it stays as it is on each side"
    for column in sorted(old.columns.keys() & new.columns.keys()):
        before, after = old.columns[column], new.columns[column]
        called = f"{name}.{column}"
        if before.type is not after.type:
            yield f"{called!r} will be of type {after.type}, and was {before.type}"
        yield from _values(called, before.values, after.values)
        if before.characters_max != after.characters_max:
            most, was = _at_most(after.characters_max), _at_most(before.characters_max)
            yield f"{called!r} may have {most}, and could have {was}"
    if old.rows != new.rows:
        yield f"an issue may have {new.rows} rows of {name!r}, and could have {old.rows}"


def _values(name: str, old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[str]:
    if set(old) == set(new):
        return
    if not new:
        yield f"{name!r} may have any value"
        return
    if not old:
        yield f"{name!r} may have only these values: {_named(new)}; others stay at home"
        return
    more, fewer = [v for v in new if v not in old], [v for v in old if v not in new]
    if more:
        yield f"{name!r} may also be {_named(more)}"
    if fewer:
        yield f"{name!r} may no longer be {_named(fewer)}: issues that are so stay so, and no longer say it"


def _comments(old: Agreement, new: Agreement, side: Side) -> Iterator[str]:
    if old.comments != new.comments:
        yield _shared("comments", new.comments, _way(new.comment_direction, side))
    if not (old.comments and new.comments):
        return
    if old.comment_direction is not new.comment_direction:
        before, after = _way(old.comment_direction, side), _way(new.comment_direction, side)
        yield f"comments will travel {after}, and travelled {before}"
    if old.comment_policy is not new.comment_policy:
        yield f"comments: {_conflict(new.comment_policy, side)}; until now {_conflict(old.comment_policy, side)}"
    if old.comment_characters_max != new.comment_characters_max:
        before, after = _at_most(old.comment_characters_max), _at_most(new.comment_characters_max)
        yield f"a comment may have {after}, and could have {before}"
    if old.internal_comments != new.internal_comments:
        travel = "can travel too, marked as such" if new.internal_comments else "will no longer travel"
        yield f"comments that not everybody may see {travel}"


def _attachments(old: Agreement, new: Agreement, side: Side) -> Iterator[str]:
    if old.attachments != new.attachments:
        yield _shared("attachments", new.attachments, _way(new.attachment_direction, side))
    if not (old.attachments and new.attachments):
        return
    if old.attachment_direction is not new.attachment_direction:
        before, after = _way(old.attachment_direction, side), _way(new.attachment_direction, side)
        yield f"attachments will travel {after}, and travelled {before}"
    if old.attachments_deleted_by != new.attachments_deleted_by:
        each = new.attachments_deleted_by == "anyone"
        who = "each side takes any" if each else "only the side where it began takes an"
        yield f"{who} attachment away on both sides"
    if set(old.attachment_types) != set(new.attachment_types):
        yield f"attachments that travel will be of {_types(new)}, and were of {_types(old)}"
    if old.attachment_bytes_max != new.attachment_bytes_max:
        yield f"an attachment may have {new.attachment_bytes_max} bytes, and could have {old.attachment_bytes_max}"


def _shared(what: str, now: bool, way: str) -> str:
    if now:
        return f"{what} will be shared, {way}, those that are there already too"
    return f"{what} will no longer be shared: what is there stays as it is on each side"


def _way(direction: Direction, side: Side) -> str:
    if direction is Direction.BOTH:
        return "both ways"
    return "from us to the partner only" if direction.allows(side) else "from the partner to us only"


def _conflict(policy: Policy, side: Side) -> str:
    if policy is Policy.NEWEST:
        return "where both changed it, the newest change stands"
    if policy is Policy.MANUAL:
        return "where both changed it, a person decides"
    ours = (policy is Policy.MASTER) == (side is Side.MASTER)
    return f"where both changed it, {'our change' if ours else 'the change of the partner'} stands"


def _at_most(characters: int | None) -> str:
    return "any length" if characters is None else f"at most {characters} characters"


def _types(agreement: Agreement) -> str:
    return _named(agreement.attachment_types) if agreement.attachment_types else "any type"


def _named(values: Iterable[str]) -> str:
    every = list(values)
    shown = ", ".join(repr(value) for value in every[:NAMED_MAX])
    return shown if len(every) <= NAMED_MAX else f"{shown} and {len(every) - NAMED_MAX} more"
