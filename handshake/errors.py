"""What can go wrong when two nodes are paired, whose fault it is, and what happens next.

::

    HandshakeError            a file, key or answer is refused; nothing was changed; ask a person
    ├── NotAHandshake         something else was given
    ├── Unsigned · Altered · Truncated · Malformed
    ├── PassphraseNeeded · PassphraseWrong
    ├── WrongVersion · WrongLink · WrongKey · WrongProof · WrongTranscript
    ├── Expired · Reused · OwnFile
    └── UnusableKey           a key that was good once: expired or revoked
    KeyRingError              the environment's: gpg missing, too old, its agent or its folder in trouble; try again
    Refused                   the sender's: a parcel that is not acceptable; quarantine it with ``reason``
    ImpossibleTransition      ours: an input that the state of the link does not allow

Every text is one sentence for an admin, without secrets.
"""


class HandshakeError(Exception):
    """A handshake file, a key or an answer is refused; nothing was changed."""


class NotAHandshake(HandshakeError):
    """What was given is something else: a key, a detached signature, a picture."""


class Unsigned(HandshakeError):
    """The file carries no signature."""


class Altered(HandshakeError):
    """The file is not what was signed."""


class Truncated(HandshakeError):
    """The end of the file is missing."""


class Malformed(HandshakeError):
    """The document inside breaks the rules of its format."""


class PassphraseNeeded(HandshakeError):
    """The file is encrypted with a passphrase and none was given."""


class PassphraseWrong(HandshakeError):
    """The passphrase does not open the file."""


class WrongVersion(HandshakeError):
    """The document is of a version, protocol or suite that this program does not know."""


class WrongLink(HandshakeError):
    """The document belongs to another link or to another offer."""


class WrongKey(HandshakeError):
    """A certificate is not the one that was named, or not of the kind that we take."""


class WrongProof(HandshakeError):
    """Whoever wrote the acceptance does not know the offer's token."""


class WrongTranscript(HandshakeError):
    """The master confirms another exchange than ours."""


class Expired(HandshakeError):
    """The offer is too old."""


class Reused(HandshakeError):
    """The offer was accepted already, by somebody else."""


class OwnFile(HandshakeError):
    """A node was given the file that it wrote itself."""


class UnusableKey(HandshakeError):
    """A pinned key cannot be used any more."""


class KeyRingError(Exception):
    """GnuPG cannot work here: not the fault of any message."""


class Refused(Exception):
    """A parcel is not acceptable. ``reason`` is a stable code, the text a sentence."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


class ImpossibleTransition(Exception):
    """The state of the link does not allow this input."""


REPLACED = "the message is signed by a key that the partner has replaced"
"""Whoever has the old key, it counts no more."""
