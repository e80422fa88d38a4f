"""Writes made in the tracker, also those that it has already."""

from collections.abc import Sequence

from backbone.model import Applied, Outcome, Write
from backbone.service.endpoint import Endpoint


async def made(ep: Endpoint, writes: Sequence[Write]) -> Sequence[Outcome]:
    """As ``Tracker.apply``. An issue that the store forgot is found by its key, and answered as when it was made: what
    later writes of ours put into it has its names in their answers, and what it shows now is read.
    """
    outcomes = await ep.tracker.apply(writes)
    pairs = zip(writes, outcomes, strict=True)
    old = {o.key: o for w, o in pairs if isinstance(o, Applied) and w.local is None and _was_made_before(w, o)}
    if not old:
        return outcomes
    issues = [one.local for one in old.values()]
    written, shown = await ep.tracker.written(dict.fromkeys(issues)), await ep.tracker.read(issues)
    for key, one in old.items():
        if one.local in shown:
            issue = shown[one.local]
            created = {mark: local for answer in written.get(one.local, ()) for mark, local in answer.created.items()}
            old[key] = Applied(key, one.local, issue.position, issue.cells, created)
    return [old.get(one.key, one) for one in outcomes]


def _was_made_before(one: Write, made: Applied) -> bool:
    """Whether comments or attachments that were to be made with the issue are not in the answer."""
    marks = [element for _, element in one.cells if element[:1] == "+"]
    return bool(marks) and not made.created.keys() >= set(marks)
