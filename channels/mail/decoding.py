"""Base64 out of a text that need not be in memory: taken piece by piece. Pure."""

import binascii
from io import BytesIO
from typing import Final, TypeAlias

from channels.mail.limits import DECODED_AT_ONCE

Text: TypeAlias = bytes | memoryview
"""A mail or a piece of one: what was fetched, or a view on a file, whose slices copy nothing."""

_FOREIGN: Final = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))


def base64(text: Text) -> bytes:
    """What is no sign of base64 is passed over (RFC 2045, section 6.8); a single sign left at the end says nothing."""
    decoded = BytesIO()
    rest = b""
    for start in range(0, len(text), DECODED_AT_ONCE):
        dense = rest + bytes(text[start : start + DECODED_AT_ONCE]).translate(None, _FOREIGN)
        end = len(dense) - len(dense) % 4
        decoded.write(binascii.a2b_base64(dense[:end]))
        rest = dense[end:]
    if len(rest) > 1:
        decoded.write(binascii.a2b_base64(rest + b"=" * (4 - len(rest))))
    return decoded.getvalue()
