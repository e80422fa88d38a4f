"""An audit over real nodes goes down to what differs, and a repair settles it."""

from pathlib import Path

from backbone.model import ISSUE, Cell
from backbone.store.codec import pack_registers, unpack_registers
from backbone.store.engine import Connection
from backbone.store.schema import open_store
from backbone.store.tables import identity, shadow
from tests.acceptance.nodes import NodeAtWork, two_nodes, until
from tests.acceptance.test_restore import paired, same

ISSUES = 120
TITLE, STATUS = Cell("title"), Cell("status")


def spoil(node: NodeAtWork, local: str) -> None:
    """A register that is not what the merge made it, as after a fault of memory or disk."""

    def change(tx: Connection) -> None:
        named = (identity.c.kind == ISSUE, identity.c.local == local)
        gid = tx.execute(identity.select().where(*named)).one().gid
        part = (shadow.c.gid == gid, shadow.c.part == "")
        registers = unpack_registers(tx.execute(shadow.select().where(*part)).one().registers)
        registers[STATUS] = registers[STATUS]._replace(value="lost")
        tx.execute(shadow.update().where(*part).values(registers=pack_registers(registers)))

    store = open_store(node.folder / "store.db")
    store.run_now(change)
    store.close()


def test_one_value_among_many_issues_is_named_and_settled(place: Path) -> None:
    with two_nodes(place) as (alice, bob):
        paired(place, alice, bob)
        for number in range(ISSUES):
            alice.tracker.create({TITLE: f"issue {number}", STATUS: "new"}, "ann")
        until("all issues there", lambda: same(alice, bob, ISSUES))
        found = alice.json("audit", "bob")
        assert (found["issues"], found["theirs"], found["equal"], found["more"]) == (ISSUES, ISSUES, True, False)
        bob.stop()
        spoil(bob, "77")
        bob.start()
        said = alice.cli("audit", "bob", expected=6).stdout
        assert "77: status" in said
        assert len(said.splitlines()) == 1
        assert "1 differences are settled" in alice.cli("repair", "bob").stdout
        until("both agree again", lambda: "all equal" in alice.cli("repair", "bob", "--dry-run").stdout)
        for node in (alice, bob):
            node.stop()
