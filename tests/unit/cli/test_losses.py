"""What a link shows, and repeats, when a share loses parcels or was away."""

from dataclasses import replace
from pathlib import Path

from backbone.store import links
from backbone.store.engine import Connection
from backbone.store.tables import inbox, outbox
from tests.unit.cli.company import Company, pair, share


def lose(folder: Path) -> int:
    """All parcels that lie there are gone; how many that were."""
    parcels = list(folder.glob("bb1-*"))
    for parcel in parcels:
        parcel.unlink()
    return len(parcels)


def test_a_challenge_that_a_share_lost_is_said_again(folder: Path) -> None:
    acme, beta = pair(folder)
    acme.write(lambda tx: tx.execute(outbox.update().where(outbox.c.lane == "k").values(asked=1, sent_at=0.0)))
    beta.write(lambda tx: tx.execute(inbox.update().values(digest=bytes(32))))
    acme.run("sync")
    beta.run("sync")
    assert beta.link()["state"] == "resync"
    assert "two contents" in beta.link()["reason"]
    assert lose(folder / "back") > 0
    acme.run("sync")
    assert acme.link()["state"] == "active"
    beta.run("sync")
    assert lose(folder / "back") == 0

    def half_a_minute_later(tx: Connection) -> None:
        state = links.state(tx, 1)
        assert state.challenge_due is not None
        links.save_state(tx, 1, replace(state, challenge_due=state.challenge_due - 30.0))

    beta.write(half_a_minute_later)
    beta.run("sync")
    acme.run("sync")
    assert acme.link()["state"] == "resync"
    assert "was copied" in acme.link()["reason"]


def test_a_trouble_that_is_over_is_not_shown_while_a_link_waits_for_its_partner(folder: Path) -> None:
    acme, beta = Company("acme", folder), Company("beta", folder)
    acme.found()
    options = share(folder, acme, beta)
    acme.run("link", "create", "beta", *options["acme"], "--out", folder / "offer")
    (folder / "back").rename(folder / "gone")
    acme.run("sync", "--timeout", 5, code=4)
    assert str(folder / "back") in acme.link()["reason"]
    (folder / "gone").rename(folder / "back")
    acme.run("sync", "--timeout", 20)
    assert (acme.link()["stage"], acme.link()["reason"]) == ("offered", "")
