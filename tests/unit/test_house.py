"""The code base checks itself: what the pages say exists, and what the import contracts cannot see."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import typer

import backbone.cli
from backbone.errors import BackboneError

ROOT = Path(__file__).parents[2]
PACKAGES = ("backbone", "handshake", "channels")
LINES_MAX = 500

HOMES = {
    "aiofiles": ("backbone.service", "channels"),
    "aioimaplib": ("channels",),
    "aiosmtplib": ("channels",),
    "alembic": ("backbone.store",),
    "cel": ("backbone.replication.scope.expression",),
    "gnupg": ("handshake",),
    "httpx2": ("backbone.service.watching.webhook",),
    "msgpack": ("backbone.replication.message", "backbone.store", "backbone.trackers.memory"),
    "msgspec": ("backbone.replication.message", "backbone.replication.packing", "backbone.replication.receipt"),
    "prometheus_client": ("backbone.service.watching.metrics",),
    "pydantic": ("backbone.config", "backbone.replication", "backbone.service", "handshake"),
    "pypandoc": ("backbone.richtext.pandoc",),
    "re2": ("backbone.replication.mapping.patterns",),
    "rich": ("backbone.cli", "backbone.demo"),
    "roundup": ("backbone.trackers.roundup", "backbone.demo"),
    "sqlalchemy": ("backbone.store",),
    "structlog": ("backbone.cli", "backbone.service"),
    "typer": ("backbone.cli",),
    "waitress": ("backbone.trackers.roundup",),
    "watchdog": ("channels",),
    "zstandard": ("backbone.replication.message",),
}
"""Where each third-party library may be imported; a library that is not here has no home yet."""


def tracked(*suffixes: str) -> list[Path]:
    """The repository's text files; all of them when no suffix is given."""
    if not (ROOT / ".git").exists():
        pytest.skip("only a checkout knows which files are the project's")
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    files = [ROOT / name for name in names.split("\0") if name]
    return [file for file in files if file.is_file() and (not suffixes or file.suffix in suffixes)]


def lines(file: Path) -> Iterator[tuple[str, str]]:
    """Place and text of each line; nothing for a binary file."""
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    for number, line in enumerate(text.splitlines(), 1):
        yield f"{file.relative_to(ROOT)}:{number}", line


def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


def code_of(page: str) -> str:
    """The fenced blocks and code spans of a Markdown page: what a reader would type."""
    fence = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
    return "\n".join([*fence.findall(page), *re.findall(r"`([^`\n]+)`", fence.sub("", page))])


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def commands() -> dict[str, list[str]]:
    """Every command with its own options, from the command line itself."""
    app = getattr(backbone.cli, "app", None)
    if isinstance(app, ModuleType):
        app = app.app
    if app is None:
        pytest.skip("there is no command line yet")
    found: dict[str, list[str]] = {}
    waiting = [("backbone", typer.main.get_command(app))]
    while waiting:
        name, command = waiting.pop()
        children = getattr(command, "commands", {})
        waiting += [(f"{name} {child}", found_child) for child, found_child in children.items()]
        if not children and not command.hidden:
            found[name] = [option for parameter in command.params for option in parameter.opts]
    return found


def imports(file: Path) -> Iterator[tuple[str, str]]:
    """The place of each import in a file, and the top-level package that it names."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        for name in names:
            yield f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}", name.split(".")[0]


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def lies_in(module: str, homes: tuple[str, ...]) -> bool:
    return any(module == home or module.startswith(home + ".") for home in homes)


def test_each_make_command_of_the_pages_exists() -> None:
    pages = "\n".join(code_of(page.read_text(encoding="utf-8")) for page in ROOT.glob("*.md"))
    named = set(re.findall(r"\bmake ([a-z]+)", pages))
    assert {"setup", "check", "test", "demo", "bench", "simulate"} <= named
    assert named <= make_targets()


def test_continuous_integration_runs_a_command_of_the_readme() -> None:
    command = re.search(r"make [a-z]+", (ROOT / ".ci/run").read_text(encoding="utf-8"))
    assert command
    assert command.group() in code_of(readme())


def test_each_command_stands_in_the_readme() -> None:
    page = code_of(readme())
    assert [name for name in commands() if not re.search(rf"\b{re.escape(name)}\b", page)] == []


def test_each_command_of_the_readme_exists() -> None:
    known = {name.removeprefix("backbone ").split()[0] for name in commands()}
    named = set(re.findall(r"(?:^|\s)backbone (?:-C \S+ )?([a-z]+)", code_of(readme())))
    assert named
    assert named <= known


def test_the_exit_codes_of_the_readme_are_those_of_the_errors() -> None:
    found = {BackboneError.exit_code}
    waiting = [BackboneError]
    while waiting:
        error = waiting.pop()
        found.add(error.exit_code)
        waiting += error.__subclasses__()
    rows = set(map(int, re.findall(r"^\| (\d) \|", readme(), re.MULTILINE)))
    assert rows == found | {0}


def test_each_library_is_imported_only_in_its_home() -> None:
    ours = set(PACKAGES) | set(sys.stdlib_module_names)
    strays = [
        f"{place} imports {library}"
        for package in PACKAGES
        for file in sorted((ROOT / package).rglob("*.py"))
        for place, library in imports(file)
        if library not in ours and not lies_in(module_of(file), HOMES.get(library, ()))
    ]
    assert strays == []


def test_the_lock_names_each_package_with_hashes_and_no_address() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    assert not re.search(r"^\s*-", lock.replace("    --hash=sha256:", ""), re.MULTILINE)
    entries = re.split(r"\n(?=[a-z])", lock)
    assert [entry.split()[0] for entry in entries if entry[0].isalpha() and "--hash=sha256:" not in entry] == []


def test_the_lock_holds_each_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.split(r"[\s<>=!~;\[]", requirement)[0] for requirement in wanted}
    locked = set(
        re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert names - locked == set()


def test_no_file_names_the_place_where_it_was_made() -> None:
    roots = "|".join(("wo" + "rk", "fa" + "rm"))
    hosts = "|".join(name.replace(".", r"\.") for name in ("py" + "pi.org", "python" + "hosted.org"))
    foreign = re.compile(rf"(?<![\w.])/(?:{roots})/|{hosts}|file:" + "///")
    found = [place for file in tracked() for place, line in lines(file) if foreign.search(line)]
    assert found == []


def test_nothing_is_left_for_later_in_a_comment() -> None:
    marks = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b")
    found = [place for file in tracked() for place, line in lines(file) if marks.search(line)]
    assert found == []


def test_no_file_is_too_long_to_read() -> None:
    lengths = {file.relative_to(ROOT): len(list(lines(file))) for file in tracked(".py")}
    assert {file: length for file, length in lengths.items() if length > LINES_MAX} == {}
