"""How the tables came to be: Alembic's folder. Called by ``backbone.store.schema`` only."""


def default_differs(
    _context: object, _found: object, _wanted: object, found: str | None, _declared: object, wanted: str | None
) -> bool | None:
    """For Alembic's ``compare_server_default``, which takes SQLite's ``('')`` for another text than the empty one."""
    return False if found in ("''", "('')") and wanted == "" else None
