"""Which numbered parcels lie in SEND, so that an acknowledgement need not list the directory. Pure.

Within one stream (tag, life, lane) names sort as their numbers do, so a heap of names is enough. It may
name files that are gone; what it does not name is found by the next listing.
"""

import heapq
import threading
from collections.abc import Iterable, Sequence

from channels.base import Label
from channels.directory import names


class Lying:
    """Names by stream. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: dict[str, list[str]] = {}

    def add(self, found: Iterable[str]) -> None:
        """These lie there. Parcels without a number are passed over: nobody acknowledges them."""
        with self._lock:
            for name in found:
                if not names.looks_unnumbered(name):
                    heapq.heappush(self._streams.setdefault(names.stream_of(name), []), name)

    def take(self, upto: Label) -> Sequence[str]:
        """Those of that stream up to ``upto.number``, in order; they are not named again."""
        last = names.start_of(upto)
        taken: list[str] = []
        with self._lock:
            heap = self._streams.get(names.stream_of(last), [])
            while heap and heap[0][: len(last)] <= last:
                taken.append(heapq.heappop(heap))
        return taken

    def clear(self) -> None:
        """Nothing is known."""
        with self._lock:
            self._streams.clear()
