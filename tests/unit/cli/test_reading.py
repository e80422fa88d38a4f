"""What the reading commands print: JSON with keys that stay, and text that steers no terminal."""

from typing import Any

import pytest
import typer

from backbone.cli import app, show
from backbone.store import lists
from backbone.store.engine import Connection
from tests.unit.cli.company import Company

STATUS = {
    "name", "side", "state", "stage", "reason", "peer", "peer_fingerprint", "verified_by", "issues", "populated",
    "sent", "acknowledged", "applied_there", "received", "applied_here", "waiting", "change_sets_sent",
    "change_sets_applied_there", "cells_waiting", "quarantined", "conflicts_open", "conflicts", "alarms",
    "heard_at", "holding", "agreement_version", "proposed", "key_change",
}  # fmt: skip
QUEUE = {
    "id", "link", "kind", "gid", "local", "reason", "advice", "state", "attempts", "created_at", "changed_at",
    "next_at",
}  # fmt: skip


@pytest.fixture
def offered(acme: Company) -> Company:
    """With a link that waits for its partner."""
    acme.run("link", "create", "beta", "--out", acme.folder / "offer", "--description", "spare parts")
    return acme


def test_the_keys_of_json_stay(offered: Company) -> None:
    assert set(offered.link()) == STATUS
    (link,) = offered.json("link", "list")
    assert set(link) == STATUS
    assert set(offered.json("link", "show", "beta")) == {
        "name", "side", "link_id", "state", "reason", "fingerprint", "verified_by", "words", "keys", "file", "peer",
        "agreement",
    }  # fmt: skip
    assert set(offered.json("handshake", "show", offered.folder / "offer")) == {
        "name", "node_name", "fingerprint", "description", "created", "expires", "channel", "link_id", "encrypt",
        "agreement", "words",
    }  # fmt: skip
    assert offered.json("tracker", "list") == [{"name": "main", "kind": "memory"}]
    assert {frozenset(one) for one in offered.json("doctor")} == {frozenset({"what", "state", "sentence"})}


def test_an_offer_is_shown_without_its_token(offered: Company) -> None:
    said = offered.run("handshake", "show", offered.folder / "offer").stdout
    assert "spare parts" in said
    assert "token" not in said
    assert "token" not in offered.run("handshake", "show", offered.folder / "offer", "--json").stdout


def test_an_item_is_listed_shown_and_explained(offered: Company) -> None:
    number = offered.write(_parcel)
    (item,) = offered.json("queue", "list")
    assert set(item) == QUEUE
    assert offered.json("queue", "show", number) == {**item, "changes": [], "edits": []}
    assert f"backbone queue skip {number}" in offered.run("queue", "show", number).stdout
    assert "nothing can be tried again" in offered.run("queue", "retry", number, code=2).stderr
    offered.run("queue", "skip", number, "--dry-run")
    assert offered.json("queue", "list") == [item]
    assert "not active" in offered.run("queue", "skip", number, code=2).stderr
    offered.run("queue", "show", 99, code=2)


def test_a_settled_item_is_only_on_the_list_of_all(offered: Company) -> None:
    number = offered.write(_parcel)
    offered.write(lambda tx: lists.set_aside_change(tx, number, 0.0, state="skipped"))
    assert offered.json("queue", "list") == []
    assert [one["id"] for one in offered.json("queue", "list", "--all")] == [number]
    assert "is settled: it was skipped" in offered.run("queue", "skip", number, code=2).stderr


def _parcel(tx: Connection) -> int:
    return lists.set_aside(tx, 1, "parcel", "no valid signature", 0.0, advice="then: backbone queue skip NUMBER")


def test_the_doctor_looks_at_everything_and_says_what_to_do(offered: Company) -> None:
    found = {one["what"]: one for one in offered.json("doctor")}
    assert {
        "gnupg", "disk", "folder", "clock", "store", "anchor", "alarms", "tracker main", "link beta", "link beta: keys",
        "link beta: mapping", "link beta: channel",
    } == set(found)  # fmt: skip
    assert {one["state"] for one in found.values()} <= {"ok", "warning"}


def test_the_doctor_finds_open_permissions_stray_files_and_a_mapping_that_does_not_fit(offered: Company) -> None:
    (offered.node / "store.db").chmod(0o644)
    (offered.node / "links" / "stray.toml").write_text("")
    file = offered.node / "links" / "beta.toml"
    file.write_text(file.read_text().replace('local = "status"', 'local = "statsu"'))
    found = {one["what"]: (one["state"], one["sentence"]) for one in offered.json("doctor", code=1)}
    store = offered.node / "store.db"
    assert found["permissions"] == ("problem", f"others can read {store}: chmod 0600 {store}")
    assert found["link stray"][0] == "warning"
    assert found["link beta: mapping"][0] == "problem"
    assert "statsu" in found["link beta: mapping"][1]


def test_a_missing_anchor_is_renewed_when_an_admin_says_so_and_no_other(offered: Company) -> None:
    assert "only a missing anchor" in offered.run("doctor", "--renew-anchor", code=2).stderr
    anchor = offered.folder / "acme-anchor.json"
    anchor.unlink()
    (found,) = [one for one in offered.json("doctor", code=1) if one["what"] == "anchor"]
    assert found["state"] == "problem"
    assert "--renew-anchor" in found["sentence"]
    offered.run("doctor", "--renew-anchor")
    assert anchor.is_file()


def test_an_anchor_that_shows_an_old_store_is_not_written_over(offered: Company) -> None:
    anchor = offered.folder / "acme-anchor.json"
    ahead = anchor.read_text().replace('"commits": ', '"commits": 99')
    anchor.write_text(ahead)
    assert "old copy" in offered.run("doctor", "--renew-anchor", code=2).stderr
    assert anchor.read_text() == ahead


def test_the_doctor_says_why_a_node_does_not_open(offered: Company) -> None:
    (offered.node / "store.db").write_bytes(b"no store")
    found = {one["what"]: one for one in offered.json("doctor", code=1)}
    assert found["node"]["state"] == "problem"


def test_a_partners_words_do_not_steer_the_terminal() -> None:
    assert show.printable("a\x1b[2Jb\u202ec\x9b") == "a\ufffd[2Jb\ufffdc\ufffd"
    assert show.printable("Grüße, 東京\n") == "Grüße, 東京\n"


@pytest.mark.parametrize("line", ["x" * 300, "[bold]no markup[/bold]"])
def test_a_table_cuts_nothing_off(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    show.table(("what",), [(line,)], empty="")
    printed = capsys.readouterr().out.splitlines()
    assert "".join(printed[2:]) == line


def commands() -> dict[str, Any]:
    found: dict[str, Any] = {}
    waiting: list[tuple[str, Any]] = [("backbone", typer.main.get_command(app))]
    while waiting:
        name, command = waiting.pop()
        found[name] = command
        waiting += [(f"{name} {word}", child) for word, child in getattr(command, "commands", {}).items()]
    return found


@pytest.mark.parametrize("name", sorted(commands()))
def test_each_command_and_each_option_says_what_it_is(name: str) -> None:
    command = commands()[name]
    assert command.help or command.callback.__doc__
    options = [one for one in command.params if one.param_type_name == "option" and one.name != "help"]
    assert [one.name for one in options if not one.help] == []


@pytest.mark.parametrize(
    "name", sorted(name for name, command in commands().items() if any("--json" in o.opts for o in command.params))
)
def test_each_reading_command_documents_its_keys(name: str) -> None:
    assert "JSON:" in commands()[name].help
