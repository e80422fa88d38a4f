"""A stack that stands in a process of its own, and the file by which another finds its way to it."""

import json
import os
import secrets
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from backbone.demo.mailstack.settings import HOST, Ports
from backbone.demo.mailstack.stack import MailStack

DESCRIPTION = "stack.json"
"""There while the servers answer; left behind only by ``kill -9``."""
PORTS = "ports.json"
_ACCOUNT = """# Receiving takes from sending what it does not say itself.
address = "{address}"

[smtp]
host = "localhost"
port = {ports.smtps}
security = "tls"
user = "{address}"
password_file = "{password_file}"
ca_file = "{ca_file}"

[imap]
host = "localhost"
port = {ports.imaps}
security = "tls"
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a client needs: the servers' ports, whom to trust, and for each address the file with its password.

    ``account_files`` say the same for each address in the words of a link's file: ``address``, ``smtp`` and ``imap``.
    """

    host: str
    ports: Ports
    ca_file: Path
    password_files: dict[str, Path]
    account_files: dict[str, Path]


def stand(folder: Path, addresses: Sequence[str], until_closed: ExitStack) -> Standing:
    """Start a stack, with the ports and passwords that it had before; its description is written when it answers."""
    file = folder / DESCRIPTION
    file.unlink(missing_ok=True)
    stack = until_closed.enter_context(MailStack(folder, ports=_ports(folder / PORTS)))
    (folder / PORTS).write_text(json.dumps(asdict(stack.ports)) + "\n", encoding="ascii")
    until_closed.callback(file.unlink, missing_ok=True)
    for address in addresses:
        _add_account(stack, address)
    standing = Standing(
        HOST,
        stack.ports,
        stack.ca_file,
        {address: _password_file(stack, address) for address in addresses},
        {address: _account_file(stack, address) for address in addresses},
    )
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps(asdict(standing), default=str, indent=2) + "\n", encoding="utf-8")
    draft.replace(file)
    return standing


def read(folder: Path) -> Standing | None:
    """What stands there; ``None`` while it is not ready."""
    try:
        found: dict[str, Any] = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Standing(
        found["host"],
        Ports(**found["ports"]),
        Path(found["ca_file"]),
        *(
            {address: Path(file) for address, file in found[name].items()}
            for name in ("password_files", "account_files")
        ),
    )


def _ports(file: Path) -> Ports | None:
    """Nodes know the ports: after a restart they are the same."""
    try:
        return Ports(**json.loads(file.read_text(encoding="ascii")))
    except FileNotFoundError:
        return None


def _add_account(stack: MailStack, address: str) -> None:
    file = _password_file(stack, address)
    if not file.exists():
        file.parent.mkdir(mode=0o700, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(12) + "\n", encoding="ascii")
        _give(file.parent)
        _give(file)
    stack.add_account(address, file.read_text(encoding="ascii").strip())
    account_file = _account_file(stack, address)
    account_file.parent.mkdir(exist_ok=True)
    account_file.write_text(account_text(stack, address, file), encoding="utf-8")


def account_text(stack: MailStack, address: str, password_file: Path) -> str:
    """What an admin writes about an account on these servers, for ``backbone mail add --file``."""
    return _ACCOUNT.format(address=address, ports=stack.ports, password_file=password_file, ca_file=stack.ca_file)


def _give(path: Path) -> None:
    """To the person behind ``sudo``, who runs the nodes."""
    if "SUDO_UID" in os.environ:
        os.chown(path, int(os.environ["SUDO_UID"]), int(os.environ["SUDO_GID"]))


def _account_file(stack: MailStack, address: str) -> Path:
    return stack.folder / "accounts" / f"{address}.toml"


def _password_file(stack: MailStack, address: str) -> Path:
    return stack.folder / "passwords" / address
