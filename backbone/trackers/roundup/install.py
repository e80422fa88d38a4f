"""A Roundup tracker from nothing, for the demo and the tests."""

import subprocess
import sys
from pathlib import Path

from backbone.errors import ConfigError

QUICK_HASH_ROUNDS = 1000
"""For trackers on loopback only: Roundup's own 250,000 rounds make each log-in over REST last a fifth of a second."""


def install(home: Path, template: str, name: str, url: str, password: str) -> None:
    """Make a tracker in ``home`` (which must not exist or be empty) and its ``admin`` with this password.

    ``url`` is where its pages will be, port included: Roundup compares it with the browser's Origin. Mail goes into
    ``mail.log`` in its home. Raises ``ConfigError`` with what ``roundup-admin`` said.
    """
    options = {
        "tracker_web": url if url.endswith("/") else f"{url}/",
        "tracker_name": name,
        "admin_email": "admin@example.com",
        "mail_domain": "example.com",
        "mail_host": "localhost",
        "mail_debug": str(home / "mail.log"),
        "web_enable_rest": "yes",
        "web_enable_xmlrpc": "yes",
        "password_pbkdf2_default_rounds": str(QUICK_HASH_ROUNDS),
    }
    for option, value in options.items():
        if "," in value:
            raise ConfigError(f"{option} of a Roundup tracker cannot hold a comma: {value!r}; choose another")
    home.mkdir(parents=True, exist_ok=True)
    _admin(home, "install", template, "sqlite", ",".join(f"{option}={value}" for option, value in options.items()))
    _admin(home, "initialise", password)


def _admin(home: Path, *command: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-m", "roundup.scripts.roundup_admin", "-i", str(home), *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0 or not (home / "config.ini").exists():
        said = (done.stderr or done.stdout).strip().splitlines()
        raise ConfigError(f"roundup-admin could not {command[0]} {home}: {said[-1] if said else 'no reason given'}")
