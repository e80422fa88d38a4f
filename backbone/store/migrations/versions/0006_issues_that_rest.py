"""issues that rest."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """There is no way back but the copy that was made before."""
    op.create_table(
        "standing",
        sa.Column("link", sa.Integer(), nullable=False),
        sa.Column("gid", sa.Text(), nullable=False),
        sa.Column("ours", sa.Text(), server_default="", nullable=False),
        sa.Column("theirs", sa.Text(), server_default="", nullable=False),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        sa.Column("waking", sa.Integer(), server_default="0", nullable=False),
        sa.Column("said", sa.Integer(), server_default="0", nullable=False),
        sa.Column("changed_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["link"], ["link.id"], name=op.f("fk_standing_link")),
        sa.PrimaryKeyConstraint("link", "gid", name=op.f("pk_standing")),
        comment="issues that rest (frozen, cut) on our side or the partner's, and those that were added by hand",
    )
