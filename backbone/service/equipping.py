"""What an admin does with trackers: name one in ``backbone.toml``, put into it what replication needs."""

import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import entry_points
from typing import Any

from backbone.config import Folder, NodeConfig, check_name, load_link
from backbone.config.reading import parse, read_text
from backbone.config.template import quoted
from backbone.errors import ConfigError, UsageError
from backbone.service.node import Node
from backbone.service.parties import open_tracker


def kinds() -> list[str]:
    """The kinds of trackers that are installed."""
    return sorted(point.name for point in entry_points(group="backbone.trackers"))


def the_tracker(node: Node, name: str | None) -> str:
    """The tracker that is meant: the named one, or the only one. Raises ``UsageError``."""
    known = sorted(node.config.trackers)
    if name is None:
        if len(known) == 1:
            return known[0]
        advice = f"say which: {', '.join(known)}" if known else "add one with `backbone tracker add`"
        raise UsageError(f"this node has {len(known)} trackers; {advice}")
    if name not in node.config.trackers:
        advice = f"there are {', '.join(known)}" if known else "there is none yet: add it with `backbone tracker add`"
        raise UsageError(f"there is no tracker {name!r}; {advice}")
    return name


def describe(node: Node) -> list[dict[str, Any]]:
    """Each tracker: name, kind, where it is, and the links that use it. Nothing is opened."""
    used = {name: load_link(node.folder, name, node.config).link.tracker for name in node.folder.links()}
    return [
        {
            "name": name,
            "kind": table.kind,
            "place": next((str(table.settings[key]) for key in ("home", "path", "url") if key in table.settings), ""),
            "links": [link for link, tracker in used.items() if tracker == name],
        }
        for name, table in sorted(node.config.trackers.items())
    ]


async def add_tracker(node: Node, name: str, settings: Mapping[str, str | int | bool], *, dry_run: bool = False) -> str:
    """Append ``[trackers.NAME]`` to ``backbone.toml``, all else as it was; returns the table's text.

    Raises ``UsageError`` or ``ConfigError``; then the file is as before. ``dry_run`` only checks.
    """
    if check_name(name) in node.config.trackers:
        raise UsageError(f"there is a tracker {name!r} already; choose another name, or edit {node.folder.config}")
    if settings["kind"] not in kinds():
        raise UsageError(f"no tracker of kind {settings['kind']!r} is known; there are {', '.join(kinds())}")
    table = f"[trackers.{name}]\n" + "".join(f"{key} = {quoted(value)}\n" for key, value in settings.items())
    text = f"{read_text(node.folder.config).rstrip()}\n\n{table}"
    config = parse(NodeConfig, text, node.folder.config)
    tracker = open_tracker(replace(node, config=config), name)
    await tracker.close()
    if not dry_run:
        await asyncio.to_thread(_replace, node.folder, text)
    return table


async def unprepared(node: Node, name: str) -> Sequence[str]:
    """What the tracker lacks, a sentence each. Raises ``ConfigError`` or ``TrackerUnavailable``."""
    tracker = open_tracker(node, name)
    try:
        return await tracker.check()
    finally:
        await tracker.close()


async def prepare_tracker(node: Node, name: str) -> Sequence[str]:
    """Put into a tracker what replication needs; what was done, a sentence each; may be repeated.

    Raises ``ConfigError`` or ``TrackerUnavailable``.
    """
    table = node.config.trackers[name]
    prepare = _preparer(table.kind)
    if prepare is None:
        return []
    return await asyncio.to_thread(prepare, node.folder.resolved(table.settings))


def _preparer(kind: str) -> Callable[[Mapping[str, object]], Sequence[str]] | None:
    """An adapter may have a function ``prepare(settings)`` beside its entry point."""
    for point in entry_points(group="backbone.trackers"):
        if point.name == kind:
            home: Any = sys.modules[point.load().__module__]
            found: Callable[[Mapping[str, object]], Sequence[str]] | None = getattr(home, "prepare", None)
            return found
    raise ConfigError(f"no tracker of kind {kind!r} is known; there are {', '.join(kinds())}")


def _replace(folder: Folder, text: str) -> None:
    """The old file or the new one, whatever happens; the owner's permissions stay."""
    draft = folder.config.with_name(".backbone.toml.new")
    with draft.open("w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), folder.config.stat().st_mode & 0o777)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder.config)
