"""What is begun, and what is owed, stands in few rows; nothing of it is lost for that."""

from pathlib import Path
from shutil import copy

import pytest
from sqlalchemy import Connection, func, select, text

from backbone.model import Cell
from backbone.replication.merge import Stamp
from backbone.replication.message import ChangeSet, Operation
from backbone.replication.receipt import Became, Outcome
from backbone.store import evidence, intents
from backbone.store.codec import pack_change_set
from backbone.store.engine import Store, in_memory, sqlite_engine
from backbone.store.intents import Intent
from backbone.store.schema import APPLICATION_ID, VERSIONS, open_store, upgrade
from backbone.store.tables import intent, owed
from tests.unit.store.places import begin_node
from tests.unit.store.test_schema import LINK

STAMP = Stamp(1, 0, 1, 0)
WORK = ChangeSet("gid", "late/key/ann", "", (Operation(Cell("title"), "one", STAMP, STAMP),))
STEP_BEFORE = 13


def outcome(number: int, became: Became = Became.APPLIED) -> Outcome:
    return Outcome(f"{number:064x}", became, "")


@pytest.fixture
def store() -> Store:
    store = in_memory()

    def fill(tx: Connection) -> None:
        begin_node(tx)
        tx.execute(text(LINK))
        tx.execute(text(LINK.replace("'bob', 'L'", "'eve', 'M'").replace("VALUES (1", "VALUES (2")))

    store.run_now(fill)
    return store


def test_what_was_begun_is_one_row_until_it_ends(store: Store) -> None:
    store.run_now(lambda tx: intents.begin(tx, 1, [Intent("a"), Intent("b", WORK)], {"a": b"words"}))
    store.run_now(lambda tx: intents.begin(tx, 2, [Intent("other")], {"other": b"of the other"}))
    store.run_now(lambda tx: intents.begin(tx, 1, []))
    store.run_now(lambda tx: intents.begin(tx, 1, [Intent("c"), Intent("a")]))
    assert store.read_now(lambda tx: intents.begun(tx, 1)) == [Intent("a"), Intent("b", WORK), Intent("c")]
    assert store.read_now(lambda tx: intents.said(tx, [1, 2])) == {"other": b"of the other"}
    assert store.read_now(lambda tx: tx.execute(select(func.count()).select_from(intent)).scalar_one()) == 2
    store.run_now(lambda tx: intents.ended(tx, 1))
    assert store.read_now(lambda tx: intents.begun(tx, 1)) == []
    assert store.read_now(lambda tx: intents.begun(tx, 2)) == [Intent("other")]


def test_of_what_is_owed_the_last_word_counts(store: Store) -> None:
    store.run_now(lambda tx: evidence.owe(tx, 1, [outcome(1, Became.RECEIVED), outcome(2)], 5.0))
    store.run_now(lambda tx: evidence.owe(tx, 1, [outcome(1)], 6.0))
    store.run_now(lambda tx: evidence.owe(tx, 2, [outcome(3)], 4.0))
    assert store.read_now(lambda tx: evidence.debt(tx, 1)) == (3, 5.0)
    assert store.run_now(lambda tx: evidence.pay(tx, 1, 10)) == [outcome(1), outcome(2)]
    assert store.read_now(lambda tx: evidence.debt(tx, 1)) == (0, 0.0)
    assert store.run_now(lambda tx: evidence.pay(tx, 1, 10)) == []
    assert store.read_now(lambda tx: evidence.debt(tx, 2)) == (1, 4.0)


def test_no_more_is_paid_at_once_than_a_receipt_may_say(store: Store) -> None:
    many = [outcome(number) for number in range(evidence.OWED_TOGETHER_MAX * 2 + 5)]
    store.run_now(lambda tx: evidence.owe(tx, 1, many, 5.0))
    store.run_now(lambda tx: evidence.owe(tx, 1, [outcome(10**6)], 6.0))
    assert store.read_now(lambda tx: tx.execute(select(func.max(owed.c.size))).scalar_one()) == 1_000
    first = store.run_now(lambda tx: evidence.pay(tx, 1, 2_004))
    assert first == many[:2_000]
    assert store.read_now(lambda tx: evidence.debt(tx, 1)) == (6, 5.0)
    assert store.run_now(lambda tx: evidence.pay(tx, 1, 2_004)) == [*many[2_000:], outcome(10**6)]


def test_a_store_of_before_keeps_both(tmp_path: Path) -> None:
    versions, path = tmp_path / "versions", tmp_path / "store.db"
    versions.mkdir()
    for file in VERSIONS.glob("0*_*.py"):
        if int(file.name[:4]) <= STEP_BEFORE:
            copy(file, versions)
    engine = sqlite_engine(path)
    upgrade(engine, versions=versions)
    with engine.begin() as tx:
        tx.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")
        tx.execute(text("INSERT INTO node (id, node_id, life, life_random) VALUES (1, 'n', 1, x'00')"))
        tx.execute(text(LINK))
        insert = text("INSERT INTO intent (link, \"key\", gid, work, said) VALUES (1, :key, 'gid', :work, :said)")
        tx.execute(
            insert,
            [{"key": "a", "work": None, "said": b"words"}, {"key": "b", "work": pack_change_set(WORK), "said": None}],
        )
        told = text("INSERT INTO owed (link, digest, became, reason, at) VALUES (1, :digest, :became, :reason, :at)")
        tx.execute(
            told,
            [
                {"digest": d, "became": b.value, "reason": r, "at": 7.0 - n}
                for n, (d, b, r) in enumerate([outcome(1), outcome(2)])
            ],
        )
    engine.dispose()
    store = open_store(path)
    assert store.read_now(lambda tx: intents.begun(tx, 1)) == [Intent("a"), Intent("b", WORK)]
    assert store.read_now(lambda tx: intents.said(tx, [1])) == {"a": b"words"}
    assert store.read_now(lambda tx: evidence.debt(tx, 1)) == (2, 6.0)
    assert store.run_now(lambda tx: evidence.pay(tx, 1, 10)) == [outcome(2), outcome(1)]
    store.close()
