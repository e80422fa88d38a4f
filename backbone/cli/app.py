"""The program ``backbone``: global options, and what becomes of errors."""

import os
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from backbone.cli import demo, links, lists, nodes, runs
from backbone.cli.here import Here
from backbone.errors import BackboneError

app = typer.Typer(
    help="Replicates issues between the trackers of different companies, store and forward.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(shown: bool) -> None:
    if shown:
        from importlib.metadata import version

        typer.echo(f"backbone {version('backbone-replication')}")
        raise typer.Exit


@app.callback()
def backbone(
    context: typer.Context,
    folder: Annotated[
        Path | None, typer.Option("-C", metavar="DIR", help="The node's folder (else BACKBONE_HOME, else here).")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback when something fails.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """Options that stand before every command."""
    named = folder or Path(os.environ.get("BACKBONE_HOME") or ".")
    context.obj = Here(named, debug=debug)


nodes.add_to(app)
links.add_to(app)
runs.add_to(app)
lists.add_to(app)
demo.add_to(app)


def main() -> None:
    """Run the command line; every failure is one sentence on standard error."""
    try:
        code = app(standalone_mode=False)
    except BackboneError as error:
        _fail(str(error))
        code = error.exit_code
    except typer.Exit as stop:
        code = stop.exit_code
    except TyperException as error:
        _fail(str(error))
        code = 2
    except (typer.Abort, KeyboardInterrupt):
        code = 130
    except Exception as error:  # noqa: BLE001 - the last place where a fault of ours can be told
        _fail(f"a fault in Backbone itself ({type(error).__name__}: {error}); say --debug to see where")
        code = 1
    sys.exit(code or 0)


def _fail(sentence: str) -> None:
    if "--debug" in sys.argv:
        traceback.print_exc()
    typer.echo(f"backbone: {sentence}", err=True)
