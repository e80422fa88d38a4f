"""Small archives in the two public formats, made by hand for the tests. All people in them are invented."""

import io
import json
import lzma
import tarfile
from pathlib import Path
from typing import Any

ALICE = {"name": "alice-w", "key": "alice-w", "displayName": "Alice Wunderlich"}
BOB = {"name": "bob", "key": "bob", "displayName": "Bob Baumeister", "emailAddress": "bob@acme.test"}


def github(path: Path, issues: list[Any], pulls: int = 1) -> Path:
    """A GitHub issue archive, packed when the name says so."""
    archive = {"repo": "acme/wheel", "labels": [], "issues": issues, "pulls": [{"number": 900}] * pulls}
    content = json.dumps(archive).encode()
    path.write_bytes(lzma.compress(content) if path.suffix == ".xz" else content)
    return path


def github_issue(number: int, **changed: Any) -> dict[str, Any]:
    """An issue by alice-w with one comment by bob."""
    comment = {"author": "bob", "body": "Thanks @alice-w", "createdAt": "2024-02-01T10:00:00Z"}
    issue = {
        "number": number,
        "title": f"Wheel {number} squeaks",
        "state": "OPEN",
        "author": "alice-w",
        "assignees": ["bob"],
        "labels": ["bug", "noise"],
        "body": "It squeaks.",
        "createdAt": "2024-01-31T23:30:00+01:00",
        "comments": [comment],
    }
    return issue | changed


def jira(path: Path, files: dict[str, Any], extra: tuple[tarfile.TarInfo, ...] = ()) -> Path:
    """A tar with one file per entry: bytes as they are, all else as JSON; ``extra`` are members without content."""
    with tarfile.open(path, "w:xz" if path.suffix == ".xz" else "w") as archive:
        for member in extra:
            archive.addfile(member)
        for name, content in files.items():
            packed = content if isinstance(content, bytes) else json.dumps(content).encode()
            member = tarfile.TarInfo(name)
            member.size = len(packed)
            archive.addfile(member, io.BytesIO(packed))
    return path


def jira_issue(key: str, comments: list[Any] | None = None, **changed: Any) -> dict[str, Any]:
    """The REST answer for an issue reported by alice-w, assigned to bob."""
    comments = [jira_comment("Seen by Bob Baumeister too.")] if comments is None else comments
    fields = {
        "summary": f"{key} leaks",
        "description": "Ask [~bob] or bob@acme.test.",
        "reporter": ALICE,
        "assignee": BOB,
        "created": "2020-05-01T12:00:00.000+0200",
        "status": {"name": "In Progress"},
        "priority": {"name": "High"},
        "labels": ["oil", "oil", " "],
        "issuelinks": [
            {"type": {"name": "Relates"}, "outwardIssue": {"key": "ACME-2"}},
            {"type": {"name": "Relates"}, "inwardIssue": {"key": "ACME-9"}},
        ],
        "attachment": [],
        "comment": {"comments": comments, "total": len(comments)},
    }
    return {"id": "1", "key": key, "fields": fields | changed}


def jira_comment(body: str | None, author: dict[str, str] | None = None) -> dict[str, Any]:
    """A comment by alice-w unless another author is named."""
    return {"author": author or ALICE, "created": "2020-05-02T08:00:00.000+0000", "body": body}
