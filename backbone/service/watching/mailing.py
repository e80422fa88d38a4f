"""Mail accounts: tried before they are believed."""

from collections.abc import Mapping, Sequence
from typing import Any

from backbone.errors import Unreachable
from channels.base import INFORMATION, ChannelError

_NO_LINK = "0" * 16
"""The tag of no link: parcels of all links are left alone."""


async def try_account(settings: Mapping[str, Any], *, by_mail: bool = True) -> Sequence[str]:
    """Log in on both servers, make the folder, compare the size limits, send a mail to oneself and see it arrive.

    Returns what is good to know, a sentence each. Raises ``Unreachable`` with all that has to be done; then nothing
    but the folder for processed mail was made.
    """
    from channels.mail import connect

    try:
        channel = connect({**settings, "tag": _NO_LINK})
        try:
            found = await (channel.check_by_mail() if by_mail else channel.check())
        finally:
            await channel.close()
    except ChannelError as error:
        raise Unreachable(str(error)) from error
    problems = [sentence for sentence in found if not sentence.startswith(INFORMATION)]
    if problems:
        raise Unreachable("; ".join(problems))
    return [sentence.removeprefix(INFORMATION) for sentence in found]
