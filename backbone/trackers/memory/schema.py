"""The fields of a memory tracker to which nobody gave others: one of each type."""

from backbone.model import ISSUE, Field, FieldType, Schema

_WORK = (
    Field("who", FieldType.USER),
    Field("day", FieldType.DATE),
    Field("minutes", FieldType.NUMBER),
    Field("kind", FieldType.CHOICE, ("analysis", "repair", "travel")),
    Field("billable", FieldType.BOOLEAN),
    Field("text", FieldType.TEXT),
)

DEFAULT_SCHEMA = Schema(
    {
        known.name: known
        for known in (
            Field("title", FieldType.TEXT, required=True),
            Field("description", FieldType.RICHTEXT),
            Field("status", FieldType.CHOICE, ("new", "open", "in progress", "resolved", "closed")),
            Field("priority", FieldType.CHOICE, ("low", "normal", "high", "urgent")),
            Field("assignee", FieldType.USER),
            Field("watchers", FieldType.USERS),
            Field("labels", FieldType.CHOICES, (), open=True),
            Field("due", FieldType.DATE),
            Field("estimate", FieldType.NUMBER),
            Field("effort", FieldType.DURATION),
            Field("private", FieldType.BOOLEAN),
            Field("depends", FieldType.RELATION),
            Field("duplicate_of", FieldType.RELATION, single=True),
            Field("work", FieldType.TABLE, columns={column.name: column for column in _WORK}),
        )
    },
    visibilities=("internal", "managers"),
    references={ISSUE: ("#{id}",), "user": ("@{login}",)},
)
