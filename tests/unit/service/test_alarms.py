"""What is wrong with a node is told once, to everybody who is named, until it was taken."""

import asyncio
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import structlog

from backbone.config import load_node
from backbone.errors import UsageError
from backbone.service.links.progress import save
from backbone.service.node import Node, create_node, open_node
from backbone.service.watching import alarms, telling
from backbone.service.watching.metrics import Figures, serving
from backbone.service.watching.picture import Slow
from backbone.service.watching.status import status
from backbone.store import alarms as store
from backbone.store import links, lists
from tests.support.webhook import Hook, webhook
from tests.unit.service.test_node import ACTIVE

FULL = "disk_free_mb = 1000000000"
"""No disk has so much."""
START = datetime(2026, 11, 20, 12, 0).timestamp()  # noqa: DTZ001 - the admin's own time of the day


@pytest.fixture
def hook() -> Iterator[Hook]:
    with webhook() as here:
        yield here


class Watched:
    """A node that is looked at by hand, at a time that the test sets."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.now = START
        node.clock = lambda: self.now

    async def look(self, minutes: float = 0.0) -> list[str]:
        """What was in the way of telling."""
        self.now += minutes * 60
        await alarms.look(self.node, Slow())
        return await telling.tell_due(self.node)

    def set(self, **changed: Any) -> None:
        """As if the admin had edited [alarms]."""
        table = self.node.config.alarms.model_copy(update=changed)
        self.node.config = self.node.config.model_copy(update={"alarms": table})


def run(folder: Path, settings: str, story: Callable[[Watched], Awaitable[None]]) -> None:
    """Tell a story over a fresh node with these lines in [alarms]."""
    create_node(folder / "node", "acme", folder / "anchor.json")
    config = folder / "node" / "backbone.toml"
    config.write_text(f"{config.read_text()}\n[alarms]\n{settings}\n")

    async def tell() -> None:
        async with open_node(folder / "node", exclusive=True) as node:
            await story(Watched(node))

    asyncio.run(tell())


def test_an_alarm_is_told_once_and_once_when_it_is_over(tmp_path: Path, hook: Hook) -> None:
    async def story(one: Watched) -> None:
        assert [await one.look(minutes) for minutes in (0, 1, 1)] == [[], [], []]
        assert hook.came == []
        for _ in range(10):
            await one.look(1)
        (begun,) = hook.came
        assert (begun["node"], begun["event"]) == ("acme", "alarm")
        assert begun["text"].startswith(f"{one.node.folder.path}: only ")
        assert [(a["what"], a["kind"], a["level"]) for a in begun["alarms"]] == [("begins", "disk", 2)]
        one.set(disk_free_mb=0)
        for _ in range(10):
            await one.look(1)
        assert [said["event"] for said in hook.came] == ["alarm", "over"]
        assert "(it lasted 18 minutes)" in hook.came[1]["text"]

    run(tmp_path, f'webhook = "{hook.url}"\n{FULL}', story)


def test_what_a_process_did_not_come_to_tell_the_next_one_tells(tmp_path: Path, hook: Hook) -> None:
    async def story(one: Watched) -> None:
        await alarms.look(one.node, Slow())
        assert hook.came == []

    run(tmp_path, f'webhook = "{hook.url}"\nsettle_minutes = 0\n{FULL}', story)

    async def next_one() -> None:
        async with open_node(tmp_path / "node", exclusive=True) as node:
            await alarms.once(node)
            await alarms.once(node)

    asyncio.run(next_one())
    assert [said["event"] for said in hook.came] == ["alarm"]


def test_what_is_wrong_together_is_told_together(tmp_path: Path, hook: Hook) -> None:
    async def story(one: Watched) -> None:
        one.node.store.run_now(_link)
        one.node.store.run_now(lambda tx: lists.set_aside(tx, 1, "parcel", "the brake squeals", 0.0))
        await one.look()
        (said,) = hook.came
        assert {a["kind"] for a in said["alarms"]} == {"disk", "quarantine", "silent"}
        (shown,) = status(one.node.store)
        assert [sentence for sentence in shown.alarms if "nothing was heard of the partner for 2 days" in sentence]
        assert said["subject"] == "[backbone acme] 3 alarms"
        assert "squeals" not in str(said)

    run(tmp_path, f'webhook = "{hook.url}"\nsettle_minutes = 0\n{FULL}', story)


def _link(tx: Any) -> None:
    links.add(
        tx, name="beta", link_id="ab" * 16, side="master", pairing=save(ACTIVE), state="active", home="",
        our_fingerprint="", agreement={}, created_at=START - 51 * 3600,
    )  # fmt: skip


def test_what_was_not_taken_is_told_again_ever_more_slowly_under_the_same_id(tmp_path: Path, hook: Hook) -> None:
    hook.answers += [(500, {}), (503, {}), (200, {})]

    async def story(one: Watched) -> None:
        assert ["answered 500" in words for words in await one.look()] == [True]
        assert await one.look(0.5) == []
        assert len(await one.look(0.5)) == 1
        assert await one.look(1.5) == []
        assert len(hook.came) == 2
        assert await one.look(0.5) == []
        assert len(hook.came) == 3
        assert len(set(hook.keys)) == 1
        assert hook.keys[0] == hook.came[0]["id"]
        for _ in range(5):
            await one.look(60)
        assert len(hook.came) == 3

    run(tmp_path, f'webhook = "{hook.url}"\nsettle_minutes = 0\n{FULL}', story)


def test_a_webhook_that_asks_for_patience_gets_it(tmp_path: Path, hook: Hook) -> None:
    hook.answers.append((429, {"Retry-After": "3000"}))

    async def story(one: Watched) -> None:
        assert len(await one.look()) == 1
        await one.look(49)
        assert len(hook.came) == 1
        await one.look(1)
        assert len(hook.came) == 2

    run(tmp_path, f'webhook = "{hook.url}"\nsettle_minutes = 0\n{FULL}', story)


def test_after_three_days_it_is_given_up_and_stays_on_the_list(tmp_path: Path, hook: Hook) -> None:
    hook.answers += [(500, {})] * 3

    async def story(one: Watched) -> None:
        await one.look()
        await one.look(60)
        await one.look(3 * 24 * 60)
        (row,) = one.node.store.read_now(store.untold)
        assert (row.state, row.attempts) == ("given up", 3)
        await one.look(24 * 60)
        assert len(hook.came) == 3

    run(tmp_path, f'webhook = "{hook.url}"\nsettle_minutes = 0\n{FULL}', story)


def test_a_redirection_is_not_followed_and_no_sentence_holds_the_address(tmp_path: Path, hook: Hook) -> None:
    with webhook() as other:
        hook.answers.append((307, {"Location": other.url}))

        async def story(one: Watched) -> None:
            (words,) = await one.look()
            assert "127.0.0.1 answered 307" in words
            assert "s3cret" not in words
            assert other.came == []

        run(tmp_path, f'webhook = "{hook.url}"\nsettle_minutes = 0\n{FULL}', story)


def test_a_webhook_that_is_away_is_no_end_of_the_look(tmp_path: Path) -> None:
    with webhook() as gone:
        url = gone.url

    async def story(one: Watched) -> None:
        (words,) = await one.look()
        assert "cannot be reached (ConnectError)" in words
        assert "s3cret" not in words

    run(tmp_path, f'webhook = "{url}"\nsettle_minutes = 0\n{FULL}', story)


def test_the_address_may_stand_in_a_file_of_its_own(tmp_path: Path, hook: Hook) -> None:
    async def story(one: Watched) -> None:
        secret = one.node.folder.path / "hook.secret"
        secret.write_text(f"{hook.url}\n")
        secret.chmod(0o644)
        (words,) = alarms.problems(one.node)
        assert "chmod 600" in words
        secret.chmod(0o600)
        assert alarms.problems(one.node) == []
        assert await alarms.test(one.node) == [(("webhook", ""), "")]
        assert hook.came[0]["event"] == "test"
        secret.write_text("http://elsewhere.example/s3cret\n")
        (words,) = alarms.problems(one.node)
        assert "begins with https://" in words
        assert "s3cret" not in words

    run(tmp_path, 'webhook_file = "hook.secret"', story)


def test_a_test_without_anybody_to_tell_is_wrong_usage(tmp_path: Path) -> None:
    async def story(one: Watched) -> None:
        with pytest.raises(UsageError, match="names nobody"):
            await alarms.test(one.node)
        await one.look()
        (standing,) = one.node.store.read_now(store.standing)
        assert standing.told_level == 0

    run(tmp_path, FULL, story)


def test_the_day_is_told_once_a_day_at_its_time(tmp_path: Path, hook: Hook) -> None:
    async def story(one: Watched) -> None:
        one.node.store.run_now(_link)
        await one.look()
        assert [said["event"] for said in hook.came] == ["digest"]
        assert "beta: active, 0 issues" in hook.came[0]["text"]
        assert "Nothing is wrong." not in hook.came[0]["text"]
        for _ in range(26):
            await one.look(30)
        assert len([said for said in hook.came if said["event"] == "digest"]) == 1
        for _ in range(14):
            await one.look(30)
        assert len([said for said in hook.came if said["event"] == "digest"]) == 2

    run(tmp_path, f'webhook = "{hook.url}"\ndigest_at = "07:00"', story)


def test_figures_are_served_on_the_loopback_address(tmp_path: Path) -> None:
    async def story(one: Watched) -> None:
        one.node.store.run_now(_link)
        figures = Figures(one.node)
        figures.alarms = await alarms.look(one.node, Slow())
        port = _free_port()
        with serving(figures, port, structlog.get_logger()):
            url = f"http://127.0.0.1:{port}/metrics"
            page = await asyncio.to_thread(lambda: urllib.request.urlopen(url, timeout=30).read().decode())
        assert 'backbone_link_active{link="beta"} 1.0' in page
        assert 'backbone_messages_waiting{link="beta"} 0.0' in page
        assert 'backbone_alarm{about="beta",kind="silent"} 1.0' in page

    run(tmp_path, "", story)


def test_a_port_that_is_taken_is_only_logged(tmp_path: Path) -> None:
    async def story(one: Watched) -> None:
        port = _free_port()
        with structlog.testing.capture_logs() as said, serving(Figures(one.node), port, structlog.get_logger()):
            assert said == []
            with serving(Figures(one.node), port, structlog.get_logger()):
                assert "set another metrics_port" in said[0]["reason"]

    run(tmp_path, "", story)


def _free_port() -> int:
    with webhook() as once:
        return int(once.url.split(":")[2].split("/")[0])


def test_an_account_that_is_none_is_found_by_the_doctor(tmp_path: Path) -> None:
    async def story(one: Watched) -> None:
        (words,) = alarms.problems(one.node)
        assert "there is no mail account 'main'" in words
        assert load_node(one.node.folder).alarms.tells

    run(tmp_path, 'mail = "main"\nto = ["ops@acme.example"]', story)


def test_a_store_that_cannot_be_read_ends_nothing(tmp_path: Path, hook: Hook) -> None:
    async def story(one: Watched) -> None:
        one.node.store.run_now(lambda tx: tx.exec_driver_sql("ALTER TABLE alarm RENAME TO elsewhere"))
        with structlog.testing.capture_logs() as said:
            await alarms.once(one.node)
        assert [line["event"] for line in said] == ["not looked"]
        assert hook.came == []

    run(tmp_path, f'webhook = "{hook.url}"', story)
