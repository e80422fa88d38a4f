"""keys that change."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """There is no way back but the copy that was made before."""
    with op.batch_alter_table("link", schema=None) as batch_op:
        batch_op.add_column(sa.Column("keys", sa.LargeBinary(), nullable=True))
