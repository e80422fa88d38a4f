"""The way into a mailbox: connect, protect, log in."""

import asyncio
import re
import socket
import ssl
from contextlib import suppress

from channels.base import ChannelError, ChannelUnavailable
from channels.mail import hardened, trouble
from channels.mail.hardened import Protocol, quoted
from channels.mail.imap import Imap
from channels.mail.oauth import Credentials, Proof
from channels.mail.settings import Server

_TEMPORARY = re.compile(rb"\[(UNAVAILABLE|INUSE|LIMIT|OVERQUOTA)\]|too many|try again|temporar", re.IGNORECASE)


async def connect(
    server: Server, context: ssl.SSLContext | None, credentials: Credentials, timeout_seconds: float
) -> Imap:
    """Connect, protect, log in. Raises ``ChannelUnavailable`` and ``ChannelError``."""
    loop = asyncio.get_running_loop()
    at_once = context if server.security == "tls" else None
    try:
        async with asyncio.timeout(timeout_seconds):
            transport, protocol = await loop.create_connection(Protocol, server.host, server.port, ssl=at_once)
    except (OSError, ssl.SSLError) as error:
        raise trouble.network(error, server.place) from error
    _keep_alive(transport)
    imap = Imap(server, protocol, timeout_seconds)
    try:
        await _greet(imap, protocol)
        if server.security == "starttls" and context is not None:
            await _protect(imap, protocol, context)
        await _log_in(imap, protocol, credentials)
    except BaseException:
        imap.drop()
        raise
    return imap


async def _greet(imap: Imap, protocol: Protocol) -> None:
    line = await imap.within(asyncio.shield(protocol.greeted), "greeting")
    if line.startswith(b"* PREAUTH"):
        raise ChannelError(f"{imap.server.place} lets anybody in without a log-in: that is no server for this")
    if not line.startswith(b"* OK"):
        raise ChannelUnavailable(f"{imap.server.place} does not serve us ({trouble.shown(line)}): it is tried again")
    await _learn(imap)


async def _learn(imap: Imap) -> None:
    lines = await imap.do("say what it can", "CAPABILITY")
    imap.capabilities = frozenset(bytes(lines[0]).decode("ascii", "replace").upper().split())


async def _protect(imap: Imap, protocol: Protocol, context: ssl.SSLContext) -> None:
    """STARTTLS or nothing (RFC 3501, section 6.2.1): never on in plain text."""
    server = imap.server
    if "STARTTLS" not in imap.capabilities:
        raise ChannelError(f"{server.place} offers no STARTTLS: use security = 'tls' with its port, usually 993")
    await imap.do("use TLS", "STARTTLS")
    await imap.within(protocol.start_tls(context, server.host), "STARTTLS")
    await _learn(imap)


async def _log_in(imap: Imap, protocol: Protocol, credentials: Credentials) -> None:
    proof = await credentials.proof()
    words = await _show(imap, protocol, proof)
    if words is not None and proof.is_token and imap.alive:
        words = await _show(imap, protocol, await credentials.proof(refused=proof))
    if words is not None:
        if _TEMPORARY.search(words):
            raise ChannelUnavailable(
                f"{imap.server.place} cannot log us in now ({trouble.shown(words)}): it is tried again"
            )
        raise trouble.login(imap.server.place, imap.server.user, words)
    protocol.state = hardened.AUTH
    await _learn(imap)


async def _show(imap: Imap, protocol: Protocol, proof: Proof) -> bytes | None:
    """The server's words if it refuses."""
    user, text = imap.server.user, proof.secret.reveal()
    if proof.is_token:
        if "AUTH=XOAUTH2" not in imap.capabilities:
            raise ChannelError(
                f"{imap.server.place} does not take tokens (XOAUTH2): use a password, or ask the provider"
            )
        words = ("AUTHENTICATE", "XOAUTH2", hardened.xoauth2(user, text))
    else:
        if "LOGINDISABLED" in imap.capabilities:
            raise ChannelError(f"{imap.server.place} takes no password here: use security = 'tls', or a token")
        words = ("LOGIN", quoted(user), quoted(text))
    result, lines = await imap.within(protocol.run(*words), "the log-in")
    return None if result == "OK" else bytes(lines[-1])


def _keep_alive(transport: asyncio.Transport) -> None:
    """A peer that vanished is noticed by the system within minutes even where nothing is sent."""
    raw = transport.get_extra_info("socket")
    with suppress(OSError, AttributeError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 120)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 30)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4)
