"""``backbone demo``: two companies on this machine."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def demo(
    folder: Annotated[Path, typer.Option("--dir", metavar="DIR", help="Where to build both companies.")] = Path("demo"),
    issues: Annotated[int, typer.Option(metavar="N", min=1, help="How many issues to make up.")] = 300,
    data: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Real issues: a GitHub archive or Jira's REST JSON.")
    ] = None,
    channel: Annotated[str, typer.Option(metavar="KIND", help="How parcels travel.")] = "directory",
    keep: Annotated[bool, typer.Option("--keep", help="Leave trackers and nodes running.")] = False,
) -> None:
    """Play two companies on this machine.

    Each has a real tracker; they are paired, filled with issues, edited, one node is killed, and all is compared.
    """
    from importlib import import_module

    play = import_module("backbone.demo.run")
    raise typer.Exit(play.run(play.DemoOptions(dir=folder, issues=issues, data=data, channel=channel, keep=keep)))
