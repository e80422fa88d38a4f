"""What servers, TLS and the network say, as one sentence for an admin. Pure.

The class of the error is the policy: ``ChannelUnavailable`` heals by itself, ``ChannelRefused`` is about this
parcel, a plain ``ChannelError`` waits for a person.
"""

import re
import socket
import ssl
from collections.abc import Iterator

from channels.base import ChannelError, ChannelRefused, ChannelUnavailable
from channels.mail.limits import WORDS_MAX

_FULL = re.compile(r"\b[45]\.2\.2\b|quota|mailbox (is )?full", re.IGNORECASE)
_SIZE = re.compile(r"\b5\.(3\.4|2\.3)\b|message size|too (large|big)|size limit", re.IGNORECASE)
_HEALS = re.compile(
    r"\b5\.4\.5\b|daily (user )?sending|rate limit|too many messages|limit exceeded|insufficient (system )?storage",
    re.IGNORECASE,
)
"""A provider's limit for senders, or a disk of the server."""
_SHUT_OUT = "it is tried again"


def shown(words: str | bytes) -> str:
    """A server's words: one line, printable, not endless."""
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    text = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return text if len(text) <= WORDS_MAX else text[: WORDS_MAX - 2] + " …"


def network(error: BaseException, place: str) -> ChannelError:
    """Why no connection to ``place`` (``imap.example:993``) came about, or why it ended."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return ChannelError(
                f"the certificate of {place} is not accepted ({shown(getattr(cause, 'verify_message', ''))}): "
                "correct the host name, or name the CA that signed it in ca_file"
            )
        if isinstance(cause, ssl.SSLError):
            return ChannelError(
                f"{place} does not agree on TLS ({shown(cause.reason or str(cause))}): compare security "
                "and port with what the provider says, and the client certificate if it wants one"
            )
        if isinstance(cause, socket.gaierror):
            return ChannelUnavailable(f"the name of {place} is not known: correct host, or look at the name server")
        if isinstance(cause, ConnectionRefusedError):
            return ChannelUnavailable(f"nothing listens at {place}: correct host and port, or look whether it runs")
        if isinstance(cause, TimeoutError):
            return ChannelUnavailable(
                f"{place} did not answer in time: {_SHUT_OUT}; if it stays so, compare port and security with what the "
                "provider says, and look at the network"
            )
    return ChannelUnavailable(
        f"the connection to {place} broke ({shown(str(error) or type(error).__name__)}): {_SHUT_OUT}"
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in seen:
        yield at
        seen.append(at)
        at = at.__cause__ or at.__context__


def login(place: str, user: str, words: str | bytes) -> ChannelError:
    """The server does not want this account; its words, never the secret."""
    return ChannelError(
        f"{place} refuses the log-in of {user} ({shown(words)}): "
        "correct user and secret, and ask whether programs may log in with it"
    )


def sending(code: int, words: str, place: str) -> ChannelError:
    """An answer to a mail as a whole: at MAIL FROM, or after its content (RFC 5321, 4.2; RFC 3463)."""
    said = _said(code, words, place)
    if _is_full(words):
        return ChannelUnavailable(
            f"{said}: a mailbox is full, the partner's or your own, make room or ask them to; it is sent again later"
        )
    if code < 500 or _HEALS.search(words):
        return ChannelUnavailable(f"{said}: it is sent again later")
    if code in (523, 552) or _SIZE.search(words):
        return ChannelRefused(f"{said}: the mail is too large, set size_max to what both providers take")
    return ChannelRefused(f"{said}: ask the provider why it does not take this mail")


def _is_full(words: str) -> bool:
    """A mailbox, and not the number of mails that may be sent."""
    return _FULL.search(words) is not None and _HEALS.search(words) is None


def _said(code: int, words: str, place: str) -> str:
    return f"{place} answers {code} {shown(words)}"


def sender(code: int, words: str, place: str, address: str) -> ChannelError:
    """The server will not take mail from this address."""
    if _is_full(words):
        return ChannelUnavailable(
            f"{_said(code, words, place)}: your own mailbox there is full, make room in it; it is sent again later"
        )
    if code < 500 or _HEALS.search(words) or _SIZE.search(words):
        return sending(code, words, place)
    return ChannelError(
        f"{place} takes no mail from {address} ({code} {shown(words)}): "
        "address must be one that the account may send from"
    )


def recipient(code: int, words: str, place: str, address: str) -> ChannelError:
    """The server will not take mail for the partner."""
    if _is_full(words):
        return ChannelUnavailable(
            f"{_said(code, words, place)}: the partner's mailbox is full, ask them to make room; it is sent again later"
        )
    if code < 500 or _HEALS.search(words):
        return sending(code, words, place)
    return ChannelError(
        f"{place} takes no mail for {address} ({code} {shown(words)}): correct the partner's address, or ask them"
    )


def greeting(code: int, words: str, place: str) -> ChannelError:
    """A submission server that does not want to talk at all."""
    return ChannelUnavailable(f"{place} does not serve us ({code} {shown(words)}): it is tried again")
