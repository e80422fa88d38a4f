"""whether a conflict of a cell is on the list is found without reading the list."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """There is no way back but the copy that was made before."""
    op.create_index(op.f("ix_conflict_link_gid"), "conflict", ["link", "gid"])
