"""``python -m backbone.demo.mailstack FOLDER ADDRESS...``: the servers with these accounts, until Ctrl-C or SIGTERM."""

import os
import signal
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

from backbone.demo.mailstack.standing import Standing, stand
from backbone.errors import BackboneError, UsageError


def main(words: list[str]) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # The servers' users must get into the folder, whatever the person at the terminal has set.
    os.umask(0o022)
    if len(words) < 2 or words[0].startswith("-") or not all("@" in address for address in words[1:]):
        sys.stderr.write("usage: python -m backbone.demo.mailstack FOLDER ADDRESS...\n")
        return UsageError.exit_code
    try:
        with ExitStack() as until_closed:
            folder = Path(words[0]).absolute()
            sys.stdout.write(describe(folder, stand(folder, words[1:], until_closed)))
            sys.stdout.flush()
            threading.Event().wait()
    except BackboneError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return 0
    return 0


def describe(folder: Path, standing: Standing) -> str:
    """For the person at the terminal: where the servers are, and how to log in."""
    ports = standing.ports
    lines = [
        f"Postfix and Dovecot run in {folder} until you press Ctrl-C; accounts and mails stay there.",
        "",
        f"  send     localhost port {ports.smtp} with STARTTLS, or {ports.smtps} with TLS",
        f"  receive  localhost port {ports.imap} with STARTTLS, or {ports.imaps} with TLS",
        f"  trust    {standing.ca_file}",
        "",
        "Give each node its account:",
        "",
        *(f"  backbone mail add --file {file}" for file in standing.account_files.values()),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
