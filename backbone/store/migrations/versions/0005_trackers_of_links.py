"""which tracker each link is of, and what a begun write says."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """There is no way back but the copy that was made before."""
    with op.batch_alter_table("link", schema=None) as batch_op:
        batch_op.add_column(sa.Column("tracker", sa.Text(), nullable=False, server_default=""))

    with op.batch_alter_table("intent", schema=None) as batch_op:
        batch_op.add_column(sa.Column("said", sa.LargeBinary(), nullable=True))
