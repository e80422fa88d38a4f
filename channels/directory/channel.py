"""The directory channel: the port over the two halves, in threads."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress

from channels.base import (
    ChannelError,
    ChannelRefused,
    ChannelUnavailable,
    Delivery,
    Label,
    Limits,
    Parcel,
)
from channels.directory import names
from channels.directory.check import check
from channels.directory.incoming import Incoming
from channels.directory.limits import LIMITS, OWN_NAMES_MAX, PATIENCE_BYTES_PER_SECOND, SEND_THREADS
from channels.directory.outgoing import Outgoing
from channels.directory.patience import Patience
from channels.directory.place import Place, resolve
from channels.directory.settings import Settings
from channels.directory.watch import Watcher


class DirectoryChannel:
    """One link over two directories. Implements ``channels.base.Channel``; README.md describes every file.

    ``steady`` never jumps and measures how long a file has been wrong; ``wall`` is compared with files' own times.
    """

    def __init__(
        self,
        settings: Settings,
        steady: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        limits: Limits = LIMITS,
    ) -> None:
        self.limits = limits
        self._settings = settings
        self._own: OrderedDict[str, None] = OrderedDict()
        self._outgoing = Outgoing(settings.tag, steady, wall)
        self._incoming = Incoming(settings.tag, self._own.keys(), limits.parcel_bytes_max, steady, wall)
        self._sending = Patience(SEND_THREADS, str(settings.send))
        self._tidying = Patience(1, str(settings.send))
        self._receiving = Patience(1, str(settings.receive))
        self._place: Place | None = None
        self._listeners: dict[Watcher, asyncio.Event] = {}
        self._closed = False

    async def check(self) -> Sequence[str]:
        """As the port says; a share that hangs is a sentence too."""
        try:
            return await self._tidying.run(0, check, self._settings, tuple(self._own))
        except ChannelUnavailable as error:
            return [str(error)]

    async def send(self, parcel: Parcel) -> None:
        """As the port says: written, synced, renamed, synced and read back."""
        name = names.name_of(parcel)
        if name is None or parcel.label.tag != self._settings.tag:
            raise ChannelRefused(f"{parcel.label} cannot be the label of a parcel on link {self._settings.tag}")
        if len(parcel.data) > self.limits.parcel_bytes_max:
            raise ChannelRefused(
                f"a parcel of {len(parcel.data)} bytes is larger than the {self.limits.parcel_bytes_max} "
                "that a directory carries: send it in parts"
            )
        self._remember(str(name))
        patience = len(parcel.data) / PATIENCE_BYTES_PER_SECOND
        await self._sending.run(patience, self._send, str(name), parcel)

    def _remember(self, name: str) -> None:
        self._own[name] = None
        if len(self._own) > OWN_NAMES_MAX:
            self._own.popitem(last=False)

    def _send(self, name: str, parcel: Parcel) -> None:
        self._outgoing.send(resolve(self._settings.send, self._settings.tag), name, parcel)

    async def receive(self, limit: int) -> Sequence[Delivery]:
        """As the port says. Raises ``ChannelUnavailable`` while the share is away, ``ChannelError`` when both sides
        point at one directory.
        """
        patience = self.limits.parcel_bytes_max / PATIENCE_BYTES_PER_SECOND
        try:
            place, deliveries = await self._receiving.run(patience, self._take, limit)
        except ChannelUnavailable:
            self._moved_to(None)
            raise
        self._moved_to(place)
        self._incoming.handed(delivery.token for delivery in deliveries)
        return deliveries

    def _take(self, limit: int) -> tuple[Place, Sequence[Delivery]]:
        place = resolve(self._settings.receive, self._settings.tag)
        send = self._sending_place()
        if send is not None and send.directory == place.directory:
            raise _same_directory(place)
        deliveries = self._incoming.take(place, limit)
        # Mounted twice, a directory has two devices but one sentinel. Our own parcel alone proves nothing: anybody may
        # copy one, and that must not stop the link.
        if send is not None and send.sentinel == place.sentinel and any(one.token in self._own for one in deliveries):
            raise _same_directory(place)
        return place, deliveries

    def _sending_place(self) -> Place | None:
        try:
            return resolve(self._settings.send, self._settings.tag)
        except ChannelUnavailable:
            return None

    async def confirm(self, tokens: Sequence[str]) -> None:
        """As the port says. Never fails: what cannot be moved to ``.done`` is remembered by name."""
        try:
            await self._receiving.run(0, self._confirm, tokens)
        except ChannelUnavailable:
            self._incoming.confirm(None, tokens)

    def _confirm(self, tokens: Sequence[str]) -> None:
        try:
            place = resolve(self._settings.receive, self._settings.tag)
        except ChannelUnavailable:
            place = None
        self._incoming.confirm(place, tokens)

    async def forget(self, tokens: Sequence[str]) -> None:
        """As the port says."""
        self._incoming.forget(tokens)

    async def acknowledged(self, tag: str, incarnation: str, lane: str, number: int) -> None:
        """As the port says. Raises ``ChannelUnavailable``; the next call makes up for it."""
        if tag == self._settings.tag:
            await self._tidying.run(0, self._acknowledged, Label(tag, incarnation, lane, number))

    def _acknowledged(self, upto: Label) -> None:
        self._outgoing.acknowledged(resolve(self._settings.send, self._settings.tag), upto)

    async def hints(self) -> AsyncIterator[None]:
        """As the port says: rings once when watching begins (what came before is not told), then for each arrival.

        Follows RECEIVE to wherever ``receive`` last found it; on a network file system it stays silent.
        """
        loop, bell = asyncio.get_running_loop(), asyncio.Event()

        def ring() -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody is left to wake
                loop.call_soon_threadsafe(bell.set)

        watcher = Watcher(names.prefix(self._settings.tag), ring)
        followed: Place | None = None
        self._listeners[watcher] = bell
        try:
            await self._look()
            while not self._closed:
                bell.clear()
                if followed != (place := self._place):
                    with suppress(ChannelUnavailable):
                        await self._receiving.run(0, watcher.follow, place)
                        followed = place
                yield
                await bell.wait()
        finally:
            self._listeners.pop(watcher, None)
            watcher.stop()

    async def _look(self) -> None:
        with suppress(ChannelUnavailable):
            self._place = await self._receiving.run(0, resolve, self._settings.receive, self._settings.tag)

    def _moved_to(self, place: Place | None) -> None:
        if place != self._place:
            self._place = place
            self._ring()

    def _ring(self) -> None:
        for bell in self._listeners.values():
            bell.set()

    def notices(self) -> Sequence[str]:
        """A directory says nothing."""
        return ()

    async def close(self) -> None:
        """End the hints and the threads. What lies in the directories stays."""
        self._closed = True
        self._ring()
        for watcher in self._listeners:
            watcher.stop()
        for patience in (self._sending, self._tidying, self._receiving):
            patience.close()


def _same_directory(place: Place) -> ChannelError:
    return ChannelError(
        f"SEND and RECEIVE are the same directory ({place.path}): SEND of one side must be RECEIVE of the other, "
        "correct one of the two in the link's file"
    )
