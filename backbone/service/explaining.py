"""What the parts below say when something fails, as an error that the command line can end with."""

from backbone.errors import BackboneError, HandshakeRefused, Unreachable
from channels.base import ChannelError
from handshake.errors import HandshakeError, KeyRingError, Refused


def explain(error: BaseException) -> BackboneError | None:
    """The same failure for a person, or ``None`` where it is a fault of ours. Looks into groups for the first one."""
    if isinstance(error, BackboneError):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next((found for inner in error.exceptions if (found := explain(inner)) is not None), None)
    if isinstance(error, HandshakeError | Refused):
        return HandshakeRefused(str(error))
    if isinstance(error, ChannelError | KeyRingError):
        return Unreachable(str(error))
    if isinstance(error, OSError) and error.filename is not None:
        return BackboneError(f"{error.filename}: {error.strerror}; check its owner, its permissions and its disk")
    return None
