"""Telling a program by HTTPS. The one place that imports httpx2."""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from backbone.errors import Unreachable

TIMEOUT_SECONDS = 20.0
RETRY_AFTER_SECONDS_MAX = 24 * 3600.0


class NotTaken(Unreachable):
    """The program at the other end did not take it; ``retry_after`` are the seconds it asked for, where it did."""

    def __init__(self, sentence: str, retry_after: float = 0.0) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


async def post(url: str, content: Mapping[str, Any], ca_file: Path | None = None) -> None:
    """One JSON object; taken when the answer is 2xx. ``content["id"]`` is the Idempotency-Key of all its repetitions.

    No redirection is followed, nothing of the answer is read. Raises ``NotTaken``, whose sentence names the host alone:
    the rest of an address may be a secret.
    """
    host = urlsplit(url).hostname
    try:
        async with httpx2.AsyncClient(timeout=TIMEOUT_SECONDS, verify=_trust(ca_file)) as client:
            request = client.build_request("POST", url, json=content, headers={"Idempotency-Key": str(content["id"])})
            answer = await client.send(request, stream=True)
            await answer.aclose()
    except (httpx2.HTTPError, httpx2.InvalidURL, ssl.SSLError) as error:
        raise NotTaken(f"the webhook at {host} cannot be reached ({type(error).__name__}): see that it is up") from None
    if not answer.is_success:
        wait = answer.headers.get("Retry-After", "")
        seconds = float(wait) if wait.isascii() and wait.isdigit() else 0.0
        raise NotTaken(
            f"the webhook at {host} answered {answer.status_code}: correct its address in [alarms]",
            min(seconds, RETRY_AFTER_SECONDS_MAX),
        )


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    """An own authority is trusted instead of the system's, not beside them."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise NotTaken(f"the CA file {ca_file} cannot be read ({error}): name a file in PEM form") from error
