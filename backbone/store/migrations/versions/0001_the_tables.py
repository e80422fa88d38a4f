"""the tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """There is no way back but the copy that was made before."""
    op.create_table(
        "link",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("link_id", sa.Text(), nullable=False),
        sa.Column("side", sa.Text(), nullable=False),
        sa.Column("pairing", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("protocol", sa.LargeBinary(), nullable=True),
        sa.Column("home", sa.Text(), nullable=False),
        sa.Column("our_fingerprint", sa.Text(), nullable=False),
        sa.Column("peer", sa.Text(), nullable=True),
        sa.Column("agreement", sa.Text(), nullable=False),
        sa.Column("clock", sa.Integer(), server_default="0", nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("populate_after", sa.Text(), nullable=True),
        sa.Column("populated", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link")),
        sa.UniqueConstraint("link_id", name=op.f("uq_link_link_id")),
        sa.UniqueConstraint("name", name=op.f("uq_link_name")),
        comment="one link: pairing and protocol state, the feed's cursor, the logical clock of our writes",
    )
    op.create_table(
        "node",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("node_id", sa.Text(), nullable=False),
        sa.Column("life", sa.Integer(), nullable=False),
        sa.Column("life_random", sa.LargeBinary(), nullable=False),
        sa.Column("boot", sa.Integer(), server_default="0", nullable=False),
        sa.Column("commits", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_node")),
        comment="one row: who we are, which life and start of this store it is, how often it was written",
    )
    op.create_table(
        "blob",
        sa.Column("link", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("have", sa.Integer(), server_default="0", nullable=False),
        sa.Column("complete", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["link"], ["link.id"], name=op.f("fk_blob_link")),
        sa.PrimaryKeyConstraint("link", "sha256", name=op.f("pk_blob")),
        comment="attachments' contents that travelled on a link, by SHA-256; ``have`` bytes are here",
    )
    op.create_table(
        "conflict",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("link", sa.Integer(), nullable=False),
        sa.Column("gid", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("element", sa.Text(), nullable=False),
        sa.Column("stands", sa.Text(), nullable=True),
        sa.Column("lost", sa.Text(), nullable=True),
        sa.Column("lost_here", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["link"], ["link.id"], name=op.f("fk_conflict_link")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conflict")),
        comment="values that lost against a concurrent write; ``open`` where a person has to decide",
    )
    with op.batch_alter_table("conflict", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_conflict_link_state"), ["link", "state"], unique=False)

    op.create_table(
        "held",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("link", sa.Integer(), nullable=False),
        sa.Column("gid", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("change_set", sa.LargeBinary(), nullable=False),
        sa.Column("ready", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["link"], ["link.id"], name=op.f("fk_held_link")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_held")),
        sa.UniqueConstraint("link", "key", name=op.f("uq_held_link_key")),
        comment="change sets of an issue that waits for a person, in their order",
    )
    with op.batch_alter_table("held", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_held_link_gid"), ["link", "gid"], unique=False)

    op.create_table(
        "identity",
        sa.Column("link", sa.Integer(), nullable=False),
        sa.Column("gid", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("local", sa.Text(), nullable=False),
        sa.Column("seen", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["link"], ["link.id"], name=op.f("fk_identity_link")),
        sa.PrimaryKeyConstraint("link", "gid", name=op.f("pk_identity")),
        sa.UniqueConstraint("link", "kind", "local", name=op.f("uq_identity_link_kind_local")),
        comment="gid <-> local name; for issues how far their journals are reflected here",
    )
    op.create_table(
        "inbox",
        sa.Column("link", sa.Integer(), nullable=False),
        sa.Column("life", sa.Integer(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("prev", sa.LargeBinary(), nullable=False),
        sa.Column("header", sa.LargeBinary(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("received_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["link"], ["link.id"], name=op.f("fk_inbox_link")),
        sa.PrimaryKeyConstraint("link", "life", "lane", "seq", name=op.f("pk_inbox")),
        comment="the peer's numbered messages; the body goes when its effects are durable, the digest stays",
    )
    op.create_table(
        "intent",
        sa.Column("link", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("gid", sa.Text(), nullable=False),
        sa.Column("work", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["link"], ["link.id"], name=op.f("fk_intent_link")),
        sa.PrimaryKeyConstraint("link", "key", name=op.f("pk_intent")),
        comment="writes that were begun in the tracker and whose outcome is not recorded yet",
    )
    op.create_table(
        "outbox",
        sa.Column("link", sa.Integer(), nullable=False),
        sa.Column("life", sa.Integer(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("prev", sa.LargeBinary(), nullable=False),
        sa.Column("chain", sa.LargeBinary(), nullable=False),
        sa.Column("body_enc", sa.Text(), nullable=False),
        sa.Column("raw_len", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("change_sets", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("blob_total", sa.Integer(), nullable=True),
        sa.Column("blob_offset", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("sent_at", sa.Float(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("asked", sa.Integer(), server_default="0", nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["link"], ["link.id"], name=op.f("fk_outbox_link")),
        sa.PrimaryKeyConstraint("link", "life", "lane", "seq", name=op.f("pk_outbox")),
        comment="our numbered messages; an attachment's parts name a file instead of holding a body",
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_outbox_link_asked"),
            ["link", "asked"],
            unique=False,
            sqlite_where=sa.text("asked = 1"),
            postgresql_where=sa.text("asked = 1"),
        )

    op.create_table(
        "quarantine",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("link", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("gid", sa.Text(), nullable=True),
        sa.Column("local", sa.Text(), nullable=True),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("advice", sa.Text(), server_default="", nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="1", nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("changed_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["link"], ["link.id"], name=op.f("fk_quarantine_link")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
        comment="what could not be opened, decoded or applied, with its reason; never dropped, replayable",
    )
    with op.batch_alter_table("quarantine", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_quarantine_link_state"), ["link", "state"], unique=False)

    op.create_table(
        "request",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("link", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("arguments", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("result", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["link"], ["link.id"], name=op.f("fk_request_link")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_request")),
        comment="what a person asked for on the command line; the service carries it out",
    )
    with op.batch_alter_table("request", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_request_link_state"), ["link", "state"], unique=False)

    op.create_table(
        "shadow",
        sa.Column("link", sa.Integer(), nullable=False),
        sa.Column("gid", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("registers", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["link"], ["link.id"], name=op.f("fk_shadow_link")),
        sa.PrimaryKeyConstraint("link", "gid", "part", name=op.f("pk_shadow")),
        comment="registers and images: one row for an issue's fields, one for each comment and attachment",
    )
    op.create_table(
        "waiting",
        sa.Column("link", sa.Integer(), nullable=False),
        sa.Column("gid", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("element", sa.Text(), nullable=False),
        sa.Column("wants", sa.Text(), nullable=False),
        sa.Column("ready", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["link"], ["link.id"], name=op.f("fk_waiting_link")),
        sa.PrimaryKeyConstraint("link", "gid", "field", "element", name=op.f("pk_waiting")),
        comment="cells whose other end (an issue, an attachment's content) is not here yet",
    )
    with op.batch_alter_table("waiting", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_waiting_link_wants"), ["link", "wants"], unique=False)
