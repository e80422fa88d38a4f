"""``backbone audit``: do both sides agree?"""

from typing import Annotated, Any

import typer

from backbone.cli import show
from backbone.cli.asking import TIMEOUT_SECONDS, Request, ask
from backbone.cli.options import AsJson, Timeout
from backbone.errors import BackboneError, Differences

app = typer.Typer()


@app.command()
def audit(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The link.")],
    as_json: AsJson = False,
    timeout: Timeout = TIMEOUT_SECONDS,
) -> None:
    """Prove that both sides agree.

    Compares both sides over the channel, and each side's tracker with what Backbone knows of it. Says that all is
    equal, or names issue and field, and ends with 6. The partner's node must run.

    JSON: link, equal, issues, issues_there, differences, drift_here, drift_there.
    """
    (answer,) = ask(context, [Request(name, "audit")], timeout, linger=False)
    if answer.get("busy"):
        raise BackboneError(f"link {name}: changes are on their way all the time; try again when it is quieter")
    found = _read(name, answer)
    if as_json:
        show.document(found)
    else:
        _print(found)
    if not found["equal"]:
        number = sum(len(found[key]) for key in _LISTS) or 1
        raise Differences(f"link {name}: {show.counted(number, 'difference')} in {found['issues']} issues")


_LISTS = {"differences": "differs", "drift_here": "here", "drift_there": "at the partner"}


def _read(name: str, answer: dict[str, Any]) -> dict[str, Any]:
    found = {
        "link": name,
        "issues": answer["issues"],
        "issues_there": answer["theirs"],
        **{key: list(answer[key]) for key in _LISTS},
    }
    same = found["issues"] == found["issues_there"]
    return {"link": name, "equal": same and not any(found[key] for key in _LISTS), **found}


def _print(found: dict[str, Any]) -> None:
    if found["equal"]:
        show.say(f"{show.counted(found['issues'], 'issue')} compared, all equal")
        return
    if found["issues"] != found["issues_there"]:
        show.say(f"{found['issues']} issues here, {found['issues_there']} at the partner")
    for key, where in _LISTS.items():
        for one in found[key]:
            issue, _, what = one.partition(": ")
            show.say(f"{where}: issue {issue}: {what}")
