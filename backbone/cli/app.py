"""The program ``backbone``: global options, and what becomes of errors."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from backbone.cli import (
    alarms,
    audits,
    backups,
    demo,
    evidences,
    handshakes,
    keys,
    links,
    lists,
    mails,
    nodes,
    queues,
    runs,
)
from backbone.cli.here import Here
from backbone.errors import BackboneError

INTERRUPTED = 130


class _Root(TyperGroup):
    """Ends every command with one sentence and the exit code of its error."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        except (typer.Exit, typer.Abort, TyperException):
            raise
        except Exception as error:
            raise typer.Exit(_ended(error, ctx.find_object(Here))) from error


app = typer.Typer(
    cls=_Root,
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
        Path, typer.Option("-C", metavar="DIR", envvar="BACKBONE_HOME", show_default=False, help="The node's folder.")
    ] = Path(),
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback when something fails.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """Options that stand before every command."""
    # Links write paths into their files: they must mean the same from every folder.
    context.obj = Here(folder.expanduser().absolute(), debug=debug)


for part in (nodes, mails, links, handshakes, keys, runs, audits, queues, lists, alarms, backups, evidences, demo):
    part.add_to(app)


def main() -> None:
    """Run the command line; every failure is one sentence on standard error."""
    app()


def _ended(error: Exception, here: Here | None) -> int:
    """The exit code, after its sentence. Most parts raise our errors; for the rest the service knows what they mean."""
    known = error if isinstance(error, BackboneError) else _explained(error)
    debug = here is not None and here.debug
    if debug:
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    if known is not None:
        _fail(str(known))
        return known.exit_code
    where = "see above" if debug else f"the traceback is in {_noted(error, here)}"
    _fail(f"a fault in Backbone itself ({type(error).__name__}): {where}; please report it")
    return BackboneError.exit_code


def _explained(error: Exception) -> BackboneError | None:
    from backbone.service.explaining import explain

    return explain(error)


def _noted(error: Exception, here: Here | None) -> Path:
    """Where the traceback went: below the node's folder where there is one, else into a new file of its own."""
    import tempfile
    import time
    import traceback
    from contextlib import suppress

    text = f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}\n{''.join(traceback.format_exception(error))}\n"
    if here is not None and (here.path / "backbone.toml").is_file():
        file = here.path / "logs" / "faults.log"
        with suppress(OSError):
            file.parent.mkdir(mode=0o700, exist_ok=True)
            with file.open("a", encoding="utf-8") as log:
                log.write(text)
            return file
    with tempfile.NamedTemporaryFile("w", prefix="backbone-fault-", suffix=".log", delete=False) as log:
        log.write(text)
        return Path(log.name)


def _fail(sentence: str) -> None:
    from backbone.cli.show import printable

    typer.echo(f"backbone: {printable(sentence)}", err=True)
