"""``evidence`` and ``prune``: what can be proved to a third party, and how long it is kept."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from backbone.cli import show
from backbone.cli.here import here

evidence = typer.Typer(help="What can be proved about an issue.", no_args_is_help=True, rich_markup_mode=None)
Json = Annotated[bool, typer.Option("--json", help="For programs: stable keys.")]


def add_to(app: typer.Typer) -> None:
    """Put these commands into the program."""
    app.add_typer(evidence, name="evidence")
    app.command()(prune)


@evidence.command("export")
def evidence_export(
    context: typer.Context,
    issue: Annotated[str, typer.Argument(help="The issue, as your tracker names it.")],
    link: Annotated[str | None, typer.Option("--link", help="The link, where the issue is shared on several.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The new folder; evidence-ISSUE otherwise.")] = None,
    json: Json = False,
) -> None:
    """Write a folder that a third party checks with gpg and the README inside, without Backbone.

    JSON: folder, link, issue, sent, unanswered, receipts, received, others, lost.
    """
    from backbone.service.evidence.exporting import export

    safe = "".join(c if c.isalnum() or c in "-_." else "-" for c in issue)[:80]
    folder = (out or Path(f"evidence-{safe}")).expanduser().absolute()
    done = here(context).run(lambda node: export(node, issue, folder, link))
    if json:
        show.as_json(asdict(done))
        return
    typer.echo(f"{folder}: {done.sent} change sets sent, {done.receipts} signed receipts about them, {done.received} "
               f"change sets received. README.md in it says how to check them.")  # fmt: skip
    if done.unanswered:
        typer.echo(f"About {done.unanswered} of those sent no receipt came yet: try again later.")
    if done.others:
        typer.echo(f"The partner's signed messages in it speak of {done.others} other issues, too: a signature covers "
                   "all that was sent together. Look at them before you hand the folder over.")  # fmt: skip
    if done.lost:
        typer.echo(f"{done.lost} parcels of the partner's could not be opened any more and are not in it.")


def prune(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be forgotten.")] = False,
    json: Json = False,
) -> None:
    """Forget what nothing needs any more. A running node does so by itself, once an hour.

    Evidence stays for evidence_days in backbone.toml, messages for 35 days beyond their acknowledgement.
    JSON: a list of link, evidence, messages, files, evidence_days.
    """
    from backbone.service.running.pruning import prune_node

    done = here(context).run(lambda node: prune_node(node, dry_run=dry_run), exclusive=not dry_run)
    if json:
        show.as_json([asdict(one) for one in done])
        return
    verb = "would be forgotten" if dry_run else "are forgotten"
    for one in done:
        typer.echo(f"{one.link}: {one.messages} messages, {one.evidence} pieces of evidence older than "
                   f"{one.evidence_days} days and {one.files} files {verb}")  # fmt: skip
    if not done:
        typer.echo("No link has a partner yet: there is nothing to forget.")
