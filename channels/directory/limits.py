"""Every number that bounds the directory channel, with its reason."""

from typing import Final

from channels.base import Limits

MIB: Final = 1024 * 1024
DAY_SECONDS: Final = 86_400

LIMITS: Final = Limits(
    # Largest message is 16 MiB inflated; twice that leaves room for seals and for blobs that do not compress.
    parcel_bytes_max=32 * MIB,
    # A file costs about a millisecond: gathering longer than a person notices gains nothing.
    linger_seconds=0.05,
    ack_delay_seconds=0.02,
    # A partner that only scans, every few seconds, must have had the time to see the first copy.
    resend_floor_seconds=30.0,
)

RECEIVE_BYTES_MAX: Final = 64 * MIB
"""Of one ``receive`` in memory: two of the largest parcels, whatever number was asked for."""

PREFIX_BYTES: Final = 4096
"""What is kept of an oversized file: enough for a person to see what it is."""

COPYING_SECONDS: Final = 3600.0
"""How long a file may differ from its name before it counts as damaged: 32 MiB through the slowest line in use."""

COPYING_EAGER_SECONDS: Final = 10.0
"""How long such a file is read at every scan; after that only when its size or time changed ..."""

COPYING_LOOK_SECONDS: Final = 60.0
"""... or after this long, because a share may keep both while the content changes."""

LISTING_SECONDS: Final = 2.0
"""How long the rest of a listing is worked through before RECEIVE is listed again for what came since."""

DONE_SECONDS: Final = 7 * DAY_SECONDS
DONE_FILES_MAX: Final = 10_000
DONE_BYTES_MAX: Final = 1024 * MIB
"""``.done`` is for a person who looks into yesterday's trouble; the store is what remembers."""

PRUNE_EVERY_SECONDS: Final = 3600.0
PRUNE_EVERY_FILES: Final = 1000

UNNUMBERED_SECONDS: Final = DAY_SECONDS
UNNUMBERED_FILES_MAX: Final = 1000
"""Unnumbered control parcels are superseded by later ones; a reader that could not move them leaves them lying."""

TIDY_EVERY_SECONDS: Final = 60.0
"""How often SEND is listed. In between, acknowledgements go by what is remembered: with 100,000 files a listing at each
would cost most of a second.
"""

OWN_NAMES_MAX: Final = 4096
"""Names of ours that are remembered to see them come back: one is enough, resends renew them."""

FREE_BYTES_MIN: Final = 4 * LIMITS.parcel_bytes_max
"""Less room than for four of the largest parcels is reported before it is none."""

SEND_THREADS: Final = 4
"""Side by side on one link: fsync of several files is where a disk or share gains from company."""

PATIENCE_SECONDS: Final = 60.0
PATIENCE_BYTES_PER_SECOND: Final = 64 * 1024
"""A share that has not answered for so long (plus the time for the bytes on the slowest line) is called away."""
