"""Options that several commands have, with the same words."""

from pathlib import Path
from typing import Annotated, Any

import typer

from backbone.errors import UsageError

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check everything, say what would be done, do nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Timeout = Annotated[float, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="Give up after so long.")]
TrackerName = Annotated[
    str | None, typer.Option("--tracker", metavar="NAME", help="Which tracker; not needed if there is one only.")
]
Send = Annotated[Path | None, typer.Option("--send", metavar="DIR", help="Where to write; exchange/NAME/SEND.")]
Receive = Annotated[Path | None, typer.Option("--receive", metavar="DIR", help="Where to read; exchange/NAME/RECEIVE.")]
Mapping = Annotated[
    Path | None, typer.Option("--mapping", metavar="FILE", help="TOML: our fields; else those of the same name.")
]
PassphraseFile = Annotated[
    Path | None, typer.Option("--passphrase-file", metavar="FILE", help="Its first line opens or locks the file.")
]

PASSPHRASE_BYTES_MAX = 4096
"""More than anybody reads out on the telephone."""


def passphrase(file: Path | None) -> str | None:
    """The first line of ``file``. Raises ``UsageError``."""
    if file is None:
        return None
    try:
        with file.open("rb") as opened:
            line = opened.read(PASSPHRASE_BYTES_MAX).split(b"\n", 1)[0].rstrip(b"\r").decode()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"the first line of {file} is not UTF-8 text") from error
    if not line:
        raise UsageError(f"the first line of {file} is empty: put the passphrase there")
    return line


def directories(kind: str, send: Path | None, receive: Path | None) -> dict[str, Any]:
    """A channel's settings as the command line gives them; what is not said is left to the service."""
    named = {"send": send, "receive": receive}
    return {"kind": kind} | {key: str(path.expanduser().absolute()) for key, path in named.items() if path is not None}
