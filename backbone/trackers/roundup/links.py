"""Finding what a link shall point to, and acting as somebody."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from backbone.model import FieldType, Person
from backbone.trackers.roundup.cells import is_id
from backbone.trackers.roundup.shape import USER_CLASS, Property, can_be_made


def linked_node(db: Any, known: Property, label: str) -> str:
    """The id of the item that a link shall point to; made, if its name is all it needs. Raises ``ValueError``."""
    node = lookup(db, known, label)
    if node is not None:
        return node
    linked = db.getclass(known.linked)
    if known.type is FieldType.CHOICES and can_be_made(linked, known.label):
        return str(linked.create(**{str(known.label): label}))
    raise ValueError(f"{known.name} has no value {label!r}")


def lookup(db: Any, known: Property, label: str) -> str | None:
    linked = db.getclass(known.linked)
    if known.label is None:
        there = is_id(label) and linked.hasnode(label)
        return label if there else None
    if known.linked == USER_CLASS:
        return user_node(db, label)
    if linked.getkey() == known.label:
        return _by_key(linked, label)
    return next((node for node in linked.list() if linked.get(node, known.label) == label), None)


def user_node(db: Any, login: str) -> str | None:
    return _by_key(db.user, login) if login else None


def make_user(db: Any, person: Person) -> bool:
    """A user who cannot log in; ``False`` where an auditor will not have it: then the transaction is rolled back."""
    named = {"realname": person.name} if "realname" in db.user.getprops() else {}
    try:
        db.user.create(username=person.login, **named)
    except (sqlite3.Error, OSError):
        raise
    except Exception:  # noqa: BLE001 - auditors are the tracker's own programs and raise what they like
        return False
    return True


def _by_key(linked: Any, label: str) -> str | None:
    try:
        return str(linked.lookup(label))
    except KeyError:
        return None


@contextmanager
def acting(db: Any, login: str) -> Iterator[None]:
    """Journal what is done in here as done by this user."""
    before = db.journaltag
    db.setCurrentUser(login)
    try:
        yield
    finally:
        db.setCurrentUser(before)
