"""former values and what was told."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """There is no way back but the copy that was made before."""
    op.create_table(
        "former",
        sa.Column("link", sa.Integer(), nullable=False),
        sa.Column("gid", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("element", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("replaced_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["link"], ["link.id"], name=op.f("fk_former_link")),
        sa.PrimaryKeyConstraint("link", "gid", "field", "element", "digest", name=op.f("pk_former")),
        comment="digests of values that were replaced: what a partner restored from a backup may still show",
    )
    with op.batch_alter_table("former", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_former_link_replaced_at"), ["link", "replaced_at"], unique=False)

    op.create_table(
        "told",
        sa.Column("link", sa.Integer(), nullable=False),
        sa.Column("gid", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["link"], ["link.id"], name=op.f("fk_told_link")),
        sa.PrimaryKeyConstraint("link", "gid", "part", name=op.f("pk_told")),
        comment="while a link is joined again: the parts of issues that the partner's state has named",
    )
