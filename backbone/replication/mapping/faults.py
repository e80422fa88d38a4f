"""What is wrong with a mapping, and where."""

from typing import NamedTuple


class Fault(NamedTuple):
    """What is wrong; ``place`` are the keys that lead to it in the link's file."""

    place: tuple[str, ...]
    words: str

    def __str__(self) -> str:
        return f"{'.'.join(self.place)}{self.words}"
