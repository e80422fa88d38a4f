"""The commands of ``examples/mail`` work, in their order."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backbone.demo.commands import program
from backbone.demo.mailstack import MailStack
from backbone.demo.mailstack.standing import read
from backbone.trackers.roundup.install import install
from tests.acceptance.nodes import BOUND_SECONDS, HOUSE, environment
from tests.support.mail import wait_until
from tests.support.roundup import with_people

FOLDER = HOUSE / "examples" / "mail"
README = (FOLDER / "README.md").read_text()
SIDES = {"acme": ("classic", "issue", ["alice", "beta.bob"]), "beta": ("responsive", "bug", ["ext.alice", "bob"])}


@pytest.fixture
def servers(stack_folder: Path, mail_stack: MailStack) -> Iterator[Path]:
    """Started as the README says, in a folder of this test."""
    assert mail_stack.ca_file.exists()
    (line,) = re.findall(r"^sudo \.venv/bin/python (.* /tmp/mail .*)$", README, re.MULTILINE)
    words = [str(stack_folder) if word == "/tmp/mail" else word for word in line.split()]
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: read(stack_folder) is not None or process.poll() is not None)
        yield stack_folder
    finally:
        process.terminate()
        process.wait(BOUND_SECONDS)


class Admin:
    """Types the README's lines on one node."""

    def __init__(self, place: Path, name: str, servers: Path) -> None:
        self._node, self._out, self._servers = place / name, place / "beta.handshake", servers
        template, issue_class, people = SIDES[name]
        home = place / f"{name}-tracker"
        install(home, template, name, "http://127.0.0.1:1/", "secret")
        with_people(home, people)
        self.run("init", str(self._node), "--name", name, "--anchor", str(place / f"{name}.anchor"))
        self.run("tracker", "add", "main", "--kind", "roundup", "--home", str(home), "--class", issue_class)
        self.run("tracker", "prepare")

    def run(self, *words: str, answer: str = "") -> str:
        done = subprocess.run(
            [*program(), *([] if words[0] == "init" else ["-C", str(self._node)]), *words],
            cwd=FOLDER, env=environment(), input=answer, capture_output=True, text=True, check=False,
            timeout=BOUND_SECONDS,
        )  # fmt: skip
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def type(self, begin: str, *more: str, **replaced: str) -> str:
        """The README's one command that begins so, with this test's places."""
        (line,) = set(re.findall(rf"^backbone ({begin}.*)$", README.split("## 2.")[1], re.MULTILINE))
        places = {"/tmp/mail": str(self._servers), "beta.handshake": str(self._out)} | replaced
        for there, here in places.items():
            line = line.replace(there, here)
        return self.run(*line.split(), *more)


def test_two_nodes_are_linked_by_the_lines_of_the_readme(place: Path, servers: Path) -> None:
    acme, beta = Admin(place, "acme", servers), Admin(place, "beta", servers)
    assert "sends and receives" in acme.type("mail add --file")
    assert "sends and receives" in beta.type("mail add --file", **{"acme@acme": "beta@beta"})
    assert "The handshake file is" in acme.type("link create")
    assert "invitation from      acme" in beta.type("handshake show")
    assert "Link acme was made" in beta.type("link join", "--yes")


def test_the_servers_say_what_the_readme_shows(stack_folder: Path, mail_stack: MailStack) -> None:
    """Word for word, but for the ports and the folder."""
    assert mail_stack.ca_file.exists()
    shown = README.split("```\n")[3]
    process = subprocess.Popen(
        [sys.executable, "-m", "backbone.demo.mailstack", str(stack_folder), "acme@acme.example", "beta@beta.example"],
        stdout=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: read(stack_folder) is not None or process.poll() is not None)
    process.terminate()
    said, _ = process.communicate(timeout=BOUND_SECONDS)
    assert re.sub(r"\d{5}", "N", said.replace(str(stack_folder), "/tmp/mail")) == re.sub(r"\d{5}", "N", shown)
