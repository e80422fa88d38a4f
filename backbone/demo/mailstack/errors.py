"""What can go wrong with the servers themselves."""

from backbone.errors import BackboneError, Unreachable


class MailStackError(Unreachable):
    """A server did not start or does not answer; the text has the last lines of its log."""


class MailStackNotHere(BackboneError):
    """A machine or a user that cannot run the servers: a program is missing, or the right to start it."""
