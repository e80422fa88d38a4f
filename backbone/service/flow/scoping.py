"""What a local edit means for the part that its issue takes: it enters, leaves, comes back, or is put back."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from backbone.model import Cells
from backbone.replication.diff import NOTE, Quiet, Shadow
from backbone.replication.mapping.entry import has_entered
from backbone.replication.scope.expression import ExpressionError
from backbone.replication.scope.judging import Circumstances
from backbone.replication.scope.rules import Part
from backbone.service.endpoint import Endpoint
from backbone.store.standing import ADDED, CUT, FROZEN, Standing

Fits: TypeAlias = Mapping[str, bool]
"""Whether the tracker's own query and ``since`` take an issue, by its name here."""
NOT_ASKED: Fits = MappingProxyType({})


class Ruling(NamedTuple):
    """What becomes of one edit."""

    quiet: Quiet
    leaves: bool = False
    returns: bool = False
    put_back: bool = False
    problem: str = ""


def rule(
    ep: Endpoint, standing: Standing, shadow: Shadow, cells: Cells, quiet: Quiet, fits: bool | None, *,
    entered: bool = False, brings: bool = False,
) -> Ruling:  # fmt: skip
    """``cells`` are those that the edit shows, in agreed words; ``quiet`` is what the mapping says of them; ``fits`` is
    ``None`` where nobody has asked the tracker: then the issue stays as it is. ``entered``: the partner knows it, and
    our store has forgotten that. ``brings``: it was born at a third node, and the partner would know it from us.
    """
    entered = entered or has_entered(shadow)
    if not ep.scope.guards and not standing.ours:
        was_outside = bool(shadow) and not entered and not quiet.outside
        return Ruling(quiet._replace(entering=True) if was_outside else quiet)
    if standing.ours == CUT:
        return Ruling(quiet) if entered else Ruling(quiet._replace(outside=True))
    if fits is None:
        fits = entered and standing.ours != FROZEN
    here = brings or ep.is_ours(standing.gid, shadow)
    part, problem = _part(ep, standing, shadow, cells, here=here, fits=fits)
    if not entered:
        outside = part is not Part.FULL or quiet.outside
        return Ruling(quiet._replace(outside=outside, entering=not outside), problem=problem)
    if part is Part.SKIPPED:
        return Ruling(quiet, leaves=standing.ours != FROZEN, problem=problem)
    kept = quiet if part is Part.FULL else quiet._replace(outside=True)
    return Ruling(kept, returns=standing.ours == FROZEN, put_back=part is Part.READ_ONLY)


def _part(
    ep: Endpoint, standing: Standing, shadow: Shadow, cells: Cells, *, here: bool, fits: bool
) -> tuple[Part, str]:
    shown = {cell: register.image for cell, register in shadow.items() if not cell.field.startswith(NOTE)}
    try:
        part = ep.scope.part({**shown, **cells}, Circumstances(here, ep.clock(), ep.name, fits=fits))
    except ExpressionError as error:
        return Part.SKIPPED, f"[scope]: {error}"
    return (Part.FULL if part is Part.SKIPPED and standing.ours == ADDED else part), ""
