"""of what waits it is known in which change set it came: its receipt is completed when it has come."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """There is no way back but the copy that was made before."""
    with op.batch_alter_table("waiting", schema=None) as batch_op:
        batch_op.add_column(sa.Column("digest", sa.Text(), nullable=False, server_default=""))
