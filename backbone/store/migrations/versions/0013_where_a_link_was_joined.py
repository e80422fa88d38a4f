"""of a store that was put back it is known up to where the tracker was read when both were joined again; of what waited
and was refused when it came, which receipts speak of it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """There is no way back but the copy that was made before."""
    with op.batch_alter_table("link", schema=None) as batch_op:
        batch_op.add_column(sa.Column("joined_at", sa.Text(), nullable=True))
    with op.batch_alter_table("quarantine", schema=None) as batch_op:
        batch_op.add_column(sa.Column("completes", sa.Text(), nullable=False, server_default=""))
