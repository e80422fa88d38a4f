"""Names and paths of a node's folder."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbone.config import Folder, check_name
from backbone.errors import ConfigError, UsageError

BAD = ["", "..", "a/b", "../a", "A", "-a", "a" * 41, "a\n", "a b", "a.b", "ä", "a\0", "con", "lpt1", "\\\\share"]


@pytest.mark.parametrize("name", BAD)
def test_a_name_that_could_leave_the_folder_is_refused(name: str, tmp_path: Path) -> None:
    for use in (check_name, Folder(tmp_path).link_file, Folder(tmp_path).exchange):
        with pytest.raises(UsageError, match="cannot be a name"):
            use(name)


@given(st.text(max_size=45))
def test_whatever_is_accepted_stays_in_the_folder(name: str) -> None:
    folder = Folder(Path("/srv/node"))
    try:
        check_name(name)
    except UsageError:
        return
    assert folder.link_file(name).parent == Path("/srv/node/links")
    assert folder.exchange(name).resolve() == Path("/srv/node/exchange") / name


@pytest.mark.parametrize("tag", ["", "0123456", "012345678", "0123456G", "../../..", "0123456\n", "0123ABCD"])
def test_a_gnupg_home_is_named_by_eight_hex_digits(tag: str) -> None:
    with pytest.raises(ValueError, match="8 hex digits"):
        Folder(Path()).gnupg(tag)


def test_the_places(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    assert folder.config == tmp_path / "backbone.toml"
    assert folder.store == tmp_path / "store.db"
    assert folder.lock == tmp_path / "lock"
    assert folder.gnupg("0a1b2c3d") == tmp_path / "g" / "0a1b2c3d"
    assert {folder.blobs, folder.logs} == {tmp_path / "blobs", tmp_path / "logs"}


def test_links_are_the_files_in_the_folder(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    assert folder.links() == []
    folder.link_files.mkdir()
    for name in ("bob.toml", "alice.toml", ".#bob.toml", "bob.toml~", "notes.txt"):
        (folder.link_files / name).touch()
    assert folder.links() == ["alice", "bob"]


def test_a_file_that_cannot_be_a_link_is_not_passed_over(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.link_files.mkdir()
    (folder.link_files / "Bob.toml").touch()
    with pytest.raises(ConfigError, match=r"links/Bob\.toml: 'Bob' cannot be a name.*rename the file"):
        folder.links()


def test_paths_begin_at_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/alice")
    folder = Folder(tmp_path)
    settings = {"home": "tracker", "key_file": "~/key", "send": "/mnt/x", "user": "tracker", "port": 3, "path": 4}
    assert folder.resolved(settings) == {
        "home": str(tmp_path / "tracker"),
        "key_file": "/home/alice/key",
        "send": "/mnt/x",
        "user": "tracker",
        "port": 3,
        "path": 4,
    }


def test_an_unknown_users_home_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="write the whole path"):
        Folder(tmp_path).resolve("~nobody-of-that-name/key")
