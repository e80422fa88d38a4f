"""An admin is told by mail and by webhook what a running node finds wrong, and a monitoring system by an exit code."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backbone.demo.mailstack import Account, MailStack
from backbone.demo.mailstack.standing import account_text
from tests.acceptance.nodes import NodeAtWork, until
from tests.support.mail import lies_in
from tests.support.webhook import Hook, webhook

ALARMS = """
[alarms]
mail = "main"
to = ["{to}"]
webhook = "{url}"
ca_file = "{ca_file}"
settle_minutes = 0
disk_free_mb = {disk_free_mb}
"""


@pytest.fixture
def hook(mail_stack: MailStack) -> Iterator[Hook]:
    tls = mail_stack.ca_file.parent
    with webhook(tls / "server.pem", tls / "server.key") as here:
        yield here


@pytest.fixture
def node(short_folder: Path) -> Iterator[NodeAtWork]:
    one = NodeAtWork(short_folder, "alice", "bob")
    yield one
    one.close()


def settle(node: NodeAtWork, stack: MailStack, hook: Hook, admin: Account, disk_free_mb: int) -> None:
    """An account for the node, and [alarms] that names everybody."""
    account = stack.add_account()
    secret = node.root / "password"
    secret.touch(mode=0o600)
    secret.write_text(account.password)
    file = node.root / "account.toml"
    file.write_text(account_text(stack, account.address, secret))
    node.cli("mail", "add", "--file", str(file))
    config = node.folder / "backbone.toml"
    table = ALARMS.format(to=admin.address, url=hook.url, ca_file=stack.ca_file, disk_free_mb=disk_free_mb)
    config.write_text(config.read_text() + table)


def test_a_running_node_tells_what_is_wrong_and_monitoring_sees_it(
    node: NodeAtWork, mail_stack: MailStack, hook: Hook
) -> None:
    admin = mail_stack.add_account()
    settle(node, mail_stack, hook, admin, disk_free_mb=10**9)
    node.start()
    until("both are told", lambda: len(hook.came) == 1 and lies_in(mail_stack, admin) == 1)
    node.stop()
    assert [alarm["kind"] for alarm in hook.came[0]["alarms"]] == ["disk"]
    said = node.cli("status", "--check", expected=6)
    assert said.stdout.startswith(f"ALARM: {node.folder}: only ")
    (listed,) = node.json("alarm", "list")
    assert (listed["kind"], listed["told"]) == ("disk", True)
    node.cli("sync")
    assert (len(hook.came), lies_in(mail_stack, admin)) == (1, 1)


def test_a_test_reaches_everybody_or_says_who_was_not_reached(
    node: NodeAtWork, mail_stack: MailStack, hook: Hook
) -> None:
    admin = mail_stack.add_account()
    settle(node, mail_stack, hook, admin, disk_free_mb=1)
    assert node.cli("status", "--check").stdout == "OK: nothing is wrong\n"
    said = node.cli("alarm", "test").stdout
    assert said == f"{admin.address} was told.\nThe webhook was told.\n"
    until("the mail is there", lambda: lies_in(mail_stack, admin) == 1)
    hook.answers.append((500, {}))
    refused = node.cli("alarm", "test", expected=4)
    assert refused.stdout == f"{admin.address} was told.\n"
    assert "the webhook at 127.0.0.1 answered 500" in refused.stderr
    assert "s3cret" not in refused.stdout + refused.stderr
