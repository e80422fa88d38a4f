"""The steps add up to ``tables.py``, and a store is opened, refused or brought up to date."""

import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import closing
from pathlib import Path
from shutil import copy
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text

from backbone.store import schema
from backbone.store.engine import StoreError, sqlite_engine
from backbone.store.migrations import default_differs
from backbone.store.schema import VERSIONS, create_store, damage, open_store, revisions, upgrade
from backbone.store.tables import metadata
from tests.unit.store.places import WRITER, begin_node, commits, process

LAST = revisions()[-1]
NEXT = f"{int(LAST) + 1:04}"
STEP = f"""
from alembic import op
import sqlalchemy as sa
revision = "{NEXT}"
down_revision = "{LAST}"

def upgrade():
    with op.batch_alter_table("link") as table:
        table.add_column(sa.Column("colour", sa.Text(), nullable=False, server_default="red"))
        table.alter_column("reason", type_=sa.LargeBinary())
"""
LINK = (
    "INSERT INTO link (id, name, link_id, side, pairing, state, home, our_fingerprint, agreement, created_at) "
    "VALUES (1, 'bob', 'L', 'master', x'', 'draft', 'g/1', 'F', '{}', 0)"
)


def fill(connection: Connection) -> None:
    begin_node(connection)
    connection.execute(text(LINK))
    connection.execute(text("INSERT INTO blob (link, sha256, total) VALUES (1, 'x', 1)"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "store.db"
    create_store(path, fill).close()
    return path


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    folder = tmp_path / "versions of 100%: next"
    folder.mkdir()
    for file in VERSIONS.glob("0*_*.py"):
        copy(file, folder)
    (folder / f"{NEXT}_colour.py").write_text(STEP)
    return folder


def query(path: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(sql).fetchall()


def test_the_steps_make_exactly_the_tables() -> None:
    engine = sqlite_engine(None)
    upgrade(engine)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": default_differs})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def _keys_and_indexes(engine: Engine) -> dict[str, Any]:
    """What the comparison of Alembic passes over: primary keys, and the SQL of indexes with their conditions."""
    found: dict[str, Any] = {}
    with engine.connect() as connection:
        for name in metadata.tables:
            found[name] = inspect(connection).get_pk_constraint(name), inspect(connection).get_foreign_keys(name)
        rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"))
        found |= {name: " ".join(sql.split()) for name, sql in rows}
    return found


def test_the_steps_make_the_same_keys_and_indexes() -> None:
    migrated, direct = sqlite_engine(None), sqlite_engine(None)
    upgrade(migrated)
    metadata.create_all(direct)
    assert _keys_and_indexes(migrated) == _keys_and_indexes(direct)
    assert "asked = 1" in str(_keys_and_indexes(migrated))
    migrated.dispose()
    direct.dispose()


def test_the_steps_are_one_line_in_the_order_of_their_names() -> None:
    script = ScriptDirectory(str(VERSIONS.parent), version_locations=[str(VERSIONS)])
    assert [step.revision for step in script.walk_revisions()][::-1] == revisions()
    assert revisions() == [f"{number:04}" for number in range(1, len(revisions()) + 1)]


def test_the_next_step_is_written_from_the_tables(tmp_path: Path) -> None:
    schema.write_revision("all", tmp_path)
    schema.write_revision("nothing new", tmp_path)
    assert revisions(tmp_path) == ["0001", "0002"]
    assert "create_table" in (tmp_path / "0001_all.py").read_text()
    assert (tmp_path / "0002_nothing_new.py").read_text().endswith("    pass\n")


def test_a_store_is_its_owners_and_whole(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["store.db"]
    store = open_store(path)
    assert store.read_now(commits) == 0
    assert store.read_now(damage) == []
    store.close()


def test_a_first_transaction_that_fails_leaves_no_store(tmp_path: Path) -> None:
    def work(_: Connection) -> None:
        raise LookupError

    path = tmp_path / "store.db"
    with pytest.raises(LookupError):
        create_store(path, work)
    assert not path.exists()
    create_store(path).close()
    assert path.exists()


@pytest.mark.parametrize("left", ["store.db", "store.db-wal"])
def test_a_store_is_never_made_over_another(tmp_path: Path, left: str) -> None:
    (tmp_path / left).write_bytes(b"old")
    with pytest.raises(StoreError, match=f"{left} exists already"):
        create_store(tmp_path / "store.db")
    assert (tmp_path / left).read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_is_not_there_is_explained(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be made: No such file or directory"):
        create_store(tmp_path / "no" / "store.db")


def test_a_missing_store_is_not_made_by_looking_for_it(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"there is no store .*backbone init"):
        open_store(tmp_path / "store.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 100])
def test_a_foreign_file_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"is not a Backbone store|is damaged, foreign"):
        open_store(path)
    assert path.read_bytes() == content


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    query(path, "CREATE TABLE alembic_version (version_num TEXT)")
    query(path, "INSERT INTO alembic_version VALUES ('0001')")
    with pytest.raises(StoreError, match="is not a Backbone store"):
        open_store(path)


def test_a_store_that_lost_its_revision_is_refused(path: Path) -> None:
    query(path, "DELETE FROM alembic_version")
    with pytest.raises(StoreError, match="is damaged, foreign"):
        open_store(path)


def test_a_cut_off_store_is_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(StoreError, match="is damaged, foreign"):
        open_store(path)


def test_a_newer_store_is_refused_and_left_alone(path: Path) -> None:
    query(path, "UPDATE alembic_version SET version_num = '9999'")
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"newer Backbone .*9999.*install that version"):
        open_store(path)
    assert path.read_bytes() == before


def test_an_older_store_is_copied_and_brought_up_to_date(path: Path, versions: Path) -> None:
    store = open_store(path, versions=versions)
    assert store.read_now(commits) == 0
    store.close()
    assert query(path, "SELECT name, colour FROM link") == [("bob", "red")]
    assert query(path, "SELECT link, sha256 FROM blob") == [(1, "x")]
    assert query(path, "SELECT version_num FROM alembic_version") == [(NEXT,)]
    before = path.with_name(f"store.db.before-{NEXT}")
    assert stat.S_IMODE(before.stat().st_mode) == 0o600
    assert query(before, "SELECT version_num FROM alembic_version") == [(LAST,)]
    open_store(before).close()
    assert query(before, "SELECT name FROM link") == [("bob",)]


def test_the_copy_has_all_that_others_wrote_before_the_update(path: Path, versions: Path) -> None:
    with process(WRITER, str(path)) as child, ThreadPoolExecutor(1) as pool:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "inside\n"
        opened = pool.submit(open_store, path, versions=versions)
        with pytest.raises(NotYet):
            opened.result(timeout=0.3)
        child.stdin.write("\n")
        child.stdin.flush()
        opened.result(timeout=20).close()
    assert query(path.with_name(f"store.db.before-{NEXT}"), "SELECT commits FROM node") == [(1,)]


def test_foreign_keys_hold_again_after_an_update(path: Path, versions: Path) -> None:
    engine = sqlite_engine(path)
    upgrade(engine, versions=versions)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    engine.dispose()


@pytest.mark.parametrize("end", ["raise RuntimeError('no')", "op.execute('UPDATE blob SET link = 9')"])
def test_an_update_that_fails_changes_nothing(path: Path, versions: Path, end: str) -> None:
    (versions / f"{NEXT}_colour.py").write_text(f"{STEP}    {end}\n")
    with pytest.raises(StoreError, match=f"could not be brought up to date to revision {NEXT}, and was left as it was"):
        open_store(path, versions=versions)
    assert query(path, "SELECT version_num FROM alembic_version") == [(LAST,)]
    assert query(path, "SELECT link FROM blob") == [(1,)]
    store = open_store(path)
    assert store.read_now(damage) == []
    store.close()


def test_who_only_looks_does_not_update(path: Path, versions: Path) -> None:
    with pytest.raises(StoreError, match=r"older Backbone .*start this one"):
        open_store(path, migrate=False, versions=versions)
    assert query(path, "SELECT version_num FROM alembic_version") == [(LAST,)]


def test_damage_is_found(path: Path) -> None:
    (root,) = query(path, "SELECT rootpage FROM sqlite_master WHERE name = 'blob'")[0]
    data = bytearray(path.read_bytes())
    data[(root - 1) * 4096 + 8 : root * 4096] = b"\xff" * 4088
    path.write_bytes(data)
    store = open_store(path)
    assert store.read_now(damage) != []
    store.close()
