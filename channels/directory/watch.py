"""File events as an early wake-up: one observer for all channels of the process.

watchdog's own choice of events would delay ours: a file moved *out* of a directory (as we do into ``.done``) is held
back for half a second in case it turns up elsewhere, and what comes behind it waits in the same
queue. Only arrivals are asked for here: moved in, or closed after writing.
"""

import logging
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from watchdog.events import FileClosedEvent, FileCreatedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

from channels.directory.mounts import network_type
from channels.directory.place import Place

if sys.platform == "linux":
    from watchdog.observers.inotify import InotifyEmitter, InotifyObserver
    from watchdog.observers.inotify_c import InotifyConstants as Events

    if TYPE_CHECKING:
        from watchdog.observers.inotify_c import Mask

    class _ArrivalEmitter(InotifyEmitter):
        def get_event_mask_from_filter(self) -> "Mask":
            return cast("Mask", Events.IN_MOVED_TO | Events.IN_CLOSE_WRITE | Events.IN_DELETE_SELF)

    class _ArrivalObserver(InotifyObserver):
        def __init__(self) -> None:
            super().__init__()
            self._emitter_class = _ArrivalEmitter

    def _observer() -> BaseObserver:
        return _ArrivalObserver()

else:

    def _observer() -> BaseObserver:
        return Observer()


# It reports lost events and a stop in the middle of one as errors: to us, who scan anyway, they are neither.
logging.getLogger("watchdog").setLevel(logging.CRITICAL)

_ARRIVALS: list[type[FileSystemEvent]] = [FileCreatedEvent, FileClosedEvent]


@dataclass(eq=False)
class _Watched(FileSystemEventHandler):
    """One directory, and whom to wake for names that begin in their way."""

    place: Place
    watch: ObservedWatch | None = None
    bells: dict["Watcher", None] = field(default_factory=dict)

    def dispatch(self, event: FileSystemEvent) -> None:
        name = os.path.basename(os.fsdecode(event.src_path))  # noqa: PTH119
        for watcher in tuple(self.bells):
            if name.startswith(watcher.prefix):
                watcher.ring()


class _Directories:
    """The process's one observer: started for the first directory, stopped after the last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._observer: BaseObserver | None = None
        self._watched: dict[str, _Watched] = {}

    def add(self, place: Place, watcher: "Watcher") -> None:
        """Raises ``OSError`` when the system has no more watches to give."""
        with self._lock:
            watched = self._watched.get(place.path)
            if watched is None or watched.place != place:
                watched = self._anew(place, watched)
            watched.bells[watcher] = None

    def remove(self, path: str, watcher: "Watcher") -> None:
        with self._lock:
            watched = self._watched.get(path)
            if watched is not None:
                watched.bells.pop(watcher, None)
                if not watched.bells:
                    self._drop(watched)
            self._stop_if_idle()

    def _anew(self, place: Place, old: _Watched | None) -> _Watched:
        """A directory made anew under the same path needs a new watch: the old one is dead and does not say so."""
        if old is not None:
            self._drop(old)
        try:
            if self._observer is None:
                self._observer = _observer()
                self._observer.start()
            watched = _Watched(place, bells=dict(old.bells) if old else {})
            watched.watch = self._observer.schedule(watched, place.path, event_filter=_ARRIVALS)
        except BaseException:
            self._stop_if_idle()
            raise
        self._watched[place.path] = watched
        return watched

    def _drop(self, watched: _Watched) -> None:
        del self._watched[watched.place.path]
        if self._observer is not None and watched.watch is not None:
            self._observer.unschedule(watched.watch)

    def _stop_if_idle(self) -> None:
        if not self._watched and self._observer is not None:
            observer, self._observer = self._observer, None
            observer.stop()
            if observer.is_alive():
                observer.join()


_directories = _Directories()


class Watcher:
    """One channel's part: rings for names with its prefix, in the directory it was last told to follow.

    ``ring`` is called from another thread. ``silent`` says why it does not ring, for a person; ``None`` while it does.
    """

    def __init__(self, prefix: str, ring: Callable[[], None]) -> None:
        self.prefix = prefix
        self.ring = ring
        self.silent: str | None = None
        self._place: Place | None = None
        self._lock = threading.Lock()
        self._stopped = False

    def follow(self, place: Place | None) -> None:
        """Watch this directory instead of the last; blocks for about a millisecond. ``None`` watches nothing."""
        with self._lock:
            if place == self._place or self._stopped:
                return
            self._leave()
            if place is not None:
                self._enter(place)

    def stop(self) -> None:
        """Watch nothing any more, also when a ``follow`` is still on its way in another thread.

        When nobody watches, no thread is left.
        """
        with self._lock:
            self._stopped = True
            self._leave()

    def _enter(self, place: Place) -> None:
        self.silent = silence(place.path)
        if self.silent is None:
            try:
                _directories.add(place, self)
                self._place = place
            except OSError as error:
                self.silent = f"file events are not to be had here ({error.strerror or error})"

    def _leave(self) -> None:
        if self._place is not None:
            _directories.remove(self._place.path, self)
            self._place = None


def silence(path: str) -> str | None:
    """Why file events would not arrive for this directory; ``None`` where they should."""
    kind = network_type(path)
    return None if kind is None else f"it is on a network file system ({kind}), where file events do not arrive"
