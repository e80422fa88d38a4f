"""What can go wrong, whose fault it is, and what the command line answers.

Every error's text is one sentence for an admin: what is wrong, where, what to do. ``exit_code`` is
what the command line ends with when the error reaches it (see the table in the README).
"""


class BackboneError(Exception):
    """Any failure that we can explain to a person."""

    exit_code = 1


class UsageError(BackboneError):
    """The command was called in a way that cannot work."""

    exit_code = 2


class ConfigError(BackboneError):
    """A file of ours says something that cannot be; names the file and, where known, the line."""

    exit_code = 3


class Unreachable(BackboneError):
    """A tracker, mailbox or share does not answer: the environment's fault, tried again later."""

    exit_code = 4


class TrackerUnavailable(Unreachable):
    """The tracker does not answer or is busy: nothing was written, or nobody can say yet."""


class HandshakeRefused(BackboneError):
    """A signature, key or handshake is refused; nothing was changed."""

    exit_code = 5


class Differences(BackboneError):
    """The command did its work and found differences, conflicts or quarantined items."""

    exit_code = 6


class PeerError(BackboneError):
    """The peer sent something that our protocol does not allow: quarantined, never applied."""
