"""The sending half: parcels into SEND, and out of it again when the peer has them."""

import os
import stat
import time
from collections.abc import Callable
from contextlib import suppress

from channels.base import Label, Parcel
from channels.directory import files, names
from channels.directory.files import TEMPORARY
from channels.directory.limits import TIDY_EVERY_SECONDS, UNNUMBERED_FILES_MAX, UNNUMBERED_SECONDS
from channels.directory.lying import Lying
from channels.directory.place import Place
from channels.directory.trouble import explain


class Outgoing:
    """What lies in SEND. Methods block. ``send`` may run side by side, ``acknowledged`` one at a time."""

    def __init__(
        self, tag: str, steady: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self._tag = tag
        self._temporary = f"{TEMPORARY}{tag}-"
        self._steady = steady
        self._wall = wall
        self._lying = Lying()
        self._listed: tuple[Place, float] | None = None
        """Which directory ``_lying`` is about, and when it was listed."""

    def send(self, place: Place, name: str, parcel: Parcel) -> None:
        """Durable under its name when it returns. Raises ``ChannelUnavailable`` or ``ChannelRefused``."""
        try:
            files.write(place.path, name, parcel.data, self._temporary)
        except OSError as error:
            raise explain(error, "write a parcel to", place.path) from error
        self._lying.add([name])

    def acknowledged(self, place: Place, upto: Label) -> None:
        """Remove the numbered parcels of that stream up to ``upto.number``; now and then what is stale besides.

        Lists the directory at the first call, after trouble, when it is another one, and once a minute.
        """
        try:
            self._list_if_due(place, upto.incarnation)
            for name in self._lying.take(upto):
                if _covered(name, upto):
                    _remove(place, name)
        except OSError as error:
            self._listed = None
            raise explain(error, "remove acknowledged parcels from", place.path) from error

    def _list_if_due(self, place: Place, incarnation: str) -> None:
        now = self._steady()
        if self._listed is not None and self._listed[0] == place and now - self._listed[1] < TIDY_EVERY_SECONDS:
            return
        self._listed = None
        self._lying.clear()  # before the listing: what is sent meanwhile is named twice rather than not at all
        with os.scandir(place.path) as entries:
            listed = [entry.name for entry in entries]
        parcels = names.candidates(listed, self._tag)
        self._lying.add(parcels)
        self._tidy(place, listed, parcels, incarnation)
        self._listed = place, now

    def _tidy(self, place: Place, listed: list[str], parcels: list[str], incarnation: str) -> None:
        """Unnumbered parcels and unfinished files of ours that nobody will ever acknowledge.

        Their own time is good enough: the worst that a wrong clock does is a parcel that is sent again.
        """
        unnumbered = [name for name in parcels if names.looks_unnumbered(name) and _unnumbered(name, incarnation)]
        unfinished = [name for name in listed if name.startswith(self._temporary)]
        for newer, (age, name) in enumerate(sorted(self._aged(place, unnumbered + unfinished))):
            if age > UNNUMBERED_SECONDS or newer >= UNNUMBERED_FILES_MAX:
                _remove(place, name)

    def _aged(self, place: Place, listed: list[str]) -> list[tuple[float, str]]:
        now, aged = self._wall(), []
        for name in listed:
            with suppress(FileNotFoundError):
                found = os.lstat(f"{place.path}/{name}")
                if stat.S_ISREG(found.st_mode):
                    aged.append((now - found.st_mtime, name))
        return aged


def _covered(name: str, upto: Label) -> bool:
    parsed = names.parse(name)
    return (
        parsed is not None
        and (parsed.label.incarnation, parsed.label.lane) == (upto.incarnation, upto.lane)
        and 0 < parsed.label.number <= upto.number
    )


def _unnumbered(name: str, incarnation: str) -> bool:
    parsed = names.parse(name)
    return parsed is not None and parsed.label.incarnation == incarnation and parsed.label.number == 0


def _remove(place: Place, name: str) -> None:
    """A directory planted under the name stays: it must not stop the others from going."""
    with suppress(FileNotFoundError, IsADirectoryError):
        os.unlink(f"{place.path}/{name}")  # noqa: PTH108
