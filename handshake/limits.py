"""Every number that bounds this package, with its reason."""

FILE_BYTES_MAX = 1024 * 1024
"""A document inside a handshake file. The agreement takes a quarter at most, the certificate a few kilobytes."""

ARMORED_BYTES_MAX = 2 * FILE_BYTES_MAX
"""The file as carried: base64 costs a third; the rest is room for mail text round it."""

AGREEMENT_BYTES_MAX = 256 * 1024
"""Some hundred fields with value tables."""

CERTIFICATE_BYTES_MAX = 32 * 1024
"""A minimal certificate of RSA 4096 with ten subkeys."""

JSON_DEPTH_MAX = 16
"""Deeper than any agreement, shallower than Python's recursion limit."""

JSON_VALUES_MAX = 32 * 1024
"""As many as an agreement of the largest size holds. What is wrong with each may take a kilobyte to say."""

MESSAGE_BYTES_MAX = 16 * 1024 * 1024
"""One message, unpacked: what is held in memory until gpg's verdict."""

STATUS_BYTES_MAX = 256 * 1024
"""gpg's status lines for one message are 2 KB; a message made to produce many is stopped here."""

STATUS_LINE_BYTES_MAX = 4096
"""The longest lines quote a user id, 2 KB at most."""

OUTPUT_SLACK_BYTES = 64 * 1024
"""gpg's ``--max-output`` stops before the 32 KiB block that would pass it.

With this much more, our own count decides."""

LISTING_BYTES_MAX = 1024 * 1024
"""A key listing; a certificate within its bound gives a tenth of this."""

HOME_PATH_CHARACTERS_MAX = 80
"""The agent's socket lies in the home and Unix allows about 107 characters for its path."""

GPG_SECONDS_MAX = 60.0
"""16 MiB take 0.2 s; a message that takes longer than this was made to take long, or the machine stands still."""

SIGNATURE_AHEAD_SECONDS_MAX = 24 * 3600
"""A sender's clock may be this wrong (a wrong time zone), not more.
There is no lower bound: mail may lie for weeks."""

SIGNATURE_SECONDS_WARN = 0.1
"""A signature takes 8-13 ms; ten times that means a protected key with an expensive passphrase derivation."""

OFFER_DAYS = 14
"""How long a handshake file can be accepted: two working weeks for the other admin."""

PROBE_BYTES = (1024, 256 * 1024)
"""The connection test's sizes; the channel's largest chunk is added. A gateway that rewrites shows at 1 KiB,
a size limit later."""

SUBKEY_YEARS = 2
"""Long enough to forget, so warnings start 60 days before."""
