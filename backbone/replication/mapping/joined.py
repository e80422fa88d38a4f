"""Several values in one text on one side, a set on the other."""

from backbone.model import Cell, Cells, Value
from backbone.replication.diff import Shadow
from backbone.replication.mapping.compiled import Compiled
from backbone.replication.mapping.draft import Draft
from backbone.replication.mapping.tables import NoRow


def split_out(rule: Compiled, value: Value, shadow: Shadow, agreed: dict[Cell, Value]) -> None:
    """A local text into an agreed set. Raises ``NoRow``."""
    words = [rule.wording.out(word) for word in _parts(rule, value)]
    shown = {word for word in words if word}
    for gone in _members(rule.name, shadow) - shown:
        agreed[Cell(rule.name, gone)] = None
    agreed.update({Cell(rule.name, word): True for word in shown})


def joined_in(rule: Compiled, cells: Cells, draft: Draft) -> None:
    """Changes of an agreed set into a local text. Raises ``NoRow``."""
    changes = {cell: value for cell, value in cells.items() if cell.field == rule.name}
    members = _members(rule.name, draft.shadow) - {cell.element for cell in changes}
    members |= {cell.element for cell, value in changes.items() if value}
    words = sorted(word for member in members if (word := rule.wording.back(member)))
    for word in words:
        _check(rule, word)
    for cell in changes:
        draft.put(cell, rule.local, rule.separator.join(words) or None)


def joined_out(rule: Compiled, cells: Cells, shadow: Shadow) -> str | None:
    """Changes of a local set into an agreed text. Raises ``NoRow``."""
    register = shadow.get(rule.agreed)
    members = set(_parts(rule, register.image if register else None))
    for cell, value in cells.items():
        if cell.field == rule.local.field and (word := rule.wording.out(cell.element)):
            _check(rule, word)
            members = members | {word} if value else members - {word}
    if register is not None and set(_parts(rule, register.value)) == members:
        return str(register.value) if members else None
    return rule.separator.join(sorted(members)) or None


def split_in(rule: Compiled, value: Value, draft: Draft) -> None:
    """An agreed text into changes of a local set. Raises ``NoRow``."""
    register = draft.shadow.get(rule.agreed)
    shown = {rule.wording.back(word) for word in _parts(rule, register.image if register else None)}
    wanted = {rule.wording.back(word) for word in _parts(rule, value)}
    for word in sorted(word for word in shown ^ wanted if word):
        draft.put(rule.agreed, Cell(rule.local.field, word), True if word in wanted else None)


def _parts(rule: Compiled, text: Value) -> list[str]:
    if not isinstance(text, str):
        return []
    return [part for piece in text.split(_sign(rule)) if (part := piece.strip())]


def _sign(rule: Compiled) -> str:
    return rule.separator.strip() or rule.separator


def _check(rule: Compiled, word: str) -> None:
    if _sign(rule) in word:
        raise NoRow(word, f"has {_sign(rule)!r} in it, which separates values: choose another separator")


def _members(name: str, shadow: Shadow) -> set[str]:
    return {cell.element for cell, register in shadow.items() if cell.field == name and register.image}
