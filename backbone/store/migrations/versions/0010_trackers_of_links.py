"""which tracker each link is of, and where its edits came from."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """There is no way back but the copy that was made before."""
    with op.batch_alter_table("link", schema=None) as batch_op:
        batch_op.add_column(sa.Column("tracker", sa.Text(), nullable=False, server_default=""))

    with op.batch_alter_table("intent", schema=None) as batch_op:
        batch_op.add_column(sa.Column("said", sa.LargeBinary(), nullable=True))

    with op.batch_alter_table("waiting", schema=None) as batch_op:
        batch_op.add_column(sa.Column("source", sa.LargeBinary(), nullable=True))

    op.create_table(
        "rank",
        sa.Column("tracker", sa.Text(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tracker", name=op.f("pk_rank")),
        comment="the greatest rank that was given or seen in a tracker that has several links",
    )
    op.create_table(
        "origin",
        sa.Column("tracker", sa.Text(), nullable=False),
        sa.Column("local", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("origins", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tracker", "local", "part", name=op.f("pk_origin")),
        comment="whose write each cell of an issue shows, in a tracker that has several links",
    )
    op.create_table(
        "provenance",
        sa.Column("tracker", sa.Text(), nullable=False),
        sa.Column("local", sa.Text(), nullable=False),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("said", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tracker", "local", "position", name=op.f("pk_provenance")),
        comment="where an edit came from, until every link of its tracker has told it",
    )
