"""Contents of attachments that a side lacks after a restore: asked for by hash, and sent again."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field, ValidationError

from backbone.replication import limits
from backbone.replication.agreement import Strict
from backbone.replication.message import Chunk, Kind, encode_record
from backbone.service.endpoint import Endpoint
from backbone.service.flow.outbound import fetch_contents
from backbone.service.flow.recording import number
from backbone.store import blobs, lists, resync, shadows
from backbone.store.engine import Connection

TYPE = "contents"
_Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Wanted(Strict):
    """What the partner asks for."""

    type: Annotated[str, Field(pattern="^contents$")]
    sha256: Annotated[tuple[_Hash, ...], Field(max_length=limits.contents_asked)]


def ask(tx: Connection, ep: Endpoint) -> int:
    """Ask for every content that a cell waits for, or will when a person releases it, and that is not here; returns how
    many.
    """
    wanted = sorted(resync.contents_awaited(tx, ep.row) | _held(tx, ep))
    here = [sha256 for sha256 in wanted if ep.contents.has(sha256)]
    for sha256 in here:
        blobs.add_sent(tx, ep.row, sha256, ep.contents.path(sha256).stat().st_size)
    shadows.arrived(tx, ep.row, [f"sha256:{sha256}" for sha256 in here])
    lacking = [sha256 for sha256 in wanted if sha256 not in here]
    for first in range(0, len(lacking), limits.contents_asked):
        record = {"type": TYPE, "sha256": tuple(lacking[first : first + limits.contents_asked])}
        number(tx, ep, [(Kind.CTRL, encode_record(record), 0, None)])
    return len(lacking)


def _held(tx: Connection, ep: Endpoint) -> set[str]:
    values = [o.value for _, held in lists.held_change_sets(tx, ep.row) for o in held.operations]
    return {str(value["sha256"]) for value in values if isinstance(value, dict) and "sha256" in value}


async def fetch(ep: Endpoint, record: Mapping[str, Any]) -> None:
    """What the partner asks for and is not here any more is copied from the tracker once more, where it was shared."""
    try:
        asked = Wanted.model_validate(record).sha256
    except ValidationError:
        return  # it is set aside when it is taken
    lacking = {sha256 for sha256 in asked if not ep.contents.has(sha256)}
    if lacking:
        named = await ep.store.read(lambda tx: resync.issues_with(tx, ep.row, lacking))
        for issue in (await ep.tracker.read(sorted(named))).values():
            shown = {c: v for c, v in issue.cells.items() if isinstance(v, dict) and v.get("sha256") in lacking}
            await fetch_contents(ep, shown, known=True)


def send_again(tx: Connection, ep: Endpoint, record: Mapping[str, Any]) -> None:
    """Number the parts of what the partner asks for, if they are here and not under way already. Raises
    ``ValidationError``.
    """
    for sha256 in Wanted.model_validate(record).sha256:
        if ep.contents.has(sha256) and not resync.is_under_way(tx, ep.row, sha256):
            total = ep.contents.path(sha256).stat().st_size
            blobs.add_sent(tx, ep.row, sha256, total)
            number(tx, ep, list(_parts(ep, sha256, total)))
        else:
            ep.log.info("not sent again", sha256=sha256)


def _parts(ep: Endpoint, sha256: str, total: int) -> Iterator[tuple[Kind, bytes, int, Chunk | None]]:
    for offset in range(0, max(total, 1), ep.part_bytes):
        part = ep.contents.read(sha256, offset, ep.part_bytes)
        yield Kind.BLOB, part, 0, Chunk(sha256=sha256, total=total, offset=offset)
