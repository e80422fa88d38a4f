"""What an admin is told, and that all is well when it is."""

from pathlib import Path

from channels.directory import Settings, connect, prepare
from channels.directory.check import check
from tests.contract.channels import TAG, parcel
from tests.unit.channels.directory.conftest import Share, file_name


async def test_all_is_well_and_nothing_is_left_behind(share: Share) -> None:
    assert await share.alice.check() == []
    assert [path.name for path in share.there.iterdir()] == [f".backbone-{TAG}"]


async def test_each_missing_directory_is_told(tmp_path: Path) -> None:
    channel = connect(Settings(tmp_path / "SEND", tmp_path / "RECEIVE", TAG))
    sentences = await channel.check()
    assert [str(tmp_path / name) in sentence for name, sentence in zip(("SEND", "RECEIVE"), sentences, strict=True)]
    await channel.close()


async def test_a_missing_sentinel_is_told(share: Share) -> None:
    (share.there / f".backbone-{TAG}").unlink()
    [sentence] = await share.bob.check()
    assert "prepare the link's directories again" in sentence


def test_sides_that_both_write_to_one_directory_are_told(tmp_path: Path) -> None:
    shared, empty = tmp_path / "shared", tmp_path / "empty"
    prepare(shared, empty, TAG)
    ours, theirs = file_name(parcel(1)), file_name(parcel(1, incarnation="b0b00001"))
    settings = Settings(shared, empty, TAG)
    (shared / ours).touch()
    assert check(settings, [ours]) == []
    (shared / theirs).touch()
    [sentence] = check(settings, [ours])
    assert "the partner seems to write into our SEND" in sentence
    (empty / ".done").mkdir()
    (empty / ".done" / theirs).touch()
    assert check(settings, [ours]) == []
