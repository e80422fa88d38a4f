"""issues that were on both sides before the link."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """There is no way back but the copy that was made before."""
    op.create_table(
        "twin",
        sa.Column("link", sa.Integer(), nullable=False),
        sa.Column("local", sa.Text(), nullable=False),
        sa.Column("word", sa.Text(), server_default="", nullable=False),
        sa.Column("gid", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["link"], ["link.id"], name=op.f("fk_twin_link")),
        sa.PrimaryKeyConstraint("link", "local", name=op.f("pk_twin")),
        comment="issues of ours that may be, or are, the same as one of the partner's: both were there before the link",
    )
    op.create_index(op.f("ix_twin_link_word"), "twin", ["link", "word"])
    op.create_index(op.f("ix_twin_link_gid"), "twin", ["link", "gid"])
    op.create_table(
        "twinning",
        sa.Column("link", sa.Integer(), nullable=False),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("looked", sa.Integer(), server_default="0", nullable=False),
        sa.Column("told", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["link"], ["link.id"], name=op.f("fk_twinning_link")),
        sa.PrimaryKeyConstraint("link", name=op.f("pk_twinning")),
        comment="how far pairing is: which issues were looked at, whether the partner has said all of its own",
    )
