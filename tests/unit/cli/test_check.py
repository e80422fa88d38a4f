"""`backbone link check`: what an admin sees before a link runs."""

from pathlib import Path

from backbone.model import COMMENT, Cell, Value
from tests.unit.cli.company import Company

AGREEMENT = """
[fields.title]
type = "text"
[fields.status]
type = "choice"
values = ["new", "done"]
[fields.labels]
type = "labels"
"""
MAPPING = """
[fields.title]
local = "title"
[fields.status]
local = "status"
[fields.status.values]
new = ["new", "open", "in progress"]
done = ["resolved", "closed"]
[fields.labels]
local = "labels"
strip_prefix = "beta/"
"""


def acme(folder: Path, mapping: str = MAPPING, change: tuple[str, str] = ("", "")) -> Company:
    """A company that has invited a partner, and whose admin has then edited the link's file."""
    company = Company("acme", folder)
    company.found()
    for name, text in (("agreement", AGREEMENT), ("mapping", mapping)):
        (folder / f"{name}.toml").write_text(text)
    files = ("--agreement", folder / "agreement.toml", "--mapping", folder / "mapping.toml")
    for name in ("there", "back"):
        (folder / name).mkdir()
    company.run("link", "create", "beta", "--send", folder / "there", "--receive", folder / "back", *files,
                "--out", folder / "beta.handshake")  # fmt: skip
    file = company.node / "links" / "beta.toml"
    file.write_text(file.read_text().replace(*change))
    return company


def test_a_mapping_that_fits_is_said_so(folder: Path) -> None:
    company = acme(folder)
    company.tracker.create({Cell("title"): "x", Cell("status"): "open"}, "alice")
    result = company.run("link", "check", "beta")
    assert result.stdout == "3 fields fit the agreement and the tracker.\n"
    result = company.run("link", "check", "beta", "--invert")
    assert result.stdout.endswith("; every value of 1 issues comes back as it was.\n")


def test_what_does_not_fit_is_named_with_file_and_line(folder: Path) -> None:
    company = acme(folder, change=('done = ["resolved", "closed"]', 'done = "resolvd"'))
    result = company.run("link", "check", "beta", code=3)
    file = company.node / "links" / "beta.toml"
    line = file.read_text().split("\n").index("[fields.status.values]") + 1
    assert result.stdout == (
        f"{file}:{line}: fields.status.values: status has no value 'resolvd' (did you mean 'resolved'?)\n"
    )
    assert "1 things in the file of link beta are to be mended" in result.stderr


def test_a_rule_that_cannot_be_is_named_with_file_and_line(folder: Path) -> None:
    company = acme(folder, change=('strip_prefix = "beta/"', 'only = "if_empty"'))
    result = company.run("link", "check", "beta", code=3)
    line = (company.node / "links" / "beta.toml").read_text().split("\n").index("[fields.labels]") + 1
    assert f"beta.toml:{line}: fields.labels: only = 'if_empty' needs a direction" in result.stdout


def test_a_value_that_no_row_covers_is_found(folder: Path) -> None:
    company = acme(folder, change=('done = ["resolved", "closed"]', 'done = "resolved"'))
    (problem,) = company.json("link", "check", "beta", code=3)["problems"]
    assert problem.endswith("fields.status: no row covers 'closed', which status can be")


def test_samples_show_what_would_be_sent_and_what_the_way_back_would_write(folder: Path) -> None:
    company = acme(folder)
    tracker = company.tracker
    cells: dict[Cell, Value] = {
        Cell("title"): "It leaks",
        Cell("status"): "open",
        Cell("labels", "beta/ui"): True,
        Cell("labels", "own"): True,
    }
    tracker.create(cells, "alice")
    comment: Value = {"text": "a\nb" * 200, "author": "alice", "created": "2026-11-21T00:00:00Z"}
    tracker.create({Cell("title"): "Two", Cell(COMMENT, "+1"): comment}, "alice")
    before = company.json("status")
    (one, two) = company.json("link", "check", "beta", "--samples", 5)["samples"]
    assert one["sent"] == {"title": "It leaks", "status": "new", "labels ui": True}
    assert one["written"] == {"status": ["open", "new"]}
    assert two["written"] == {}
    result = company.run("link", "check", "beta", "--samples", 5)
    assert "title = It leaks" in result.stdout
    assert "the way back would write\n    status = new (is open)" in result.stdout
    assert "a ba b" in result.stdout
    assert "…" in result.stdout
    assert company.json("status") == before


def test_an_issue_that_would_not_be_sent_says_so(folder: Path) -> None:
    company = acme(folder, MAPPING + '[[only_if]]\nlocal = "private"\nvalues = ["true"]\n')
    company.tracker.create({Cell("title"): "x"}, "alice")
    (one,) = company.json("link", "check", "beta", "--samples", 1)["samples"]
    assert (one["sent"], one["problems"]) == ({}, ["it does not enter the link: only_if"])
    assert "not sent: it does not enter the link" in company.run("link", "check", "beta", "--samples", 1).stdout
