"""msgpack out: each value in its shortest form, which is the only one that we take."""

import msgspec


def _plain(text: object) -> str:
    """A tracker's library may have strings of its own."""
    if not isinstance(text, str):
        raise TypeError(f"{type(text)} cannot travel")
    return str.__str__(text)


pack = msgspec.msgpack.Encoder(enc_hook=_plain).encode
"""The bytes of plain values, in lists, tuples and dictionaries. Raises ``TypeError`` for anything else."""
