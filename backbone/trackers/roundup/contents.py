"""Where the content of a message or file lies, also while Roundup is putting it there, and after a crash.

Roundup commits the database first and then renames ``msg12.tmp`` to ``msg12``. A reader in between sees the commit and
the old text; after a crash in between, Roundup shows the old text for ever. Its own ``filename`` does the rename for a
new content that it finds like that, and then the process that was about to do it deletes the content: it is not asked
before a living process has had its time.
"""

import contextlib
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backbone.trackers.roundup.shape import MESSAGE_CLASS

RENAME_SECONDS_MAX = 0.1
"""How long a living process takes at most from its commit to the rename."""

LEFT_BEHIND_SECONDS = 60.0
"""After this nobody is going to do the rename any more: we do. Earlier, a living process would stumble over it."""

CLOCK_SECONDS = 0.01
"""A file's time comes from a coarse clock, the feed's from a fine one."""


def settled_path(db: Any, kind: str, node: str) -> Path:
    """The file with the committed content, or with what this very transaction made of it. Raises ``OSError``."""
    path = Path(db.filename(kind, node, create=1))
    draft = Path(f"{path}{db.tempext}")
    if (db.doStoreFile, (kind, node, None)) in db.transactions:
        return draft
    while (written := _written(draft)) is not None:
        if time.time() - written > RENAME_SECONDS_MAX:
            return _left_behind(db, kind, node, path, draft, written)
        time.sleep(0.002)
    return path if path.exists() else Path(db.filename(kind, node))


def _left_behind(db: Any, kind: str, node: str, path: Path, draft: Path, written: float) -> Path:
    """Which of the two is the truth: the draft, if it is alone or the feed holds an edit that is not older."""
    edited = kind == MESSAGE_CLASS and _last_edit(db, node) >= written - CLOCK_SECONDS
    if path.exists() and not edited:
        return path
    if time.time() - written < LEFT_BEHIND_SECONDS:
        return draft
    with contextlib.suppress(FileNotFoundError):
        draft.replace(path)
    return path


def _written(draft: Path) -> float | None:
    try:
        return draft.stat().st_mtime
    except FileNotFoundError:
        return None


def _last_edit(db: Any, message: str) -> float:
    db.sql("select max(date) from backbone_feed where class='msg' and nodeid=?", (int(message),))
    serialised = db.cursor.fetchone()[0]
    if serialised is None:
        return 0.0
    return datetime.strptime(serialised, "%Y%m%d%H%M%S.%f").replace(tzinfo=UTC).timestamp()
