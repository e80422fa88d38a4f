"""A node is put back from one file, whatever stands in it."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from backbone.errors import UsageError
from backbone.service.healing import backing
from backbone.service.node import create_node

NOW = 1_700_000_000.0


def named(name: str, kind: bytes = tarfile.REGTYPE, to: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.size = kind, to, 4 if kind == tarfile.REGTYPE else 0
    return member


def files(top: Path) -> dict[Path, bytes]:
    """All that is there, but for what says who works."""
    return {path: path.read_bytes() for path in top.rglob("*") if path.is_file() and path.name != "lock"}


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """A node's folder, with a backup of it at ``backup`` beside it."""
    place = tmp_path / "in" / "alice"
    place.parent.mkdir()
    create_node(place, "alice", tmp_path / "anchor")
    (place / "links" / "bob.toml").write_text("# bob")
    backing.back_up(place, tmp_path / "backup", NOW)
    return place


def test_what_was_backed_up_is_there_again(node: Path) -> None:
    (node / "links" / "bob.toml").write_text("# spoiled")
    restored = backing.restore(node.parents[1] / "backup", node, NOW)
    assert (node / "links" / "bob.toml").read_text() == "# bob"
    assert {path.name: path.stat().st_mode & 0o777 for path in (node / "links", node / "links" / "bob.toml")} == {
        "links": 0o700,
        "bob.toml": 0o600,
    }
    assert restored.life == 2
    assert restored.kept is not None
    assert (restored.kept / "links" / "bob.toml").read_text() == "# spoiled"


def test_a_file_with_two_names_is_there_under_both(node: Path) -> None:
    (node / "links" / "eve.toml").hardlink_to(node / "links" / "bob.toml")
    backup = node.parents[1] / "another"
    backing.back_up(node, backup, NOW)
    backing.restore(backup, node, NOW)
    assert (node / "links" / "eve.toml").read_text() == (node / "links" / "bob.toml").read_text() == "# bob"


@pytest.mark.parametrize(
    "member",
    [
        lambda _: named("links/../../evil"),
        lambda _: named("links/../../../evil"),
        lambda place: named("links/there", tarfile.SYMTYPE, str(place)),
        lambda _: named("links/bob.toml", tarfile.LNKTYPE, "../../anchor"),
        lambda _: named("links/pipe", tarfile.FIFOTYPE),
        lambda _: named("links/disk", tarfile.BLKTYPE),
        lambda _: named("links/bob.toml"),
    ],
    ids=["above", "further above", "link", "hard link", "pipe", "device", "twice"],
)
def test_what_no_backup_has_is_refused_and_nothing_changes(
    node: Path, member: Callable[[Path], tarfile.TarInfo]
) -> None:
    top = node.parents[1]
    with tarfile.open(top / "backup", "a") as archive:
        archive.addfile(member(top), io.BytesIO(b"evil"))
    before = files(top)
    with pytest.raises(UsageError, match="cannot be unpacked"):
        backing.restore(top / "backup", node, NOW)
    assert files(top) == before


def test_what_is_not_of_a_node_stays_where_it_is(node: Path) -> None:
    top = node.parents[1]
    with tarfile.open(top / "backup", "a") as archive:
        archive.addfile(named("notes/of/mine"), io.BytesIO(b"mine"))
        archive.addfile(named("/etc/mine"), io.BytesIO(b"mine"))
    backing.restore(top / "backup", node, NOW)
    assert not any(path.name == "mine" for path in top.rglob("*"))
