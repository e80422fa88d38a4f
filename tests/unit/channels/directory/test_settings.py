"""Directories are made or taken as they are, with the sentinel in both."""

from pathlib import Path

import pytest

from channels.base import ChannelError
from channels.directory import Settings, connect, prepare
from tests.contract.channels import TAG


def test_directories_are_made_with_the_sentinel_and_again_changes_nothing(tmp_path: Path) -> None:
    send, receive = tmp_path / "exchange" / "SEND", tmp_path / "exchange" / "RECEIVE"
    prepare(send, receive, TAG)
    (send / f".backbone-{TAG}").write_text("kept")
    prepare(send, receive, TAG)
    assert (send / f".backbone-{TAG}").read_text() == "kept"
    assert TAG in (receive / f".backbone-{TAG}").read_text()


def test_a_symbolic_link_to_a_share_stays_one(tmp_path: Path) -> None:
    (tmp_path / "share").mkdir()
    (tmp_path / "SEND").symlink_to(tmp_path / "share")
    prepare(tmp_path / "SEND", tmp_path / "RECEIVE", TAG)
    assert (tmp_path / "SEND").is_symlink()
    assert (tmp_path / "share" / f".backbone-{TAG}").is_file()


def test_a_link_into_nowhere_is_told(tmp_path: Path) -> None:
    (tmp_path / "SEND").symlink_to(tmp_path / "absent")
    with pytest.raises(ChannelError, match="mount the share or correct the link"):
        prepare(tmp_path / "SEND", tmp_path / "RECEIVE", TAG)
    assert not (tmp_path / "absent").exists()


def test_a_file_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "SEND").write_text("in the way")
    with pytest.raises(ChannelError, match="cannot prepare"):
        prepare(tmp_path / "SEND", tmp_path / "RECEIVE", TAG)


def test_one_directory_for_both_is_told(tmp_path: Path) -> None:
    (tmp_path / "RECEIVE").symlink_to(tmp_path / "SEND")
    (tmp_path / "SEND").mkdir()
    with pytest.raises(ChannelError, match="same directory"):
        prepare(tmp_path / "SEND", tmp_path / "RECEIVE", TAG)


@pytest.mark.parametrize("tag", ["", "../../../etc/cron", "00C0FFEE00C0FFEE", TAG + "\n"])
def test_a_tag_that_is_none_is_refused(tmp_path: Path, tag: str) -> None:
    with pytest.raises(ChannelError, match="16 hex digits"):
        Settings(tmp_path, tmp_path, tag)


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(ChannelError, match="lacks receive, tag"):
        connect({"send": "SEND"})
