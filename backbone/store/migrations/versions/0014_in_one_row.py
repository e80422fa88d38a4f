"""what was begun in the tracker is one row of its link; what is owed, one for what became so together."""

from typing import Any

import msgpack
import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """There is no way back but the copy that was made before."""
    found = op.get_bind()
    begun = list(found.execute(sa.text('SELECT link, "key", work, said FROM intent')))
    told = list(found.execute(sa.text("SELECT link, at, digest, became, reason FROM owed ORDER BY at, digest")))
    op.drop_table("intent")
    op.drop_table("owed")
    intent = op.create_table(
        "intent",
        sa.Column("link", sa.Integer(), nullable=False),
        sa.Column("writes", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["link"], ["link.id"], name=op.f("fk_intent_link")),
        sa.PrimaryKeyConstraint("link", name=op.f("pk_intent")),
        comment="writes that were begun in the tracker and whose outcome is not recorded yet, in one row",
    )
    owed = op.create_table(
        "owed",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("link", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("outcomes", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["link"], ["link.id"], name=op.f("fk_owed_link")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_owed")),
        comment="what became of the peer's change sets and stands in no receipt yet: a row for what became so together",
    )
    op.create_index(op.f("ix_owed_link"), "owed", ["link"])
    writes: dict[int, dict[str, Any]] = {}
    for link, key, work, said in begun:
        writes.setdefault(link, {})[key] = (work, said)
    op.bulk_insert(intent, [{"link": link, "writes": msgpack.packb(each)} for link, each in writes.items()])
    one = [
        {"link": link, "at": at, "size": 1, "outcomes": msgpack.packb([(digest, became, reason)])}
        for link, at, digest, became, reason in told
    ]
    op.bulk_insert(owed, one)
