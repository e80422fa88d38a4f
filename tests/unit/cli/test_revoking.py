"""A link that one side ends: the other side learns it, and why, whatever state it is in."""

from pathlib import Path

import pytest

from backbone.service.links.progress import load, roll_back
from backbone.store import links
from tests.unit.cli.company import Company, pair


@pytest.fixture
def both(folder: Path) -> tuple[Company, Company]:
    return pair(folder)


def test_the_partner_is_told_at_once_and_shows_the_reason(both: tuple[Company, Company]) -> None:
    acme, beta = both
    assert "The partner is told." in acme.run("link", "revoke", "beta", "--reason", "contract ended", "--yes").stdout
    assert (acme.link()["state"], acme.link()["reason"]) == ("revoked", "contract ended")
    beta.run("sync")
    assert (beta.link()["state"], beta.link()["reason"]) == ("revoked", "the partner revoked the link: contract ended")
    beta.run("sync")
    acme.run("sync")
    assert beta.link()["state"] == "revoked"


def test_a_partner_who_cannot_be_told_now_is_told_when_the_channel_answers(both: tuple[Company, Company]) -> None:
    acme, beta = both
    there = acme.folder / "there"
    there.rename(acme.folder / "gone")
    said = acme.run("link", "revoke", "beta", "--reason", "contract ended", "--yes").stdout
    assert "not told yet" in said
    assert acme.link()["state"] == "revoked"
    (acme.folder / "gone").rename(there)
    acme.run("sync")
    assert acme.link()["reason"] == "contract ended"
    beta.run("sync")
    assert beta.link()["state"] == "revoked"


@pytest.mark.parametrize("state", ["paused", "resync"])
def test_a_link_that_is_stopped_hears_of_its_end(both: tuple[Company, Company], state: str) -> None:
    acme, beta = both
    if state == "paused":
        beta.run("link", "pause", "acme")
    else:
        beta.write(lambda tx: roll_back(tx, links.get(tx, 1), "an old copy"))
    assert beta.link()["state"] == state
    acme.run("link", "revoke", "beta", "--reason", "contract ended", "--yes")
    beta.run("sync")
    assert beta.link()["state"] == "revoked"


def test_a_process_that_runs_the_node_tells_the_partner(both: tuple[Company, Company]) -> None:
    acme, beta = both
    with acme.running() as process:
        assert process.stderr is not None
        assert "running" in process.stderr.readline()
        said = acme.run("link", "revoke", "beta", "--reason", "contract ended", "--yes").stdout
        assert "process that runs this node" in said
        while not acme.write(lambda tx: load(links.get(tx, 1)).told):
            pass
    beta.run("sync")
    assert beta.link()["state"] == "revoked"


def test_a_link_without_encryption_becomes_active_and_can_be_ended(folder: Path) -> None:
    acme, beta = pair(folder, "--no-encrypt")
    beta.run("link", "revoke", "acme", "--reason", "we part", "--yes")
    acme.run("sync")
    assert acme.link()["reason"] == "the partner revoked the link: we part"
