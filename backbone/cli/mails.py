"""``mail``: accounts at mail servers, for links that travel by mail."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from backbone.cli import show
from backbone.cli.here import here
from backbone.errors import UsageError

mail = typer.Typer(help="Mail accounts, for links by mail.", no_args_is_help=True, rich_markup_mode=None)
Json = Annotated[bool, typer.Option("--json", help="For programs.")]
Settings: TypeAlias = dict[str, Any]


def add_to(app: typer.Typer) -> None:
    """Put these commands into the program."""
    app.add_typer(mail, name="mail")


@mail.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A word for it, for example main.")] = "main",
    file: Annotated[Path | None, typer.Option(help="A TOML file with all of it, instead of the options.")] = None,
    address: Annotated[str | None, typer.Option(help="Its address: ann@acme.example.")] = None,
    host: Annotated[str | None, typer.Option(help="The server, where one does both halves.")] = None,
    smtp_host: Annotated[str | None, typer.Option(help="The server that sends.")] = None,
    smtp_port: Annotated[int | None, typer.Option(help="Else 465 for tls, 587 for starttls.")] = None,
    smtp_security: Annotated[str | None, typer.Option(help="tls (default), starttls, or none on this machine.")] = None,
    imap_host: Annotated[str | None, typer.Option(help="The server that receives.")] = None,
    imap_port: Annotated[int | None, typer.Option(help="Else 993 for tls, 143 for starttls.")] = None,
    imap_security: Annotated[str | None, typer.Option(help="tls (default), starttls, or none on this machine.")] = None,
    user: Annotated[str | None, typer.Option(help="The log-in, often the address.")] = None,
    password_file: Annotated[Path | None, typer.Option(help="A file with the password, mode 600.")] = None,
    password_env: Annotated[str | None, typer.Option(help="The environment variable that holds it.")] = None,
    password_command: Annotated[str | None, typer.Option(help="A command that prints it.")] = None,
    password_keyring: Annotated[str | None, typer.Option(help="service/user in the system key ring.")] = None,
    token_command: Annotated[str | None, typer.Option(help="A command that prints an OAuth2 access token.")] = None,
    ca_file: Annotated[Path | None, typer.Option(help="The certificate authority, where it is an own one.")] = None,
    processed: Annotated[str | None, typer.Option(help="The folder for processed mail, or delete.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Try everything and write nothing.")] = False,
) -> None:
    """Try an account and add it to backbone.toml; asks for what was not said, where somebody sits."""
    from backbone.config import Folder, check_name, load_node

    folder = Folder(here(context).path)
    if check_name(name) in load_node(folder).mail:
        raise UsageError(f"{folder.config} has [mail.{name}] already: edit the file, or choose another word")
    if file is not None:
        settings = _from_file(file)
    else:
        secrets = {"password_file": _absolute(password_file), "password_env": password_env,
                   "password_command": password_command, "password_keyring": password_keyring,
                   "token_command": token_command}  # fmt: skip
        settings = _asked(
            address,
            user,
            secrets,
            {"host": smtp_host or host, "port": smtp_port, "security": smtp_security, "ca_file": _absolute(ca_file)},
            {"host": imap_host or host, "port": imap_port, "security": imap_security, "ca_file": _absolute(ca_file),
             "processed": processed},
        )  # fmt: skip
    _keep(folder, name, settings, dry_run=dry_run)


@mail.command("list")
def mail_list(context: typer.Context, json: Json = False) -> None:
    """The accounts in backbone.toml. JSON: a list of {name, address}."""
    from backbone.config import Folder, load_node

    accounts = load_node(Folder(here(context).path)).mail
    found = [{"name": name, "address": table.settings.get("address")} for name, table in accounts.items()]
    if json:
        show.as_json(found)
    else:
        show.table(("name", "address"), [(f["name"], f["address"]) for f in found], empty="There is no account yet.")


@mail.command()
def check(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="The account's word in backbone.toml.")] = None,
) -> None:
    """Log in on both servers, send a mail to oneself and see it arrive."""
    word = account(context, name)
    typer.echo(f"Account {word} sends and receives.")


def account(context: typer.Context, name: str | None) -> str:
    """The account that a link uses, tried: the one named, or the only one; where there is none, somebody is asked.

    Raises ``UsageError``, ``Unreachable``.
    """
    from backbone.config import Folder

    folder = Folder(here(context).path)
    known = _known(folder)
    if name is None and not known:
        typer.echo("This node has no mail account yet.", err=True)
        _keep(folder, "main", _asked(None, None, {}, {}, {}), dry_run=False)
        return "main"
    word = name or next(iter(known))
    if word not in known or (name is None and len(known) > 1):
        raise UsageError(f"name one of the mail accounts with --account: {', '.join(known) or 'there is none yet'}")
    _try(folder, known[word])
    return word


def _known(folder: Any) -> Mapping[str, Settings]:
    from backbone.config import load_node

    return {name: table.settings for name, table in load_node(folder).mail.items()}


def _keep(folder: Any, name: str, settings: Settings, *, dry_run: bool) -> None:
    from backbone.config import add_mail

    _try(folder, settings)
    if dry_run:
        typer.echo(f"Account {name} sends and receives; nothing was written.")
        return
    add_mail(folder, name, settings)
    typer.echo(f"Account {name} sends and receives; it is in backbone.toml.")


def _try(folder: Any, settings: Settings) -> None:
    import asyncio

    from backbone.service.watching.mailing import try_account

    typer.echo(f"Trying {settings.get('address')}: log-in, folders, a mail to oneself ...", err=True)
    for sentence in asyncio.run(try_account(folder.resolved(settings))):
        typer.echo(sentence)


def _asked(address: str | None, user: str | None, secrets: Settings, smtp: Settings, imap: Settings) -> Settings:
    """What was said, and answers for what is missing."""
    address = address or _ask("The mail address of this node (a mailbox of its own is best)", "--address")
    smtp["host"] = smtp.get("host") or _ask("The server that sends (SMTP)", "--smtp-host")
    imap["host"] = imap.get("host") or _ask("The server that receives (IMAP)", "--imap-host", smtp["host"])
    user = user or (address if any(secrets.values()) else _ask("The log-in", "--user", address))
    if not any(secrets.values()):
        secrets["password_file"] = _absolute(Path(_ask("A file that holds the password (mode 600)", "--password-file")))
    return {"address": address, "smtp": _said({**smtp, "user": user, **secrets}), "imap": _said(imap)}


def _ask(question: str, option: str, default: str | None = None) -> str:
    if not sys.stdin.isatty():
        raise UsageError(f"{question}: say it with {option}")
    return str(typer.prompt(question, default=default, err=True))


def _said(settings: Settings) -> Settings:
    return {key: value for key, value in settings.items() if value is not None}


def _absolute(path: Path | None) -> str | None:
    return None if path is None else str(path.expanduser().absolute())


def _from_file(file: Path) -> Settings:
    from backbone.config import read_tables

    given = read_tables(file)
    return _with_absolute_paths(given, file.absolute().parent)


def _with_absolute_paths(settings: Settings, beside: Path) -> Settings:
    """Paths in a file begin at that file."""
    from backbone.config import Folder

    return Folder(beside).resolved(settings)
