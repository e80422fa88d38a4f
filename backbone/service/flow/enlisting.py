"""Users that are made here for people of the partner's, where the mapping allows it (``[people] create``)."""

import contextlib
from collections.abc import Sequence

from backbone.errors import PeerError
from backbone.model import Person
from backbone.service.endpoint import Endpoint
from backbone.service.flow.overlapping import check
from backbone.service.flow.tasks import Task
from backbone.trackers.base import Enlisting

NO_USERS = ": this kind of tracker makes no users; leave it out"


async def enlist(ep: Endpoint, tasks: Sequence[Task]) -> None:
    """Make those who are named in what is about to be applied; what is not allowed to be said names nobody."""
    if not ep.theirs.translation.rules.people.create or not isinstance(ep.tracker, Enlisting):
        return
    wanted: dict[str, Person] = {}
    for task in tasks:
        with contextlib.suppress(PeerError):
            check(ep, task)
            said = [(operation.cell, operation.value) for operation in task.change_set.operations]
            people = ep.theirs.translation.people_to_make(said, task.change_set.author, ep.schema)
            wanted.update({person.login: person for person in people})
    if wanted:
        await ep.tracker.enlist(list(wanted.values()))
        ep.schema = await ep.tracker.describe()
        ep.log.info("made users", logins=sorted(wanted))
