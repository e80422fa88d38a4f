"""Alembic runs this for each command; the caller gives the connection and owns its transaction."""

from alembic import context

from backbone.store.migrations import default_differs
from backbone.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a column only by rebuilding its table
    compare_server_default=default_differs,
)
with context.begin_transaction():
    context.run_migrations()
