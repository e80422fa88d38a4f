"""A directory counts only while it is there with its sentinel, wherever the links lead at that moment."""

from pathlib import Path

import pytest

from channels.base import ChannelUnavailable
from channels.directory.place import resolve, sentinel_name
from tests.contract.channels import TAG


def ready(path: Path) -> Path:
    path.mkdir()
    (path / sentinel_name(TAG)).touch()
    return path


def test_links_are_followed_to_the_real_directory(tmp_path: Path) -> None:
    real = ready(tmp_path / "real")
    (tmp_path / "one").symlink_to(real)
    (tmp_path / "two").symlink_to("one")
    assert resolve(tmp_path / "two", TAG).path == str(real)


def test_a_swapped_link_is_another_place(tmp_path: Path) -> None:
    ready(tmp_path / "old")
    ready(tmp_path / "new")
    link = tmp_path / "link"
    link.symlink_to("old")
    before = resolve(link, TAG)
    link.unlink()
    link.symlink_to("new")
    assert resolve(link, TAG) != before


def test_a_directory_made_anew_is_another_place(tmp_path: Path) -> None:
    real = ready(tmp_path / "real")
    before = resolve(real, TAG)
    real.rename(tmp_path / "aside")
    ready(real)
    assert resolve(real, TAG) != before


def test_without_the_sentinel_the_share_is_not_mounted(tmp_path: Path) -> None:
    (tmp_path / "mountpoint").mkdir()
    with pytest.raises(ChannelUnavailable, match="mount the share"):
        resolve(tmp_path / "mountpoint", TAG)


def test_another_link_s_sentinel_is_not_ours(tmp_path: Path) -> None:
    real = ready(tmp_path / "real")
    with pytest.raises(ChannelUnavailable, match="backbone-ffff"):
        resolve(real, "f" * 16)


def test_a_sentinel_that_is_a_link_is_none(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / sentinel_name(TAG)).symlink_to("/etc/hostname")
    with pytest.raises(ChannelUnavailable, match="not a plain file"):
        resolve(tmp_path / "real", TAG)


def test_circles_files_and_nothing_are_told(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "file").touch()
    for name, words in (("circle", "circle"), ("file", "not a directory"), ("absent", "mount the share")):
        with pytest.raises(ChannelUnavailable, match=words):
            resolve(tmp_path / name, TAG)
