"""What both halves of a link are made of: an agreement and a mapping that fit the tracker, keys, a file, a row.

What was written when something fails is taken back.
"""

import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from backbone.config import LinkConfig, check_name, link_template, load_link, read_tables
from backbone.errors import ConfigError, HandshakeRefused, Unreachable, UsageError
from backbone.model import FieldType, Schema
from backbone.replication.agreement import Agreement
from backbone.replication.mapping import Rules, Translation
from backbone.replication.merge import Side
from backbone.replication.scope.judging import Scope
from backbone.richtext import CONVERT
from backbone.service.links.progress import Progress, save
from backbone.service.node import Node
from backbone.service.parties import channel_settings, key_passphrase, open_tracker
from backbone.store import links
from backbone.store.engine import Connection
from channels.base import ChannelError
from handshake import keyring
from handshake.base import KeyRing
from handshake.errors import HandshakeError, KeyRingError

TIME = "%Y-%m-%dT%H:%M:%SZ"
"""As times stand in the handshake's documents."""
SKIPPED_FIELDS = frozenset({FieldType.RELATION, FieldType.USER, FieldType.USERS, FieldType.TABLE})
"""Not proposed by themselves: they need to be agreed upon."""


async def check_new(node: Node, name: str) -> None:
    """Whether a link of that name can be made. Raises ``UsageError``."""
    taken = await node.store.read(lambda tx: links.by_name(tx, check_name(name)))
    if taken is not None or node.folder.link_file(name).exists():
        raise UsageError(f"there is a link {name!r} already: choose another name")


async def schema_of(node: Node, name: str) -> Schema:
    """What the tracker of that name has."""
    tracker = open_tracker(node, name)
    try:
        return await tracker.describe()
    finally:
        await tracker.close()


@asynccontextmanager
async def new_keys(node: Node, name: str, home: str, *, first: bool = True) -> AsyncIterator[KeyRing]:
    """New keys; when the block fails, they go again, and with a link's ``first`` ones its file."""
    folder = node.folder.gnupg(home)
    folder.parent.mkdir(exist_ok=True, mode=0o700)
    try:
        try:
            keys = await keyring.create(folder, node.name, passphrase=await key_passphrase(node))
        except KeyRingError as error:
            raise Unreachable(str(error)) from error
        try:
            yield keys
        finally:
            await keys.close()
    except BaseException as error:
        if first:
            node.folder.link_file(name).unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, HandshakeError):
            raise HandshakeRefused(str(error)) from error
        if isinstance(error, ChannelError):
            raise Unreachable(str(error)) from error
        raise


def write_config(
    node: Node, name: str, link_id: str, tracker: str, channel: Mapping[str, Any], rules: Rules
) -> LinkConfig:
    """The link's file, and what the channel needs on disk."""
    settings = dict(channel)
    if settings["kind"] == "directory":
        exchange = node.folder.exchange(name)
        settings = {"send": str(exchange / "SEND"), "receive": str(exchange / "RECEIVE"), **channel}
    text = link_template(tracker, settings, rules.model_dump(mode="json", exclude_defaults=True))
    file = node.folder.link_file(name)
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    config = load_link(node.folder, name, node.config)
    if config.channel.kind == "directory":
        from channels.directory import prepare

        resolved = channel_settings(node, name, link_id, config)
        prepare(Path(resolved["send"]), Path(resolved["receive"]), resolved["tag"])
    return config


def add_row(
    tx: Connection, node: Node, name: str, link_id: str, home: str, keys: KeyRing, progress: Progress,
    agreement: Agreement, **values: Any,
) -> int:  # fmt: skip
    """The link's row; returns its number."""
    return links.add(
        tx,
        name=name,
        link_id=link_id,
        pairing=save(progress),
        state=str(progress.pairing.stage),
        home=home,
        our_fingerprint=keys.fingerprint,
        agreement=agreement.model_dump(mode="json"),
        created_at=node.clock(),
        **values,
    )


def agreement_of(file: Path | None, schema: Schema) -> Agreement:
    """From the admin's file, or what the tracker has."""
    if file is not None:
        return Agreement.parse(read_tables(file), str(file))
    fields = {name: {"type": str(f.type)} for name, f in schema.fields.items() if f.type not in SKIPPED_FIELDS}
    return Agreement.parse({"fields": fields}, "the tracker's own fields")


def rules_of(file: Path | None, agreement: Agreement, schema: Schema) -> Rules:
    """From the admin's file, or fields of the same name."""
    if file is not None:
        return Rules.parse(read_tables(file), str(file))
    return Rules.parse({"fields": {n: {"local": n} for n in agreement.fields if n in schema.fields}}, "same names")


def check_mapping(
    agreement: Agreement, rules: Rules, schema: Schema, node: Node, file: Path | None, side: Side
) -> None:
    """Whether the mapping fits agreement and tracker. Raises ``ConfigError``."""
    words = Translation(agreement, rules, node.name, side=side, where=str(file or "the mapping"), convert=CONVERT)
    Scope(rules.scope, agreement, node.name, side, str(file or "the mapping"))
    problems = words.problems(schema)
    if problems:
        advice = "" if file else "; write a mapping file and name it with --mapping"
        raise ConfigError(f"{file or 'fields of the same name'}: {'; '.join(problems)}{advice}")
