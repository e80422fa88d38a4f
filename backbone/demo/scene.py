"""Where everything of a demo stands: folders, names, addresses, and the two companies."""

import os
import secrets
import shutil
import socket
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from backbone.errors import UsageError

ROOT_BYTES_MAX = 60
"""GnuPG's agent puts sockets into ``master/g/<8 hex>``, and the path of a socket is short."""
MARKER = ".backbone-demo"
"""In a folder that we made and may wipe."""
_MARKER_TEXT = "Made by `backbone demo`, which deletes this folder at its next start.\n"


@dataclass(frozen=True)
class Company:
    """One side: its node and its tracker."""

    role: str
    """``master`` or ``slave``, also the node's folder."""
    name: str
    """The node's name."""
    partner: str
    """What this side calls the link."""
    template: str
    issue_class: str
    root: Path
    person: str
    """The log-in of somebody who works in this tracker."""
    status: str
    severity: str
    assignee: str
    labels: str
    related: str
    port: int
    password: str

    @property
    def node(self) -> Path:
        return self.root / self.role

    @property
    def tracker(self) -> Path:
        return self.root / f"{self.role}-tracker"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def log(self) -> Path:
        return self.root / f"{self.role}.log"

    @property
    def web_log(self) -> Path:
        return self.root / f"{self.role}-tracker.log"

    @property
    def mapping(self) -> Path:
        return self.root / f"{self.role}-mapping.toml"


class Scene:
    """The folder of one demo."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.handshake = root / "handshake.asc"
        self.agreement = root / "agreement.toml"
        self.processes = root / "processes"

    @cached_property
    def master(self) -> Company:
        """Acme, a car maker, with the classic template."""
        return Company(
            role="master", name="acme", partner="beta", template="classic", issue_class="issue", root=self.root,
            person="ann", status="status", severity="priority", assignee="assignedto", labels="keyword",
            related="superseder", port=_free_port(), password=secrets.token_urlsafe(9),
        )  # fmt: skip

    @cached_property
    def slave(self) -> Company:
        """Beta, its supplier, with the responsive template."""
        return Company(
            role="slave", name="beta", partner="acme", template="responsive", issue_class="bug", root=self.root,
            person="bo", status="status", severity="severity", assignee="assignee", labels="keywords",
            related="dependencies", port=_free_port(), password=secrets.token_urlsafe(9),
        )  # fmt: skip

    @property
    def companies(self) -> tuple[Company, Company]:
        return self.master, self.slave

    def is_ours(self) -> bool:
        """Whether an earlier demo made this folder."""
        return (self.root / MARKER).is_file()

    def check(self) -> None:
        """Raises ``UsageError`` for a folder that holds something of somebody else."""
        if self.root.exists() and not self.is_ours() and (not self.root.is_dir() or any(self.root.iterdir())):
            raise UsageError(f"{self.root} holds something that is not a demo of ours; name another folder with --dir")
        if len(os.fsencode(self.root)) > ROOT_BYTES_MAX:
            raise UsageError(
                f"{self.root} is a longer path than GnuPG can work with ({ROOT_BYTES_MAX} bytes); "
                "name a shorter one with --dir (make demo DEMO_DIR=), /tmp/demo for example"
            )

    def wipe(self) -> None:
        """An empty folder of ours. Raises ``UsageError``."""
        self.check()
        while self.root.exists():
            with suppress(FileNotFoundError):  # gpg's agents take their sockets away themselves meanwhile
                shutil.rmtree(self.root)
        self.root.mkdir(parents=True, mode=0o700)
        (self.root / MARKER).write_text(_MARKER_TEXT, encoding="utf-8")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
