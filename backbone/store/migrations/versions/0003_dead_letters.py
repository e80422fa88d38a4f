"""dead letters."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """There is no way back but the copy that was made before."""
    with op.batch_alter_table("quarantine", schema=None) as batch_op:
        batch_op.add_column(sa.Column("next_at", sa.Float(), nullable=True))
        batch_op.add_column(sa.Column("edits", sa.Text(), server_default="[]", nullable=False))
        batch_op.drop_index(batch_op.f("ix_quarantine_link_state"))
        batch_op.create_index(
            batch_op.f("ix_quarantine_link_state_next_at"), ["link", "state", "next_at"], unique=False
        )
