"""What an admin sees of a proposed agreement: the difference in words, and whether our own file fits it."""

from dataclasses import dataclass
from typing import Any

from backbone.config import load_link
from backbone.errors import ConfigError, UsageError
from backbone.replication.agreement import Agreement
from backbone.replication.differing import sentences
from backbone.replication.merge import Side
from backbone.replication.proposing import Stage, Talks
from backbone.service.links import linking, talks
from backbone.service.links.talks import talks_in
from backbone.service.node import Node
from backbone.service.parties import open_tracker, scope_of, translation_of
from backbone.store import proposals
from backbone.store.links import LinkRow
from backbone.store.proposals import Version


@dataclass(frozen=True, slots=True)
class Review:
    """``differences`` from what is in effect; ``problems`` of our own file with what is proposed."""

    version: int
    side: str
    turning: bool
    proposed: int | None
    stage: str
    digest: str
    differences: tuple[str, ...]
    problems: tuple[str, ...]
    told: bool
    """It is what the partner told after our store was put back: in effect there, and forgotten here."""
    refused: str
    """Why the partner refused the last proposal, where it did."""


async def review(node: Node, row: LinkRow) -> Review:
    """How the talks about the agreement stand. Raises ``BackboneError``."""
    stand, every = await node.store.read(lambda tx: (talks_in(tx, row), proposals.every(tx, row.id)))
    told = proposals.told_one(every)
    open_ = told or proposals.open_one(every)
    differences: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    if open_ is not None:
        agreement = proposals.agreement_of(open_)
        differences = tuple(sentences(present(row), agreement, Side(row.side)))
        problems = tuple(await misfits(node, row, agreement))
    return Review(
        stand.present.version, row.side, stand.turning, open_.version if open_ else None,
        str(open_.stage) if open_ else "", open_.digest.hex() if open_ else "", differences, problems,
        told is not None, _refused(stand, every),
    )  # fmt: skip


async def adopt(node: Node, row: LinkRow) -> None:
    """What the partner told is agreed upon: the link is joined anew by it. Raises ``UsageError``."""
    await node.store.run(lambda tx: talks.adopt(tx, row, node.clock()))
    await linking.resync(node, row.name)


def _refused(stand: Talks, every: list[Version]) -> str:
    last = every[-1] if every else None
    if last is None or last.stage is not Stage.REFUSED or last.version < stand.present.version:
        return ""
    return f"version {last.version} was refused{f': {last.reason}' if last.reason else ''}"


def present(row: LinkRow) -> Agreement:
    """The agreement by which we write."""
    return Agreement.parse(row.agreement, f"the agreement of link {row.name}")


async def misfits(node: Node, row: LinkRow, agreement: Agreement) -> list[str]:
    """Why the link's file, as it is, does not fit another agreement; a sentence each. Raises ``BackboneError``."""
    tracker = open_tracker(node, load_link(node.folder, row.name, node.config).link.tracker)
    try:
        words = translation_of(node, row, agreement, tracker.user)
        file = node.folder.link_file(row.name)
        problems = [f"{file}: {problem}" for problem in words.problems(await tracker.describe())]
    finally:
        await tracker.close()
    try:
        scope_of(node, row, agreement)
    except ConfigError as error:
        problems.append(str(error))
    return problems


async def compare(node: Node, row: LinkRow, agreement: Agreement) -> tuple[list[str], list[str]]:
    """Before it is proposed: the differences in words, and the misfits. Raises ``UsageError`` where it cannot be."""
    if row.side != Side.MASTER:
        raise UsageError("only the master of a link proposes another agreement: ask the partner's admin to do it")
    differences = sentences(present(row), agreement, Side.MASTER)
    if not differences:
        raise UsageError("this is what is agreed upon already: nothing to propose")
    return differences, await misfits(node, row, agreement)


def as_file(row: LinkRow) -> dict[str, Any]:
    """The agreement in effect, without what goes without saying."""
    plain: dict[str, Any] = present(row).model_dump(mode="json", exclude_defaults=True)
    return plain
