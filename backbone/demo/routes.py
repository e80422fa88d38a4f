"""How parcels travel in a demo: all that differs between its channels is behind one port."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from backbone.demo.commands import Commands
from backbone.demo.processes import Processes
from backbone.demo.scene import Company, Scene
from backbone.demo.screen import Screen


class Route(Protocol):
    """What lies between the two companies. The calls come in this order, and every raised sentence is for a person."""

    channel: str
    """The word after ``--channel``."""
    bound_seconds: float
    """What takes longer on this route has failed."""

    def check(self) -> None:
        """Whether it can be here. Touches nothing. Raises ``BackboneError``."""

    def open(self, processes: Processes, screen: Screen) -> None:
        """Before the companies are there: start what both share. Raises ``BackboneError``."""

    def prepare(self, company: Company, commands: Commands) -> None:
        """When a company has its node: what its admin does for the channel. Raises ``BackboneError``."""

    def explain(self, screen: Screen) -> None:
        """When both nodes are ready: say what lies between them."""

    def counted(self) -> Sequence[tuple[str, str]]:
        """Rows for the table at the end."""

    def addresses(self) -> Sequence[tuple[str, str]]:
        """Rows for somebody who keeps the demo."""

    def logs(self) -> Sequence[Path]:
        """Where its programs write, for somebody who looks for what failed."""


class DirectoryRoute:
    """Two directories that both nodes see, through symbolic links."""

    channel = "directory"
    bound_seconds = 60.0

    def __init__(self, scene: Scene) -> None:
        self._exchange = scene.root / "exchange"

    def check(self) -> None:
        """Directories can be everywhere."""

    def open(self, processes: Processes, screen: Screen) -> None:
        """Make both."""
        for name in ("to-slave", "to-master"):
            (self._exchange / name).mkdir(parents=True)

    def prepare(self, company: Company, commands: Commands) -> None:
        """Link them into the node."""
        send, receive = ("to-slave", "to-master") if company.role == "master" else ("to-master", "to-slave")
        folder = company.node / "exchange" / company.partner
        folder.mkdir(parents=True, exist_ok=True)
        for name, target in (("SEND", send), ("RECEIVE", receive)):
            (folder / name).symlink_to(Path("../../../exchange") / target)

    def explain(self, screen: Screen) -> None:
        """In a sentence."""
        screen.say("SEND and RECEIVE of both nodes are symbolic links into exchange/, all that the two share")

    def counted(self) -> Sequence[tuple[str, str]]:
        """Nothing that is worth a row."""
        return ()

    def addresses(self) -> Sequence[tuple[str, str]]:
        """Nothing runs for it."""
        return ()

    def logs(self) -> Sequence[Path]:
        """Nothing runs for it."""
        return ()
