"""`backbone link pair` and `link check`, before a link that pairs issues runs."""

from pathlib import Path

import pytest

from backbone.model import Cell
from tests.unit.cli.company import Company, share

AGREEMENT = """
[fields.title]
type = "text"
[fields.labels]
type = "labels"
[fields.order]
type = "text"
direction = "to_master"
"""
MAPPING = """
[fields.title]
local = "title"
[fields.labels]
local = "labels"
[fields.order]
local = "description"
"""


def joined(folder: Path, pairing: str) -> Company:
    """Beta has joined Acme's link, and its admin has then written what pairs issues; nothing has run."""
    acme, beta = Company("acme", folder), Company("beta", folder)
    for company in (acme, beta):
        company.found()
    for name, text in (("agreement", AGREEMENT), ("mapping", MAPPING)):
        (folder / f"{name}.toml").write_text(text)
    options, mapping = share(folder, acme, beta), ("--mapping", folder / "mapping.toml")
    file = folder / "beta.handshake"
    acme.run(
        "link", "create", "beta", *options["acme"], "--agreement", folder / "agreement.toml", *mapping, "--out", file
    )
    beta.run("link", "join", file, "--name", "acme", *options["beta"], *mapping, "--yes")
    for company, link in ((acme, "beta"), (beta, "acme")):
        links = company.node / "links" / f"{link}.toml"
        links.write_text(f"{links.read_text()}\n{pairing}\n")
    for title in ("It leaks", "it  LEAKS", "Another"):
        beta.tracker.create({Cell("title"): title}, "bob")
    return beta


def test_keys_that_several_issues_show_are_named_before_anything_comes(folder: Path) -> None:
    beta = joined(folder, '[pairing]\nkey = "title"')
    assert "Pairing: the key 'it leaks' is in several issues here: 1, 2\n" in beta.run("link", "check", "acme").stdout
    assert beta.json("link", "check", "acme")["shared"] == {"it leaks": ["1", "2"]}
    assert beta.json("link", "pair", "acme") == {
        "keys": 3, "shared": {"it leaks": ["1", "2"]}, "paired": 0, "waiting": [], "coming": [],
    }  # fmt: skip
    assert beta.run("link", "pair", "acme").stdout.splitlines() == [
        "3 issues here have a key; 0 are paired with one of the partner's.",
        "The key 'it leaks' is in several issues here: 1, 2",
    ]


def test_a_table_says_which_issues_have_a_key(folder: Path) -> None:
    beta = joined(folder, '[pairing]\nkey = "title"\ntable = "twins.csv"')
    (beta.node / "twins.csv").write_text("# theirs, ours\nTheir leak, #2\n")
    assert "Pairing: every key is in one issue here only.\n" in beta.run("link", "check", "acme").stdout
    assert beta.json("link", "pair", "acme")["keys"] == 1


@pytest.mark.parametrize(("pairing", "said"), [
    ('key = "titel"', "'titel' is not in the agreement"),
    ('key = "labels"', "'labels' is a list: the key must have one value in each issue"),
    ('key = "order"', "'order' is never said by the master, whose issues come first"),
    ('key = "title"\ntable = "none.csv"', "cannot be read as a table"),
    ('key = "title"\ntable = "wrong.csv"', "line 1: needs two columns"),
])  # fmt: skip
def test_what_cannot_be_is_said_with_file_and_line(folder: Path, pairing: str, said: str) -> None:
    beta = joined(folder, f"[pairing]\n{pairing}")
    (beta.node / "wrong.csv").write_text("one column\n")
    checked = beta.run("link", "check", "acme", code=3).output
    assert said in checked
    assert f"{beta.node / 'links' / 'acme.toml'}:" in checked


def test_a_table_that_is_no_table_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from backbone.service.links import matching

    monkeypatch.setattr(matching, "TABLE_BYTES_MAX", 3)
    beta = joined(folder, '[pairing]\nkey = "title"\ntable = "twins.csv"')
    (beta.node / "twins.csv").write_text("Their leak, 2\n")
    assert "larger than a table of issues can be" in beta.run("link", "check", "acme", code=3).output


def test_only_the_side_that_joined_pairs(folder: Path) -> None:
    joined(folder, '[pairing]\nkey = "title"')
    said = Company("acme", folder).run("link", "check", "beta", code=3).output
    assert "belongs into the file of the side that joined the link" in said


def test_a_link_that_pairs_nothing_says_so(folder: Path) -> None:
    beta = joined(folder, "")
    assert "says nothing of pairing" in beta.run("link", "pair", "acme", code=3).output
