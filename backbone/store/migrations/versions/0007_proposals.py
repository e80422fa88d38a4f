"""proposals of other agreements."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """There is no way back but the copy that was made before."""
    op.create_table(
        "proposal",
        sa.Column("link", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("agreement", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("ours_from", sa.Integer(), nullable=True),
        sa.Column("theirs_from", sa.Integer(), nullable=True),
        sa.Column("said_up_to", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("changed_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["link"], ["link.id"], name=op.f("fk_proposal_link")),
        sa.PrimaryKeyConstraint("link", "version", name=op.f("pk_proposal")),
        comment="every version of a link's agreement: proposed, answered, and behind which numbers it took effect",
    )
