"""Writing the folder that a third party checks: all of it under another name first, then one rename."""

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from backbone.errors import BackboneError, UsageError
from backbone.replication.message import inflate
from backbone.replication.resync import spoken
from backbone.service.evidence import finding
from backbone.service.evidence.finding import Found
from backbone.service.evidence.page import Parties, names, page, text_name
from backbone.service.links.progress import load
from backbone.service.node import Node
from backbone.service.parties import open_former, open_keyring
from backbone.store import links
from backbone.store.links import LinkRow
from handshake.base import KeyRing


@dataclass(frozen=True, slots=True)
class Exported:
    """What is in the folder. ``others``: issues that the partner's signed messages in it speak of, beside this one."""

    folder: Path
    link: str
    issue: str
    sent: int
    unanswered: int
    """Change sets of ours about which no receipt came yet."""
    receipts: int
    received: int
    others: int
    lost: int


async def export(node: Node, issue: str, folder: Path, link: str | None) -> Exported:
    """All evidence about an issue, by its name here or on the link, into a new folder.

    Raises ``UsageError`` where there is no such issue, or on several links, ``BackboneError`` where nothing is kept.
    """
    row, gid, local = await _locate(node, issue, link)
    keyring = await open_keyring(node, row)
    former = await open_former(node, row)
    try:
        found = await finding.find(node.store, row, keyring, gid, local, former)
        if not (found.sent or found.received):
            raise BackboneError(
                f"nothing about {issue} is kept: it was changed before this version ran, or longer ago than "
                "evidence_days in backbone.toml says"
            )
        files = dict(await _files(node, row, keyring, found, former))
    finally:
        for ring in (keyring, *(ring for ring, _ in former)):
            await ring.close()
    _write(folder, files)
    answered = {outcome.digest for told in found.receipts for outcome in told.receipt.outcomes}
    return Exported(
        folder, row.name, local, len(found.sent), sum(change.digest not in answered for change in found.sent),
        len(found.receipts), len(found.received), _others(found), found.lost,
    )  # fmt: skip


async def _locate(node: Node, issue: str, link: str | None) -> tuple[LinkRow, str, str]:
    rows = [row for row in await node.store.read(links.every) if row.peer is not None]
    if link is not None:
        rows = [row for row in rows if row.name == link]
    found = [
        (row, *known)
        for row in rows
        if (known := await node.store.read(lambda tx, r=row: finding.gid_of(tx, r.id, issue)))  # type: ignore[misc]
    ]
    if not found:
        where = f"link {link}" if link else "any link"
        raise UsageError(f"no issue {issue!r} is shared on {where}: name it as the tracker does")
    if len(found) > 1:
        raise UsageError(f"issue {issue} is shared on {', '.join(row.name for row, *_ in found)}: choose with --link")
    return found[0]


async def _files(
    node: Node, row: LinkRow, keyring: KeyRing, found: Found, former: Sequence[tuple[KeyRing, str]]
) -> list[tuple[str, bytes]]:
    assert row.peer is not None, "evidence is of a link with a partner"
    partner, key = str(row.peer.get("name") or row.name), str(row.peer["fingerprint"])
    verified = load(row).verified_by
    parties = Parties(
        row.name, node.name, row.our_fingerprint, partner, key,
        f"Both admins compared the link's safety words; it was recorded by: {verified}." if verified else "",
        datetime.fromtimestamp(node.clock(), UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )  # fmt: skip
    files = [
        (f"keys/{node.name}.asc", await keyring.public_key()),
        (f"keys/partner-{key[-16:]}.asc", await keyring.peer_key()),
        *[pair for ring, theirs in former for pair in await _former_keys(node, ring, theirs)],
        *_content(found),
    ]
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files)
    return [*files, ("SHA256SUMS", sums.encode()), ("README.md", page(parties, found).encode())]


async def _former_keys(node: Node, ring: KeyRing, theirs: str) -> list[tuple[str, bytes]]:
    """Those of an earlier handshake of the link."""
    ours = f"keys/{node.name}-before-{ring.fingerprint[-16:]}.asc"
    return [(ours, await ring.public_key()), (f"keys/partner-before-{theirs[-16:]}.asc", await ring.peer_key())]


def _content(found: Found) -> Iterator[tuple[str, bytes]]:
    for folder, changes in (("sent", found.sent), ("received", found.received)):
        for name, change in zip(names(changes, folder), changes, strict=True):
            yield name, change.text.encode()
    for told in found.receipts:
        yield f"receipts/{told.signed.name}", told.signed.data
        yield text_name(told), told.text.encode()
    for signed in found.messages:
        yield f"received/{signed.name}", signed.data


def _write(folder: Path, files: dict[str, bytes]) -> None:
    if folder.exists():
        raise UsageError(f"{folder} exists already: name a folder that does not")
    draft = folder.with_name(folder.name + ".new")
    try:
        draft.mkdir(mode=0o700, parents=True)
        for name, data in files.items():
            path = draft / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
        draft.rename(folder)
    except OSError as error:
        with suppress(OSError):
            shutil.rmtree(draft)
        raise BackboneError(f"{folder} cannot be written: {error.strerror}; choose another place with --out") from error


def _others(found: Found) -> int:
    named = {
        change_set.gid
        for signed in found.messages
        for change_set in spoken(inflate(signed.message.header, signed.message.body))
    }
    return len(named - {found.gid})
