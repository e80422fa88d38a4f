"""``demo``."""

from pathlib import Path
from typing import Annotated

import typer

ALL = 10**9
"""More than any archive holds."""


def add_to(app: typer.Typer) -> None:
    """Put this command into the program."""
    app.command()(demo)


def demo(
    folder: Annotated[Path, typer.Option("--dir", help="Where both companies are built.")] = Path("demo"),
    issues: Annotated[int | None, typer.Option(min=1, help="How many issues (else 300, or all of --data).")] = None,
    data: Annotated[Path | None, typer.Option(help="Real issues: a GitHub issue archive or Jira's REST JSON.")] = None,
    channel: Annotated[str, typer.Option(help="How parcels travel: directory, or mail (as root).")] = "directory",
    keep: Annotated[bool, typer.Option("--keep", help="Leave trackers, nodes and mail servers running.")] = False,
) -> None:
    """Two companies on this machine: real trackers, a handshake, edits on both sides, a crash, an audit."""
    from backbone.demo.run import DemoOptions, run

    count = issues or (ALL if data else 300)
    raise typer.Exit(run(DemoOptions(dir=folder, issues=count, data=data, channel=channel, keep=keep)))
