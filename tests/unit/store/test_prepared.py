"""Statements that are built once."""

import pytest
from sqlalchemy import Executable, select
from sqlalchemy.exc import StatementError

from backbone.store.engine import in_memory
from backbone.store.prepared import among, listed, prepared
from backbone.store.tables import node


def test_a_statement_is_built_once_and_takes_its_values_in_order() -> None:
    built = []

    def build(life: object, boot: object) -> Executable:
        built.append(life)
        return node.update().where(node.c.life == life).values(boot=boot)

    store = in_memory()
    change = prepared(build)
    store.run_now(lambda tx: tx.execute(node.insert().values(id=1, node_id="n", life=7, life_random=b"r")))
    for boot in (5, 6):
        assert store.run_now(lambda tx, boot=boot: change(tx, 7, boot).rowcount) == 1  # type: ignore[misc]
    assert store.run_now(lambda tx: change(tx, 8, 9).rowcount) == 0
    assert store.read_now(lambda tx: tx.execute(select(node.c.boot)).scalar_one()) == 6
    assert len(built) == 1


def test_a_value_too_few_is_noticed() -> None:
    one = prepared(lambda life: select(node).where(node.c.life == life))
    with pytest.raises((ValueError, StatementError)):
        in_memory().read_now(one)


@pytest.mark.parametrize("wanted", [[], ["n1"], ["it's\n'", "n1", "absent"], [f"x{i}" for i in range(5_000)]])
def test_a_column_is_looked_for_among_however_many_values(wanted: list[str]) -> None:
    some = prepared(lambda names: select(node.c.node_id).where(among(node.c.node_id, names)))
    store = in_memory()
    store.run_now(lambda tx: tx.execute(node.insert().values(id=1, node_id="it's\n'", life=7, life_random=b"r")))
    found = store.read_now(lambda tx: some(tx, listed(wanted)).scalars().all())
    assert found == [name for name in wanted if name == "it's\n'"]
