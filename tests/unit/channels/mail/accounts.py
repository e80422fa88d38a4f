"""A channel's settings for an account of the test servers."""

from pathlib import Path
from typing import Any

from backbone.demo.mailstack import Account, MailStack

TAG = "00c0ffee00c0ffee"


def settings_for(stack: MailStack, folder: Path, account: Account, partner: Account, **more: Any) -> dict[str, Any]:
    """As an admin would write them, with nothing to wait for; the password lies in ``folder``.

    ``smtp`` and ``imap`` among ``more`` add to those tables.
    """
    secret = folder / account.user
    secret.write_text(account.password + "\n")
    secret.chmod(0o600)
    smtp = {"host": "localhost", "port": stack.ports.smtps, "ca_file": str(stack.ca_file)}
    login = {"user": account.user, "password_file": str(secret)}
    if "oauth" not in more.get("smtp", {}) and "token_command" not in more.get("smtp", {}):
        smtp |= login
    else:
        smtp |= {"user": account.user}
    return {
        "tag": TAG,
        "address": account.address,
        "partner": partner.address,
        "linger_seconds": 0.0,
        "ack_delay_seconds": 0.0,
        "resend_floor_seconds": 1.0,
        "per_hour": 100_000,
        "per_day": 100_000,
        "timeout_seconds": 10.0,
        **more,
        "smtp": {**smtp, **more.get("smtp", {})},
        "imap": {"port": stack.ports.imaps, **more.get("imap", {})},
    }
