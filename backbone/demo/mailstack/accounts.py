"""Accounts: what Dovecot knows of a user, tokens for OAuth2, and mails put straight into a mailbox."""

import base64
import hashlib
import hmac
import json
import os
import pwd
import secrets
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from backbone.demo.mailstack.settings import Places

MAIL_OWNER = "mail"
"""The system's user to whom all mailboxes belong."""
ISSUER = "https://tokens.example"


@dataclass(frozen=True, slots=True)
class Account:
    """A mailbox and the right to send from it. Log in with ``user`` and ``password``, or with a token."""

    address: str
    user: str
    password: str = field(repr=False)


def write_account(places: Places, account: Account, quota_bytes: int | None) -> None:
    """A file for each user: Dovecot reads a file anew at most once a second, and one that it never saw at once."""
    owner = pwd.getpwnam(MAIL_OWNER)
    home = places.homes / account.user
    if not home.exists():
        home.mkdir()
        os.chown(home, owner.pw_uid, owner.pw_gid)
    rule = f"userdb_quota_rule=*:bytes={quota_bytes}" if quota_bytes is not None else ""
    file = places.users / account.user
    draft = file.with_name(f".{file.name}")
    draft.write_text(
        f"{account.user}:{{PLAIN}}{account.password}:{owner.pw_uid}:{owner.pw_gid}::{home}::{rule}\n", encoding="ascii"
    )
    draft.chmod(0o640)
    shutil.chown(draft, "root", "dovecot")
    draft.replace(file)


def write_token_key(places: Places) -> bytes:
    """A new key for tokens, where Dovecot looks for one that has no name (RFC 7515, section 4.1.4)."""
    key = secrets.token_bytes(32)
    file = places.tokens / "default" / "HS256" / "default"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(base64.b64encode(key))
    return key


def token(key: bytes, user: str, seconds: float) -> str:
    """A signed token (RFC 7519) with which ``user`` may log in for so long; in the past when negative."""
    present = int(time.time())
    claims = {"sub": user, "iss": ISSUER, "iat": present - 3600, "exp": present + int(seconds)}
    text = b".".join(_base64(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return b".".join((text, _base64(hmac.digest(key, text, hashlib.sha256)))).decode("ascii")


def put_mails(places: Places, user: str, mails: Iterable[bytes]) -> int:
    """As if they had been delivered, but some 10,000 in a second; returns how many (Maildir, ``new``)."""
    owner = pwd.getpwnam(MAIL_OWNER)
    mailbox = places.homes / user / "Maildir"
    for folder in (mailbox, *(mailbox / name for name in ("cur", "new", "tmp"))):
        if not folder.exists():
            folder.mkdir()
            os.chown(folder, owner.pw_uid, owner.pw_gid)
    began = f"{time.time():.6f}".replace(".", ".M")
    number = 0
    for number, mail in enumerate(mails, 1):
        name = f"{began}P{os.getpid()}Q{number}.put,S={len(mail)}"
        _put(mailbox / "tmp" / name, mail, owner)
        (mailbox / "tmp" / name).rename(mailbox / "new" / name)
    return number


def read_mails(places: Places, user: str, folder: str) -> list[bytes]:
    """What lies in a folder, in no order, as Dovecot keeps it: with LF at the ends of lines (Maildir++)."""
    mailbox = places.homes / user / "Maildir"
    if folder != "INBOX":
        mailbox /= f".{folder.replace('/', '.')}"
    return [file.read_bytes() for name in ("cur", "new") for file in sorted((mailbox / name).glob("[!.]*"))]


def _put(file: Path, mail: bytes, owner: pwd.struct_passwd) -> None:
    file.write_bytes(mail)
    os.chown(file, owner.pw_uid, owner.pw_gid)


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
