"""The receiving half: which files of RECEIVE are parcels, whole, and not handed over yet.

What proves a parcel is its content's digest in its name; size, time and order of arrival prove nothing.
"""

import os
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from channels.base import ChannelError, Delivery, Parcel
from channels.directory import files, names
from channels.directory.done import Done
from channels.directory.files import Content
from channels.directory.limits import (
    COPYING_EAGER_SECONDS,
    COPYING_LOOK_SECONDS,
    COPYING_SECONDS,
    LIMITS,
    LISTING_SECONDS,
    RECEIVE_BYTES_MAX,
)
from channels.directory.names import FileName
from channels.directory.place import Place
from channels.directory.trouble import ONE_FILE, explain

OWN = (
    "this node wrote {name} itself: somebody copied it into RECEIVE, or SEND and RECEIVE are the same directory "
    "although SEND of one side must be RECEIVE of the other"
)


@dataclass(frozen=True, slots=True)
class Suspect:
    """A file whose content is not what its name says: still being copied, or damaged."""

    since: float
    read: float
    stamp: tuple[int, int, int] | None
    """``None`` when it could not be read at all."""


class Incoming:
    """What lies in RECEIVE. Methods block; one thread at a time.

    ``own`` are names that this node wrote: what comes back under one of them is handed over with its
    problem. ``steady`` is a clock in seconds that never jumps.
    """

    def __init__(
        self,
        tag: str,
        own: Collection[str] = (),
        bytes_max: int = LIMITS.parcel_bytes_max,
        steady: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._tag = tag
        self._own = own
        self._bytes_max = bytes_max
        self._steady = steady
        self._done = Done(tag, steady, wall)
        self._handed: set[str] = set()
        self._stuck: set[str] = set()
        self._suspects: dict[str, Suspect] = {}
        self._rest: list[str] = []
        self._listed: tuple[Place, float] | None = None
        self._trouble: ChannelError | None = None
        """What to raise when nothing else can be handed over."""
        self._broken = False
        """It is the share, not one file: the scan ends."""

    def take(self, place: Place, limit: int) -> Sequence[Delivery]:
        """Up to ``limit`` deliveries, in order. They count as handed over when ``handed`` is told so."""
        deliveries: list[Delivery] = []
        gathered = 0
        self._trouble, self._broken = None, False
        fresh = self._list_if_due(place)
        while len(deliveries) < limit and gathered < RECEIVE_BYTES_MAX and not self._broken:
            if not self._rest:
                if fresh:
                    break
                self._list(place, {delivery.token for delivery in deliveries})
                fresh = True
                continue
            delivery = self._open(place, self._rest.pop())
            if delivery is not None:
                deliveries.append(delivery)
                gathered += len(delivery.parcel.data)
        if self._trouble is not None and not deliveries:
            raise self._trouble
        return deliveries

    def handed(self, tokens: Iterable[str]) -> None:
        """These reached the caller: not again in this process."""
        self._handed.update(tokens)

    def forget(self, tokens: Iterable[str]) -> None:
        """These could not be stored: again at the next ``take``."""
        self._handed.difference_update(tokens)
        self._listed = None

    def confirm(self, place: Place | None, tokens: Sequence[str]) -> None:
        """Out of the way with them: into ``.done``, or where that cannot be, into memory."""
        ours = [token for token in tokens if names.parse(token) is not None]
        movable = place is not None and self._done.usable(place.path)
        for name in ours:
            if place is None or not movable or not self._done.move(place.path, name):
                self._stuck.add(name)
            self._suspects.pop(name, None)
        self._handed.difference_update(ours)
        if place is not None and movable:
            self._done.prune(place.path)

    def _list_if_due(self, place: Place) -> bool:
        if self._listed is not None:
            listed, at = self._listed
            if self._rest and listed == place and self._steady() - at < LISTING_SECONDS:
                return False
        self._list(place)
        return True

    def _list(self, place: Place, taken: Collection[str] = ()) -> None:
        try:
            with os.scandir(place.path) as entries:
                found = names.candidates((entry.name for entry in entries), self._tag)
        except OSError as error:
            raise explain(error, "list", place.path) from error
        self._let_go(found)
        known = self._handed.union(self._stuck, taken)
        waiting = [name for name in found if name not in known]
        self._rest = list(reversed(names.in_order(waiting)))
        self._listed = place, self._steady()

    def _let_go(self, found: Sequence[str]) -> None:
        """Forget what is remembered of files that are no longer there."""
        if self._stuck or self._suspects:
            present = set(found)
            self._stuck &= present
            for name in self._suspects.keys() - present:
                del self._suspects[name]

    def _open(self, place: Place, name: str) -> Delivery | None:
        parsed = names.parse(name)
        if parsed is None or name in self._handed:
            return None
        path = f"{place.path}/{name}"
        try:
            if not self._worth_reading(path, name):
                return None
            content = files.read(path, self._bytes_max)
        except FileNotFoundError:
            return None
        except OSError as error:
            return self._unreadable(parsed, name, error, place)
        return None if content is None else self._judge(parsed, name, content)

    def _worth_reading(self, path: str, name: str) -> bool:
        suspect, now = self._suspects.get(name), self._steady()
        if suspect is None or now - suspect.since < COPYING_EAGER_SECONDS or now - suspect.read >= COPYING_LOOK_SECONDS:
            return True
        return files.stamp(os.lstat(path)) != suspect.stamp

    def _judge(self, parsed: FileName, name: str, content: Content) -> Delivery | None:
        parcel = Parcel(parsed.label, content.data)
        if content.oversized:
            problem = f"the file {name} is larger than {self._bytes_max} bytes, the most that a parcel may have"
            return Delivery(parcel, name, problem)
        if names.digest(content.data) == parsed.digest:
            self._suspects.pop(name, None)
            return Delivery(parcel, name, OWN.format(name=name) if name in self._own else None)
        if self._overdue(name, content.stamp):
            hours = COPYING_SECONDS / 3600
            problem = f"the content of {name} is not what its name promises (SHA-256), and was not for {hours:g} hour"
            return Delivery(parcel, name, problem)
        return None

    def _unreadable(self, parsed: FileName, name: str, error: OSError, place: Place) -> Delivery | None:
        trouble = explain(error, "read", f"{place.path}/{name}")
        self._broken = error.errno not in ONE_FILE
        if not self._broken and self._overdue(name, None):
            return Delivery(Parcel(parsed.label, b""), name, str(trouble))
        self._trouble = trouble
        return None

    def _overdue(self, name: str, stamp: tuple[int, int, int] | None) -> bool:
        """Note the sight of a file that is not right; whether that has lasted too long by our own clock."""
        now = self._steady()
        suspect = self._suspects.get(name)
        if suspect is None:
            suspect = Suspect(now, now, stamp)
        self._suspects[name] = replace(suspect, read=now, stamp=stamp)
        return now - suspect.since >= COPYING_SECONDS
