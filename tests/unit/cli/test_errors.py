"""Each exit code really comes, with one sentence, and nothing is changed."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backbone.cli import app
from backbone.cli.app import _ended
from backbone.cli.here import Here
from backbone.store import lists
from tests.unit.cli.company import Company


def test_what_cannot_be_called_so_ends_with_2(acme: Company) -> None:
    for words in (["nosuch"], ["link", "show"], ["init"], ["sync", "--timeout", "soon"]):
        acme.run(*words, code=2)
    assert "none yet" in acme.run("sync", "beta", code=2).stderr
    assert "there are: main" in acme.run("tracker", "prepare", "mian", code=2).stderr


def test_a_folder_that_holds_a_node_and_an_anchor_inside_are_refused(acme: Company) -> None:
    assert "holds a node already" in acme.run("init", acme.node, "--name", "other", code=2).stderr
    new = acme.folder / "new"
    said = acme.run("init", new, "--name", "new", "--anchor", new / "anchor.json", code=2)
    assert "lies in the node's folder" in said.stderr
    assert not new.exists()


def test_a_wrong_configuration_ends_with_3_and_names_the_line(acme: Company) -> None:
    config = acme.node / "backbone.toml"
    lines = config.read_text().count("\n")
    config.write_text(config.read_text() + "[node.more]\n")
    assert f"{config}:{lines + 1}:" in acme.run("status", code=3).stderr
    config.unlink()
    assert "there is no" in acme.run("status", code=3).stderr


def test_a_link_file_that_is_no_toml_ends_sync_with_3(acme: Company) -> None:
    acme.run("link", "create", "beta", "--out", acme.folder / "offer")
    file = acme.node / "links" / "beta.toml"
    file.write_text(file.read_text() + "{")
    assert f"{file}:" in acme.run("sync", code=3).stderr


def test_a_tracker_with_wrong_settings_is_not_added(acme: Company) -> None:
    before = (acme.node / "backbone.toml").read_text()
    assert "no setting 'home'" in acme.run("tracker", "add", "x", "--kind", "memory", "--home", "y", code=3).stderr
    acme.run("tracker", "add", "x", "--kind", "nosuch", code=3)
    acme.run("tracker", "add", "main", "--kind", "memory", code=2)
    acme.run("tracker", "add", "x", "--kind", "memory", "--dry-run")
    assert (acme.node / "backbone.toml").read_text() == before


def test_an_altered_a_truncated_and_a_foreign_handshake_file_end_with_5(acme: Company) -> None:
    offer, wrong = acme.folder / "offer", acme.folder / "wrong"
    acme.run("link", "create", "beta", "--out", offer)
    text = offer.read_text()
    middle = len(text) // 2
    other = "A" if text[middle] != "A" else "B"
    for content in (text[:middle] + other + text[middle + 1 :], text[:middle], "no handshake"):
        wrong.write_text(content)
        said = acme.run("handshake", "show", wrong, code=5)
        assert said.stdout == ""
        assert said.stderr.startswith("backbone: ")
        assert said.stderr.count("\n") == 1


def test_a_node_does_not_join_its_own_file(acme: Company) -> None:
    acme.run("link", "create", "beta", "--out", acme.folder / "offer")
    acme.run("link", "join", acme.folder / "offer", "--name", "self", "--yes", code=5)
    assert [one["name"] for one in acme.json("link", "list")] == ["beta"]


def test_nobody_at_the_terminal_means_that_nothing_is_joined(acme: Company) -> None:
    beta = Company("beta", acme.folder)
    beta.found()
    acme.run("link", "create", "beta", "--out", acme.folder / "offer")
    said = beta.run("link", "join", acme.folder / "offer", "--name", "acme", code=2)
    assert "say --yes" in said.stderr
    assert "invitation from" in said.stdout
    assert beta.json("link", "list") == []
    acme.run("link", "revoke", "beta", "--reason", "changed our minds", code=2)
    acme.run("link", "revoke", "beta", "--reason", "changed our minds", "--yes")
    assert acme.link()["state"] == "revoked"


def test_a_dry_run_makes_nothing(acme: Company) -> None:
    beta = Company("beta", acme.folder)
    beta.found()
    offer = acme.folder / "offer"
    acme.run("link", "create", "beta", "--out", offer, "--dry-run")
    assert not offer.exists()
    assert acme.json("link", "list") == []
    acme.run("link", "create", "beta", "--out", offer)
    beta.run("link", "join", offer, "--name", "acme", "--dry-run")
    assert beta.json("link", "list") == []
    assert not list((beta.node / "links").iterdir())


def test_a_file_that_is_there_is_never_written_over(acme: Company) -> None:
    offer = acme.folder / "offer"
    offer.write_text("mine")
    assert "exists already" in acme.run("link", "create", "beta", "--out", offer, code=2).stderr
    assert offer.read_text() == "mine"
    assert acme.json("link", "list") == []


def test_a_link_that_cannot_be_made_leaves_no_file(acme: Company) -> None:
    offer = acme.folder / "offer"
    acme.run("link", "create", "beta", "--tracker", "nosuch", "--out", offer, code=3)
    assert not offer.exists()


def test_paths_in_a_link_file_mean_the_same_from_every_folder(acme: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(acme.folder)
    result = CliRunner().invoke(app, ["-C", "acme", "link", "create", "beta"])
    assert result.exit_code == 0
    assert (acme.node / "exchange" / "beta" / "SEND").is_dir()
    assert not (acme.node / "acme").exists()


def test_the_node_is_named_by_a_variable_too(acme: Company) -> None:
    result = CliRunner().invoke(app, ["status", "--json"], env={"BACKBONE_HOME": str(acme.node)})
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])


def test_a_refused_command_leaves_the_node_closed_in_order(acme: Company) -> None:
    acme.run("sync", "beta", code=2)
    assert json.loads((acme.folder / "acme-anchor.json").read_text())["clean"] is True


def test_what_waits_for_a_person_ends_status_check_with_6(acme: Company) -> None:
    acme.run("link", "create", "beta", "--out", acme.folder / "offer")
    assert acme.run("status", "--check").stdout == "OK: nothing is wrong\n"
    acme.write(lambda tx: lists.set_aside(tx, 1, "parcel", "no valid signature", 0.0))
    said = acme.run("status", "--check", code=6)
    assert said.stdout == "ALARM: beta: 1 set aside: backbone queue list\n"
    assert said.stderr == "backbone: alarms: 1; see backbone alarm list\n"


def test_a_fault_of_ours_is_one_sentence_and_a_file(acme: Company, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise KeyError("surprise")
    except KeyError as error:
        code = _ended(error, Here(acme.node))
    log = acme.node / "logs" / "faults.log"
    assert code == 1
    assert str(log) in capsys.readouterr().err
    assert "surprise" in log.read_text()


def test_debug_shows_where_an_error_comes_from(acme: Company) -> None:
    result = CliRunner().invoke(app, ["--debug", "-C", str(acme.node), "sync", "beta"])
    assert result.exit_code == 2
    assert "Traceback" in result.stderr


def test_a_folder_without_a_node_is_named(tmp_path: Path) -> None:
    assert Company("nobody", tmp_path).run("status", code=3).stderr.count("backbone init") == 1
