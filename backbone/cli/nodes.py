"""``backbone init`` and ``backbone doctor``."""

from pathlib import Path
from typing import Annotated

import typer

from backbone.cli import show
from backbone.cli.here import here, opened
from backbone.cli.options import AsJson
from backbone.errors import BackboneError, UsageError

app = typer.Typer()

_MARKS = {"ok": "ok", "warning": "WARNING", "problem": "PROBLEM"}


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make; it may exist, and be empty.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="What partners call this node: a-z, 0-9, hyphens.")],
    anchor: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to note how far the store is; outside DIR, not in its backup."),
    ] = None,
) -> None:
    """Make a node.

    A folder with backbone.toml, the store, and room for links and keys.
    """
    from backbone.service.node import create_node

    place = folder.expanduser().absolute()
    anchor = anchor.expanduser().absolute() if anchor is not None else None
    if anchor is not None and anchor.resolve().is_relative_to(place.resolve()):
        raise UsageError(f"{anchor} lies in the node's folder and would be restored with it; name a file elsewhere")
    create_node(place, name, anchor)
    show.say(f"Node {name} was made in {place}.")
    show.say(f"Next: backbone -C {folder} tracker add NAME --kind KIND …, then backbone -C {folder} doctor")


@app.command()
def doctor(
    context: typer.Context,
    as_json: AsJson = False,
    renew_anchor: Annotated[
        bool,
        typer.Option("--renew-anchor", help="First write the missing anchor: you say that this store is the newest."),
    ] = False,
) -> None:
    """Check the node, and say what to do.

    Looks at gpg, permissions, disk, store, anchor, clock, trackers, keys and channels. Ends with 1 when there is a
    problem.

    JSON: problems, warnings, checks[subject, verdict, sentence].
    """
    import asyncio
    from dataclasses import asdict

    from backbone.service import doctor as service

    if renew_anchor:
        _renew_anchor(context)
    found = asyncio.run(service.examine(here(context).path))
    problems = sum(one.verdict == "problem" for one in found)
    warnings = sum(one.verdict == "warning" for one in found)
    if as_json:
        checks = [asdict(one) for one in found]
        show.document({"problems": problems, "warnings": warnings, "checks": checks})
    else:
        show.table(("", "what", "seen, and what to do"), [(_MARKS[o.verdict], o.subject, o.sentence) for o in found])
    if problems:
        raise BackboneError(f"{show.counted(problems, 'problem')}: see the list above")
    if not as_json:
        show.say(f"No problem, {show.counted(warnings, 'warning')}.")


def _renew_anchor(context: typer.Context) -> None:
    from backbone.service.node import Node, judge, renew_anchor
    from backbone.store.anchor import Finding

    async def renew(node: Node) -> None:
        verdict = judge(node)
        if verdict.finding is not Finding.MISSING:
            why = verdict.sentence or "the anchor agrees with the store"
            raise UsageError(f"only a missing anchor can be renewed, but {why}")
        renew_anchor(node)
        show.remark(f"the anchor {node.anchor_path} was written")

    opened(context, renew)
