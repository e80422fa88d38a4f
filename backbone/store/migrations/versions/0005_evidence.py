"""evidence."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """There is no way back but the copy that was made before."""
    op.create_table(
        "evidence",
        sa.Column("link", sa.Integer(), nullable=False),
        sa.Column("ours", sa.Integer(), nullable=False),
        sa.Column("life", sa.Integer(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("names", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["link"], ["link.id"], name=op.f("fk_evidence_link")),
        sa.PrimaryKeyConstraint("link", "ours", "life", "lane", "seq", name=op.f("pk_evidence")),
        comment="messages that prove something: of which issues, a gid a line, or the text of the receipt in it",
    )
    with op.batch_alter_table("evidence", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_evidence_link_at"), ["link", "at"], unique=False)

    op.create_table(
        "original",
        sa.Column("link", sa.Integer(), nullable=False),
        sa.Column("ours", sa.Integer(), nullable=False),
        sa.Column("life", sa.Integer(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("body_enc", sa.Text(), nullable=True),
        sa.Column("raw_len", sa.Integer(), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["link"], ["link.id"], name=op.f("fk_original_link")),
        sa.PrimaryKeyConstraint("link", "ours", "life", "lane", "seq", name=op.f("pk_original")),
        comment="the peer's parcels as they came; our bodies once they have left the outbox",
    )
    with op.batch_alter_table("original", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_original_link_at"), ["link", "at"], unique=False)

    op.create_table(
        "owed",
        sa.Column("link", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("became", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["link"], ["link.id"], name=op.f("fk_owed_link")),
        sa.PrimaryKeyConstraint("link", "digest", name=op.f("pk_owed")),
        comment="what became of the peer's change sets and stands in no receipt yet",
    )
    op.create_table(
        "receipt_chain",
        sa.Column("link", sa.Integer(), nullable=False),
        sa.Column("ours", sa.Integer(), nullable=False),
        sa.Column("life", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["link"], ["link.id"], name=op.f("fk_receipt_chain_link")),
        sa.PrimaryKeyConstraint("link", "ours", name=op.f("pk_receipt_chain")),
        comment="the last receipt of either side",
    )
