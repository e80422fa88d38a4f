"""The command ``backbone`` itself: the node it works on, its version, and how errors end it.

Modules that take long to import are imported where they are used: ``backbone --help`` answers in 0.1 s.
"""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from backbone.cli import audit, conflicts, demo, handshakes, links, nodes, queue, running, states, trackers
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
        except BackboneError as error:
            raise typer.Exit(_explained(error, ctx.find_object(Here))) from error
        except Exception as error:
            if type(error).__module__.split(".")[0] in ("typer", "click"):
                raise
            raise typer.Exit(_unexpected(error, ctx.find_object(Here))) from error


app = typer.Typer(
    cls=_Root,
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (nodes, running, states, audit, demo):
    for command in module.app.registered_commands:
        app.registered_commands.append(command)
for name, group in (
    ("tracker", trackers.app),
    ("link", links.app),
    ("handshake", handshakes.app),
    ("queue", queue.app),
    ("conflict", conflicts.app),
):
    app.add_typer(group, name=name)


def main() -> None:
    """The entry point of the distribution."""
    app()


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"backbone {version('backbone-replication')}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    node: Annotated[
        Path, typer.Option("-C", metavar="DIR", envvar="BACKBONE_HOME", help="The node's folder.", show_default="here")
    ] = Path(),
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it.")] = False,
) -> None:
    """Replicates issues between the trackers of different companies, store and forward, signed and encrypted.

    Every command ends with 0 (done), 1 (failed), 2 (wrong usage), 3 (configuration wrong), 4 (tracker, mailbox or
    share out of reach), 5 (signature, key or handshake refused) or 6 (differences, conflicts or quarantined items).
    """
    context.obj = Here(node.absolute(), debug=debug)


def _explained(error: BackboneError, here: Here | None) -> int:
    from backbone.cli.show import complain

    if here is not None and here.debug:
        _trace(error)
    complain(str(error))
    return error.exit_code


def _unexpected(error: Exception, here: Here | None) -> int:
    """What a part below could not say as one of our errors; a fault of ours leaves its traceback in a file."""
    from backbone.cli.show import complain
    from backbone.service.explaining import explain

    known = explain(error)
    if known is not None:
        return _explained(known, here)
    if here is not None and here.debug:
        _trace(error)
        where = "the traceback stands above"
    else:
        where = f"the traceback is in {_note(error, here)}"
    complain(f"a fault in Backbone itself ({type(error).__name__}): {where}; please report it")
    return BackboneError.exit_code


def _trace(error: Exception) -> None:
    import traceback

    traceback.print_exception(error, file=sys.stderr)


def _note(error: Exception, here: Here | None) -> Path:
    """Below the node's folder where there is one, else in a new file of its own."""
    import tempfile
    import time
    import traceback

    text = f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}\n{''.join(traceback.format_exception(error))}\n"
    if here is not None and (here.path / "backbone.toml").is_file():
        file = here.path / "logs" / "faults.log"
        try:
            file.parent.mkdir(mode=0o700, exist_ok=True)
            with file.open("a", encoding="utf-8") as log:
                log.write(text)
        except OSError:
            pass
        else:
            return file
    with tempfile.NamedTemporaryFile("w", prefix="backbone-fault-", suffix=".log", delete=False) as log:
        log.write(text)
        return Path(log.name)
