"""The examples' files are what they say: they load, and fit the trackers that they are for."""

import asyncio
import tomllib
from pathlib import Path

import pytest

from backbone.replication.agreement import Agreement
from backbone.replication.mapping import Rules, Translation
from backbone.replication.merge import Side
from backbone.trackers.roundup import connect
from backbone.trackers.roundup.install import install
from tests.acceptance.nodes import HOUSE
from tests.support.roundup import with_people

FOLDER = HOUSE / "examples" / "directories"
PEOPLE = {"acme": ("alice", "beta.bob"), "beta": ("ext.alice", "bob")}


@pytest.mark.parametrize(
    ("name", "template", "issue_class"), [("acme", "classic", "issue"), ("beta", "responsive", "bug")]
)
def test_the_mapping_fits_agreement_and_tracker(place: Path, name: str, template: str, issue_class: str) -> None:
    home = place / name
    install(home, template, name, "http://127.0.0.1:1/", "secret")
    with_people(home, PEOPLE[name])
    agreement = Agreement.parse(tomllib.loads((FOLDER / "agreement.toml").read_text()), "agreement.toml")
    rules = Rules.parse(tomllib.loads((FOLDER / f"{name}.toml").read_text()), f"{name}.toml")
    tracker = connect({"home": str(home), "class": issue_class})
    schema = asyncio.run(tracker.describe())
    assert Translation(agreement, rules, name).problems(schema) == []
    assert rules.users.keys() == set(PEOPLE[name])


def test_both_sides_have_the_same_words() -> None:
    files = [tomllib.loads((FOLDER / f"{name}.toml").read_text()) for name in PEOPLE]
    for field in files[0]["fields"]:
        ours, theirs = (file["fields"][field].get("values", {}).keys() for file in files)
        assert ours == theirs
    assert set(files[0]["users"].values()) == set(files[1]["users"].values())


def test_the_demo_uses_the_same_fields_as_the_example() -> None:
    packaged = HOUSE / "backbone" / "demo"
    for name, template in (("acme", "classic"), ("beta", "responsive")):
        example = tomllib.loads((FOLDER / f"{name}.toml").read_text())
        demo = tomllib.loads((packaged / f"{template}.toml").read_text())
        assert example["fields"] == demo["fields"]
    assert tomllib.loads((FOLDER / "agreement.toml").read_text()) == tomllib.loads(
        (packaged / "agreement.toml").read_text()
    )


@pytest.mark.parametrize(("name", "side"), [("hub", Side.MASTER), ("supplier", Side.SLAVE)])
def test_the_hub_s_mappings_fit_agreement_and_tracker(place: Path, name: str, side: Side) -> None:
    home = place / name
    install(home, "classic", name, "http://127.0.0.1:1/", "secret")
    folder = HOUSE / "examples" / "hub"
    agreement = Agreement.parse(tomllib.loads((folder / "agreement.toml").read_text()), "agreement.toml")
    rules = Rules.parse(tomllib.loads((folder / f"{name}.toml").read_text()), f"{name}.toml")
    schema = asyncio.run(connect({"home": str(home), "class": "issue"}).describe())
    assert Translation(agreement, rules, name, side=side).problems(schema) == []
