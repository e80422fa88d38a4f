"""Every number that bounds the mail channel, with its reason."""

from typing import Final

from channels.base import Limits

KIB: Final = 1024
MIB: Final = 1024 * KIB
HOUR_SECONDS: Final = 3600.0
DAY_SECONDS: Final = 86_400.0

SIZE_MAX: Final = 10_000_000
"""Of a whole mail where the admin says nothing: a little less than Postfix takes as it comes (10,240,000)."""
SIZE_LEAST: Final = 64 * KIB
"""Less than this carries no message worth a mail."""
WRAPPING_BYTES: Final = 4096
"""Headers, the sentence for people and the armour's own lines."""
LINE_CHARACTERS: Final = 76
"""Of base64 in a line (RFC 2045, section 6.8): 57 bytes become 78 with the line's end, 37 % more."""

LINGER_SECONDS: Final = 20.0
"""A mail costs seconds on its way and counts against the provider's limit: what changes meanwhile travels along."""
ACK_DELAY_SECONDS: Final = 30.0
"""An acknowledgement in a mail of its own is the dearest there is; most find a change to travel with."""
RESEND_FLOOR_SECONDS: Final = 900.0
"""Greylisting delays a first mail by five to fifteen minutes."""

PER_HOUR: Final = 300
PER_DAY: Final = 1500
"""Below what the usual providers allow (Google Workspace 2,000 a day, Microsoft 365 30 in a minute)."""
POLL_SECONDS: Final = 300.0
"""Between looks when IDLE has said nothing: it is known to fall silent behind some routers."""
CONNECTIONS: Final = 2
"""Side by side to the submission server; Microsoft 365 allows three."""
TIMEOUT_SECONDS: Final = 60.0
"""For an answer of a server; RFC 5321, section 4.5.3.2, asks for minutes, which no admin waits for."""
BYTES_PER_SECOND: Final = 64 * KIB
"""The slowest line in use: adds to the time-out of what is large."""
CLOSE_SECONDS: Final = 5.0
"""For a polite end; after that the connection is dropped."""

TRUSTED_IDLE_SECONDS: Final = 5.0
"""A submission connection that rested longer is asked (NOOP) before a mail is given to it."""
RESTED_SECONDS: Final = 60.0
"""One that rested longer is made anew: servers hang up after one to five minutes."""

MAIL_BYTES_MAX: Final = 40 * MIB
"""Of a mail that is fetched: a parcel of 28 MiB, more than any provider's mail carries."""
PARCEL_BYTES_MAX: Final = 32 * MIB
"""As for directories: twice the largest message."""
BATCH_MAILS: Final = 50
BATCH_BYTES: Final = 8 * MIB
"""Of one fetch: where round trips decide, 50 at once are fifty times as fast as one by one; memory bounds the rest."""
HEADERS_AT_ONCE: Final = 250
HEADER_BYTES: Final = 4 * KIB
"""Of each mail's headers when they are looked at: 1 MiB in one answer at most."""
REPORT_BYTES: Final = 64 * KIB
"""Of a bounce: the report comes before the mail that it returns."""
PREFIX_BYTES: Final = 4 * KIB
"""Of a mail that is too large: enough for a person to see what it is."""
MOVED_AT_ONCE: Final = 200
"""Ids in one command: servers take lines of 8 KiB (RFC 7162, section 4)."""

SPOOLED_BYTES: Final = 2 * MIB
"""A larger mail goes to disk on its way, alone."""
PIECE_BYTES: Final = MIB
"""Of one fetch of such a mail: the line is never idle for long, and memory never holds more of it."""
DECODED_AT_ONCE: Final = 256 * KIB

LITERAL_BYTES_MAX: Final = BATCH_BYTES
"""Of one mail in an answer: four times what is asked for, as some servers say a wrong size."""
ANSWER_LINE_BYTES_MAX: Final = 4 * MIB
"""Of what the server says: 500,000 ids in one answer to a search."""

IDLE_SECONDS: Final = 270.0
"""An IDLE is renewed before five minutes: routers forget quiet connections; servers end it after 29 (RFC 2177)."""
RECONNECT_SECONDS: Final = 5.0
RECONNECT_SECONDS_MAX: Final = 300.0
"""Between attempts to listen again: from the first, doubled and shaken, to the second."""

PARTS_MAX: Final = 100
DEPTH_MAX: Final = 8
"""Of parts in parts: a parcel in a forwarded mail behind a mailing list lies four deep."""
ARMOURS_MAX: Final = 8
HEAD_BYTES_MAX: Final = 64 * KIB
FIELDS_MAX: Final = 500
FIELD_CHARACTERS_MAX: Final = 998
"""A line of a mail (RFC 5322, section 2.1.1)."""
WORDS_MAX: Final = 300
"""Characters of a server's words in a sentence for an admin."""

SECRET_BYTES_MAX: Final = 16 * KIB
COMMAND_SECONDS: Final = 30.0
TOKEN_ANSWER_BYTES_MAX: Final = 64 * KIB
TOKEN_SECONDS: Final = 300.0
"""How long a token is used whose end is not known."""
TOKEN_MARGIN_SECONDS: Final = 60.0
"""A token is renewed so long before its end."""

OWN_DIGESTS_MAX: Final = 4096
"""Parcels of ours that are remembered to know them when they come back."""
NOTICES_MAX: Final = 100
CHECK_SECONDS: Final = 90.0
"""For a mail to oneself."""


def parcel_bytes_max(size_max: int) -> int:
    """The largest parcel whose mail has at most ``size_max`` bytes."""
    lines = (size_max - WRAPPING_BYTES) // (LINE_CHARACTERS + 2)
    return min(lines * (LINE_CHARACTERS // 4 * 3), PARCEL_BYTES_MAX)


def limits(
    size_max: int = SIZE_MAX,
    linger_seconds: float = LINGER_SECONDS,
    ack_delay_seconds: float = ACK_DELAY_SECONDS,
    resend_floor_seconds: float = RESEND_FLOOR_SECONDS,
) -> Limits:
    """What the port tells the service."""
    return Limits(parcel_bytes_max(size_max), linger_seconds, ack_delay_seconds, resend_floor_seconds)
