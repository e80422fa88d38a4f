"""``backbone backup`` and ``backbone restore``: one file that holds a node, and a node made of it again.

The file is a tar archive, readable by its owner only, because it holds the links' private keys. It lacks what is not
the node's: the tracker, and the parcels that lie in exchange directories or mailboxes. A restored node begins a new
life at once, whatever the anchor says, so that no number is used twice (``renewing``).
"""

import os
import secrets
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backbone.config import Folder, load_node
from backbone.errors import BackboneError, UsageError
from backbone.service.healing.renewing import renew_all
from backbone.store import anchor, links, lock
from backbone.store.schema import copy_store, open_store

FORM = 1
ABOUT = "backup.json"
PARTS = ("backbone.toml", "links", "g", "blobs")
"""What is copied as it is, beside the store."""
ABOUT_BYTES_MAX = 64 * 1024
_REASON = "this store was put back from a backup"


class About(BaseModel):
    """The first file of a backup."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    form: int
    node_id: str = Field(max_length=64)
    name: str = Field(max_length=40)
    made: str = Field(max_length=40)
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Restored:
    """What ``restore`` did."""

    about: About
    life: int
    kept: Path | None
    """Where that which was in the folder went."""


def back_up(place: Path, target: Path, now: float) -> About:
    """Write a consistent copy of the node in ``place``, which may be running. Raises ``UsageError`` or ``StoreError``.

    The copy of the store is made first: a file that it names and that goes meanwhile is asked for again.
    """
    folder = Folder(place)
    config = load_node(folder)
    if target.exists():
        raise UsageError(f"{target} exists already: choose another file, so that no older backup is lost")
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    with tempfile.TemporaryDirectory(prefix="backbone-backup-", dir=place) as inside:
        copy = Path(inside) / "store.db"
        copy_store(folder.store, copy)
        store = open_store(copy)
        try:
            node_id = store.read_now(links.get_node).node_id
            names = tuple(row.name for row in store.read_now(links.every))
        finally:
            store.close()
        about = About(form=FORM, node_id=node_id, name=config.node.name, made=_moment(now), links=names)
        (Path(inside) / ABOUT).write_text(about.model_dump_json(indent=1), encoding="utf-8")
        try:
            with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                _pack(file, Path(inside), place)
            draft.rename(target)
        except OSError as error:
            raise UsageError(f"{target} cannot be written: {error.strerror}; choose another file") from error
        finally:
            draft.unlink(missing_ok=True)
    return about


def _pack(file: BinaryIO, inside: Path, place: Path) -> None:
    # Dereferenced: of two names of one file, both have its content.
    with tarfile.open(fileobj=file, mode="w", dereference=True) as archive:
        archive.add(inside / ABOUT, ABOUT)
        archive.add(inside / "store.db", "store.db")
        for path in _parts(place):
            with suppress(FileNotFoundError):
                archive.add(path, str(path.relative_to(place)), recursive=False)
    file.flush()
    os.fsync(file.fileno())


def _parts(place: Path) -> Iterator[Path]:
    """Configuration, links, keys and contents; no sockets, locks or half-written files."""
    for part in PARTS:
        top = place / part
        for path in [top, *sorted(top.rglob("*"))] if top.is_dir() else [top] if top.is_file() else []:
            hidden = path.name.startswith((".new-", ".part-", ".#lk")) or path.name.endswith(".lock")
            if not hidden and not path.is_symlink() and (path.is_file() or path.is_dir()):
                yield path


def look(file: Path) -> About:
    """What a backup says of itself. Raises ``UsageError`` for a file that is none."""
    try:
        with tarfile.open(file) as archive:
            first = archive.next()
            if first is None or first.name != ABOUT or first.size > ABOUT_BYTES_MAX:
                raise UsageError(f"{file} is no backup of a node")
            data = archive.extractfile(first)
            about = About.model_validate_json(data.read() if data is not None else b"")
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    except (tarfile.TarError, ValidationError) as error:
        raise UsageError(f"{file} is no backup of a node, or is damaged") from error
    if about.form != FORM:
        raise UsageError(f"{file} was made by another Backbone (form {about.form}); restore it with that one")
    return about


def present(place: Path) -> tuple[str, int] | None:
    """Node id and life of the store that is in a folder; ``None`` where there is none that can be read."""
    folder = Folder(place)
    if not folder.store.exists():
        return None
    try:
        store = open_store(folder.store, migrate=False)
    except BackboneError:
        return None
    try:
        row = store.read_now(links.get_node)
    finally:
        store.close()
    return row.node_id, row.life[0]


def restore(file: Path, place: Path, now: float) -> Restored:
    """Put the node of a backup into ``place`` and let it begin a new life; what was there is kept beside it.

    Raises ``UsageError``, ``LockHeld`` while the node runs, or ``StoreError``.
    """
    about = look(file)
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    with lock.hold(Folder(place).lock):
        found = present(place)
        if found is not None and found[0] != about.node_id:
            raise UsageError(f"{place} holds another node than {file}: name the right folder with -C")
        draft = Path(tempfile.mkdtemp(prefix=f".{place.name}.restore-", dir=place.parent))
        try:
            _unpack(file, draft)
            where, life = _begin_life(draft, place, about, 0 if found is None else found[1], now)
            kept = _swap(draft, place, now)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        _write_anchor(place, where)
    return Restored(about, life, kept)


def _unpack(file: Path, draft: Path) -> None:
    try:
        with tarfile.open(file) as archive:
            for member in archive:
                if member.name.split("/", 1)[0] in (*PARTS, "store.db"):
                    _unpack_one(archive, member, draft)
    except (tarfile.TarError, OSError) as error:
        raise UsageError(f"{file} cannot be unpacked: {error}; is it whole, and is there room?") from error
    for path in (draft, *draft.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)


def _unpack_one(archive: tarfile.TarFile, member: tarfile.TarInfo, draft: Path) -> None:
    """By hand: ``tarfile`` has filters since Python 3.11.4 only. Raises ``TarError`` for what no backup of ours has."""
    parts = PurePosixPath(member.name).parts
    content = archive.extractfile(member) if member.isfile() else None
    if ".." in parts or (content is None and not member.isdir()):
        raise tarfile.ExtractError(f"{member.name} is no file or folder of a node")
    target = draft.joinpath(*parts)
    if content is None:
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        shutil.copyfileobj(content, file)


def _begin_life(draft: Path, place: Path, about: About, life: int, now: float) -> tuple[Path, int]:
    """Before the store has its place: nobody ever runs it in its old life. Returns the anchor's path, and the life."""
    config = load_node(Folder(draft))
    where = config.anchor(Folder(place)) or anchor.default_path(about.node_id)
    known = anchor.read(where)
    if known is not None and known.node_id != about.node_id:
        raise UsageError(f"the anchor {where} belongs to another node: name another file with `anchor` in the backup")
    above = max(life, known.life if known else 0)
    store = open_store(draft / "store.db")
    try:
        begun = store.run_now(lambda tx: renew_all(tx, secrets.token_bytes(8), _REASON, now, above))
    finally:
        store.close()
    return where, begun[0]


def _swap(draft: Path, place: Path, now: float) -> Path | None:
    """The store goes last, so that a restore that is cut off leaves a folder without one, and is begun again."""
    names = ("store.db", "store.db-wal", "store.db-shm", *PARTS)
    kept = place.with_name(
        f"{place.name}.before-{_moment(now).replace(':', '').replace('-', '')}-{secrets.token_hex(2)}"
    )
    there = [name for name in names if (place / name).exists()]
    if there:
        kept.mkdir(mode=0o700)
    for name in there:
        (place / name).rename(kept / name)
    for name in (*PARTS, "store.db"):
        if (draft / name).exists():
            (draft / name).rename(place / name)
    for name in ("links", "blobs", "exchange", "g"):
        (place / name).mkdir(exist_ok=True, mode=0o700)
    return kept if there else None


def _write_anchor(place: Path, where: Path) -> None:
    store = open_store(Folder(place).store)
    try:
        anchor.write(where, store.read_now(anchor.stand))
    finally:
        store.close()


def _moment(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


__all__ = ["About", "Restored", "back_up", "look", "present", "restore"]
