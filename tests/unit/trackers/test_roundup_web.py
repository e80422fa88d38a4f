"""The tracker's own pages over loopback."""

import asyncio
import socket
import sys
import urllib.request
from asyncio.subprocess import PIPE
from pathlib import Path

from backbone.trackers.roundup import prepare
from backbone.trackers.roundup.install import install
from tests.support.roundup import RoundupHarness

START_SECONDS_MAX = 20.0


async def test_an_issue_has_a_page_over_loopback(tmp_path: Path) -> None:
    port = _free_port()
    home = tmp_path / "home"
    install(home, "classic", "pages", f"http://127.0.0.1:{port}/", "secret")
    prepare({"home": str(home), "class": "issue"})
    people = RoundupHarness(home, "classic")
    local = people.create("A title for the page", "admin")
    await people.close()
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "ignore", "-m", "backbone.trackers.roundup.web", home, str(port)), stdout=PIPE
    )
    try:
        assert server.stdout is not None
        said = await asyncio.wait_for(server.stdout.readline(), START_SECONDS_MAX)
        assert said.decode().strip() == f"serving http://127.0.0.1:{port}/"
        page = await asyncio.to_thread(_fetch, f"http://127.0.0.1:{port}/issue{local}")
    finally:
        server.kill()
        await server.communicate()
    assert "A title for the page" in page


def _fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=START_SECONDS_MAX) as answer:
        return str(answer.read(), "utf-8")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
