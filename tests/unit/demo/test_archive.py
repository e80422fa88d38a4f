"""What an archive is, its content says; what is none gets one clear sentence."""

import lzma
from pathlib import Path

import pytest

from backbone.demo import archive
from backbone.errors import UsageError
from tests.unit.demo.archives import github, github_issue, jira, jira_issue


@pytest.mark.parametrize("name", ["a.json", "a.json.xz", "misleading.tar.xz"])
def test_a_github_archive_is_known_by_its_content(tmp_path: Path, name: str) -> None:
    assert [issue.key for issue in archive.load(github(tmp_path / name, [github_issue(4)]))] == ["4"]


@pytest.mark.parametrize("name", ["a.tar", "a.tar.xz", "misleading.json"])
def test_a_jira_archive_is_known_by_its_content(tmp_path: Path, name: str) -> None:
    path = jira(tmp_path / name, {"A-1.json": jira_issue("A-1")})
    assert [issue.key for issue in archive.load(path)] == ["A-1"]


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"[1, 2]", b"{", b'{"issues": 3}', b"\xfd7zXZ\x00broken", lzma.compress(b'{"issues": []}')[:-9]],
)
def test_what_is_no_archive_is_refused_with_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "thing.bin"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"thing\.bin .*\."):
        archive.load(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="absent"):
        archive.load(tmp_path / "absent.json")


def test_an_archive_that_unpacks_without_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "UNPACKED_BYTES_MAX", 100_000)
    path = jira(tmp_path / "bomb.tar.xz", {"A-1.json": b" " * 1_000_000})
    with pytest.raises(UsageError, match="unpacks to more than 100000 bytes"):
        archive.load(path)


def test_the_tls_archive_holds_what_its_readme_says() -> None:
    path = Path(__file__).parents[3].parent / "shared" / "data" / "tls13-spec-archive.json.xz"
    if not path.exists():
        pytest.skip(f"the public archive {path.name} is not beside the project")
    corpus = archive.load(path)
    assert (len(corpus), corpus.comment_count) == (446, 963)
    issues = list(corpus)
    assert (len(issues), sum(len(issue.comments) for issue in issues)) == (446, 963)
    assert corpus.notes["pull requests left out"] == 998
