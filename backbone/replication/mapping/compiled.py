"""One field's rule, ready to use."""

from collections.abc import Mapping
from dataclasses import dataclass

from backbone.model import SETS, Cell, FieldType
from backbone.replication.mapping.rules import FieldRule

_SPOKEN = SETS | {FieldType.USER, FieldType.CHOICE}
"""Types whose values are names of something."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """``plain``: the field's value is the same on both sides."""

    name: str
    kind: FieldType
    single: bool
    plain: bool
    local: Cell
    agreed: Cell
    local_value: Mapping[str, str]
    agreed_value: Mapping[str, str]

    @classmethod
    def of(cls, name: str, rule: FieldRule, kind: FieldType) -> "Compiled":
        rows = [(agreed, [v] if isinstance(v, str) else v) for agreed, v in rule.values.items()]
        return cls(
            name=name,
            kind=kind,
            single=kind not in SETS,
            plain=kind not in _SPOKEN and not rows,
            local=Cell(rule.local),
            agreed=Cell(name),
            local_value={agreed: local[0] for agreed, local in rows if local},
            agreed_value={value: agreed for agreed, local in rows for value in local},
        )
