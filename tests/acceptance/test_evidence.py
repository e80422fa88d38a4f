"""Evidence about an issue is checked by somebody who has nothing of ours: with gpg, by the commands of its README."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from backbone.model import Cell
from tests.acceptance.nodes import NodeAtWork, two_nodes, until
from tests.acceptance.test_restore import local, paired, same

TITLE, STATUS = Cell("title"), Cell("status")


def commands(folder: Path) -> list[str]:
    """The lines of all fenced blocks, as a reader would type them."""
    blocks = re.findall(r"^```\n(.*?)^```", (folder / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def check(folder: Path) -> subprocess.CompletedProcess[str]:
    """A third party types all of it, in a shell that ends at the first failure: no Backbone, no keys, an empty home."""
    with tempfile.TemporaryDirectory(prefix="third-") as home:
        environment = {"PATH": os.environ["PATH"], "HOME": home, "TMPDIR": home, "LC_ALL": "C.UTF-8"}
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", "\n".join(commands(folder))],
            check=False, cwd=folder, env=environment, capture_output=True, text=True, timeout=60,
        )  # fmt: skip


def told(node: NodeAtWork, issue: str, folder: Path, unanswered: int = 0) -> dict[str, object]:
    """Export, again and again until the partner has told enough."""
    found: dict[str, object] = {}

    def look() -> bool:
        shutil.rmtree(folder, ignore_errors=True)
        found.update(node.json("evidence", "export", issue, "--out", str(folder)))
        return found["unanswered"] == unanswered

    until("the partner's receipts", look)
    return found


@pytest.fixture
def folders(place: Path) -> tuple[Path, Path]:
    """What both sides export about one issue that both have changed."""
    with two_nodes(place) as (alice, bob):
        paired(place, alice, bob)
        alice.tracker.create({TITLE: "a broken wheel", STATUS: "new"}, "ann")
        alice.tracker.create({TITLE: "of no concern", STATUS: "new"}, "ann")
        until("both issues there", lambda: same(alice, bob, 2))
        bob.tracker.edit(local(bob, "a broken wheel"), {TITLE: "a mended wheel"}, "bob")
        until("his edit here", lambda: same(alice, bob, 2))
        alice.tracker.edit(local(alice, "a mended wheel"), {STATUS: "closed"}, "ann")
        until("two receipts here and one there", lambda: True)
        ours, theirs = place / "of-alice", place / "of-bob"
        until("both edits sent", lambda: told(alice, local(alice, "a mended wheel"), ours)["sent"] == 2)
        assert told(bob, local(bob, "a mended wheel"), theirs)["sent"] == 1
        for node in (alice, bob):
            node.stop()
        return ours, theirs


def test_the_commands_of_the_readme_prove_it_and_a_changed_folder_fails(folders: tuple[Path, Path]) -> None:
    for folder, words in zip(folders, ("closed", "a mended wheel"), strict=True):
        done = check(folder)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"
        assert "VALIDSIG" in done.stdout
        assert re.search(r"receipts/\S+|applied", done.stdout)
        assert "Backbone" not in done.stderr
        assert any(words in file.read_text() for file in (folder / "sent").iterdir())
        assert list((folder / "received").glob("*.gpg"))
    for spoil in SPOILED:
        shutil.rmtree(spoiled := folders[0].with_name("spoiled"), ignore_errors=True)
        shutil.copytree(folders[0], spoiled)
        spoil(spoiled)
        summed(spoiled)
        assert check(spoiled).returncode != 0, spoil.__name__


def test_after_a_restore_both_sides_prove_what_the_state_told(place: Path) -> None:
    with two_nodes(place) as (alice, bob):
        paired(place, alice, bob)
        alice.tracker.create({TITLE: "a broken wheel", STATUS: "new"}, "ann")
        until("the issue there", lambda: same(alice, bob, 1))
        bob.cli("backup", str(place / "bob.backup"))
        alice.tracker.edit(local(alice, "a broken wheel"), {TITLE: "a mended wheel"}, "ann")
        until("her edit there", lambda: same(alice, bob, 1))
        issue, ours, theirs = local(alice, "a mended wheel"), place / "of-alice", place / "of-bob"
        until("the edit told", lambda: told(alice, issue, ours)["sent"] == 2)
        bob.stop()
        bob.cli("restore", str(place / "bob.backup"), "--yes")
        bob.start()
        until("the state told", lambda: told(alice, issue, ours)["sent"] == 3)
        assert told(bob, local(bob, "a mended wheel"), theirs)["received"] == 2  # the edit was forgotten
        for node in (alice, bob):
            node.stop()
        for folder, state in ((ours, ours / "sent/0003.txt"), (theirs, theirs / "received/0002.txt")):
            done = check(folder)
            assert done.returncode == 0, f"{done.stdout}{done.stderr}"
            assert "a mended wheel" in state.read_text()


def summed(folder: Path) -> None:
    """Whoever changes the folder can make its sums anew: these alone prove nothing."""
    names = [line.split("  ")[1] for line in (folder / "SHA256SUMS").read_text().splitlines()]
    sums = subprocess.run(["sha256sum", *names], cwd=folder, check=True, capture_output=True, text=True).stdout
    (folder / "SHA256SUMS").write_text(sums)


def _first(folder: Path, pattern: str) -> Path:
    return min(folder.glob(pattern))


def another_value(folder: Path) -> None:
    file = _first(folder, "sent/*.txt")
    file.write_text(file.read_text().replace("wheel", "whale"))


def another_word_of_the_partner(folder: Path) -> None:
    file = _first(folder, "receipts/*.txt")
    file.write_text(file.read_text().replace(" applied", " refused"))


def another_receipt(folder: Path) -> None:
    file = _first(folder, "receipts/*.gpg")
    data = bytearray(file.read_bytes())
    data[data.rindex(b" applied") + 1] ^= 1
    file.write_bytes(data)


def another_message(folder: Path) -> None:
    file = _first(folder, "received/*.gpg")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def somebody_elses_key(folder: Path) -> None:
    shutil.copy(_first(folder, "keys/alice.asc"), _first(folder, "keys/partner-*.asc"))


SPOILED: tuple[Callable[[Path], None], ...] = (
    another_value, another_word_of_the_partner, another_receipt, another_message, somebody_elses_key,
)  # fmt: skip


def test_what_cannot_be_exported_is_said(place: Path) -> None:
    with two_nodes(place) as (alice, bob):
        paired(place, alice, bob)
        assert "no issue '77' is shared" in alice.cli("evidence", "export", "77", expected=2).stderr
        alice.stop()
        bob.stop()
        (dry,) = alice.json("prune", "--dry-run")
        (done,) = alice.json("prune")
        assert (dry["evidence"], done["evidence"], done["evidence_days"]) == (0, 0, 1095.0)
