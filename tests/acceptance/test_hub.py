"""A hub with three suppliers, of whom nobody sees the others' issues, though one issue may be shared with two."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backbone.model import Cell
from tests.acceptance.nodes import reasons, until
from tests.acceptance.several import DESCRIPTION, TITLE, Web, comments, files, local, titles, web

SUPPLIERS = ("amber", "birch", "cedar")
AGREEMENT = """
[fields.title]
type = "text"
[fields.description]
type = "richtext"
[fields.status]
type = "choice"
policy = "master"
"""
PLAIN = "".join(f'[fields.{name}]\nlocal = "{name}"\n' for name in ("title", "description", "status"))
HUB = (
    PLAIN
    + """
[on_create]
labels = ["{name}"]
[[only_if]]
local = "labels"
values = ["{name}", "{name}, *", "*, {name}", "*, {name}, *"]
"""
)


def labelled(*names: str) -> dict[Cell, bool]:
    return {Cell("labels", name): True for name in names}


@pytest.fixture(scope="module")
def hub(shared_place: Path) -> Iterator[Web]:
    with web(shared_place, "hub", *SUPPLIERS) as made:
        for name in SUPPLIERS:
            made.link("hub", name, AGREEMENT, {"hub": HUB.format(name=name), name: PLAIN})
        made.start()
        yield made


def test_each_supplier_sees_what_is_his(hub: Web) -> None:
    tracker = hub["hub"].tracker
    tracker.create({TITLE: "for nobody", DESCRIPTION: "secret"})
    for name in SUPPLIERS:
        tracker.create({TITLE: f"for {name}", DESCRIPTION: name, **labelled(name)})
        hub[name].tracker.create({TITLE: f"of {name}", DESCRIPTION: name})
    secret, every = ["for nobody"], [f"{word} {name}" for word in ("for", "of") for name in SUPPLIERS]
    until("the hub has all", lambda: set(titles(hub["hub"])) >= {*secret, *every})
    for name in SUPPLIERS:
        own = {f"for {name}", f"of {name}"}
        until("each has his own", lambda n=name, o=own: set(titles(hub[n])) >= o)  # type: ignore[misc]
        assert set(titles(hub[name])) & {*secret, *every} == own


def test_an_issue_of_several_partners_is_one_issue_with_one_name(hub: Web) -> None:
    tracker, amber, birch = hub["hub"].tracker, hub["amber"].tracker, hub["birch"].tracker
    tracker.create({TITLE: "shared by two", DESCRIPTION: "x", **labelled("amber", "birch")})
    until("both have it", lambda: all("shared by two" in titles(hub[n]) for n in ("amber", "birch")))
    amber.comment(local(hub["amber"], "shared by two"), "a word from Amber", "anna")
    amber.attach(local(hub["amber"], "shared by two"), "plan.txt", b"the plan", "anna")
    said = ["anna wrote:\n\na word from Amber"]
    until("it reaches Birch as Anna's", lambda: comments(hub["birch"], "shared by two") == said)
    until("the file too", lambda: files(hub["birch"], "shared by two") == ["plan.txt"])
    birch.edit(local(hub["birch"], "shared by two"), {TITLE: "renamed by Birch"})
    until("and back", lambda: "renamed by Birch" in titles(hub["amber"]))
    assert comments(hub["hub"], "renamed by Birch") == said
    assert not any("shared" in title or "renamed" in title for title in titles(hub["cedar"]))


def test_when_all_is_quiet_nothing_is_sent(hub: Web) -> None:
    hub["amber"].tracker.create({TITLE: "quiet", DESCRIPTION: "quiet"})
    until("it is at the hub", lambda: "quiet" in titles(hub["hub"]))
    for name in SUPPLIERS:
        assert "all equal" in hub["hub"].cli("audit", name).stdout
    before = hub.sent()
    for name in ("hub", *SUPPLIERS):
        hub[name].cli("status")
    for name in SUPPLIERS:
        assert "all equal" in hub["hub"].cli("audit", name).stdout
    assert hub.sent() == before
    assert titles(hub["hub"]).count("quiet") == 1
    assert reasons(hub["hub"]) == []
