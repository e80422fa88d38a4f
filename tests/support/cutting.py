"""A relay between a client and a server that breaks a connection at an exact place.

TLS goes through untouched, so a place is a number of bytes as they travel: choose content far larger than a handshake.
Where there is none, what a client says can be read.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Literal

Direction = Literal["up", "down"]
"""Towards the server, or back to the client."""
_CHUNK_BYTES = 65536
_SAID_BYTES_MAX = 65536


class Connection:
    """One client's, and what can be done to it."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self._ends: dict[Direction, asyncio.StreamWriter] = {"up": server, "down": client}
        self._swallowed: set[Direction] = set()
        self._ends_at_answer = False

    def cut(self) -> None:
        """Both ends see a reset."""
        for end in self._ends.values():
            end.transport.abort()

    def fall_silent(self) -> None:
        """It stays open, and nothing arrives any more at either end, as after a cable was pulled."""
        self._swallowed = {"up", "down"}

    def lose_the_answer(self) -> None:
        """The server gets all that the client still sends; the connection breaks when the server answers."""
        self._ends_at_answer = True

    async def pass_on(self, direction: Direction, data: bytes) -> None:
        if direction == "down" and self._ends_at_answer:
            self.cut()
        elif direction not in self._swallowed:
            self._ends[direction].write(data)
            await self._ends[direction].drain()


@dataclass
class Trip:
    """What happens once, after so many bytes of one connection in one direction. ``sprung`` is set when it has."""

    direction: Direction
    after_bytes: int
    do: Callable[[Connection], object]
    sprung: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Relay:
    """Listens on ``port`` of 127.0.0.1. ``trips`` wait for whichever connection comes far enough first."""

    port: int = 0
    connected: int = 0
    """How many connections there were."""
    open: set[Connection] = field(default_factory=set)
    trips: list[Trip] = field(default_factory=list)
    said: bytearray = field(default_factory=bytearray)
    """The beginning of what clients said."""

    def trip(self, direction: Direction, after_bytes: int, do: Callable[[Connection], object] = Connection.cut) -> Trip:
        trip = Trip(direction, after_bytes, do)
        self.trips.append(trip)
        return trip

    def cut_all(self) -> None:
        for connection in self.open:
            connection.cut()

    async def carry(self, connection: Connection, reader: asyncio.StreamReader, direction: Direction) -> None:
        passed = 0
        while data := await reader.read(_CHUNK_BYTES):
            if direction == "up":
                self.said += data[: _SAID_BYTES_MAX - len(self.said)]
            while trip := self._due(direction, passed + len(data)):
                head = trip.after_bytes - passed
                await connection.pass_on(direction, data[:head])
                passed, data = trip.after_bytes, data[head:]
                self.trips.remove(trip)
                trip.do(connection)
                trip.sprung.set()
            await connection.pass_on(direction, data)
            passed += len(data)

    def _due(self, direction: Direction, reached: int) -> Trip | None:
        found = [trip for trip in self.trips if trip.direction == direction and trip.after_bytes <= reached]
        return min(found, key=lambda trip: trip.after_bytes, default=None)


@contextlib.asynccontextmanager
async def relay_to(port: int) -> AsyncIterator[Relay]:
    """A relay to that port of this machine; all of its connections are cut at the end."""
    relay = Relay()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(client_reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        relay.connected += 1
        try:
            server_reader, server = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            client.transport.abort()
            return
        connection = Connection(client, server)
        relay.open.add(connection)
        ways: list[tuple[asyncio.StreamReader, Direction]] = [(client_reader, "up"), (server_reader, "down")]
        running = [asyncio.create_task(relay.carry(connection, reader, direction)) for reader, direction in ways]
        try:
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        finally:
            relay.open.discard(connection)
            for one in running:
                one.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            for end in (client, server):
                with contextlib.suppress(OSError):
                    end.close()
                    await end.wait_closed()
            tasks.discard(task)

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    relay.port = listener.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        listener.close()
        relay.cut_all()
        await asyncio.gather(*tasks, return_exceptions=True)
