"""Mutations of what is made of a store that was put back together with its anchor, for ``mutants.py``."""

from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from backbone.model import Applied
from backbone.replication import link, resync
from backbone.replication.link import Effect, LinkState, Phase, Received, Took
from backbone.replication.merge import Register
from backbone.service.endpoint import Endpoint
from backbone.service.flow import sighting

_asked_anew, _outdated, _take = link._asked_anew, link._outdated, link._take


def own_writes_taken() -> AbstractContextManager[Any]:
    async def unasked(_ep: Endpoint, _issues: Collection[str]) -> list[Applied]:
        return []

    return patch.object(sighting, "check_own", unasked)


def number_twice_believed() -> AbstractContextManager[Any]:
    def believed(ours: Register, _operation: object) -> Register:
        return ours

    return patch.object(resync, "_believed", believed)


def first_life_answered() -> AbstractContextManager[Any]:
    def first(state: LinkState, given: Received, drop: Any) -> tuple[LinkState, tuple[Effect, ...]]:
        if state.peer_next is not None and given.header.inc[0] <= state.peer_next[0]:
            return state, drop
        return _asked_anew(state, given, drop)

    return patch.object(link, "_asked_anew", first)


def asked_in_vain() -> AbstractContextManager[Any]:
    def deaf(state: LinkState, given: Received) -> str | None:
        return _outdated(state, replace(given, asked={}))

    return patch.object(link, "_outdated", deaf)


def broken_history_awaited() -> AbstractContextManager[Any]:
    def awaited(state: LinkState, given: Took, timing: Any) -> tuple[LinkState, tuple[Effect, ...]]:
        if given.prev != state.into[given.lane].chain and state.phase is not Phase.AWAITING:
            return link._await(state, link._NO_HISTORY, given.now)
        return _take(state, given, timing)

    return patch.object(link, "_take", awaited)
