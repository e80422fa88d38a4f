"""``[alarms]`` in ``backbone.toml``: who is told what is wrong, and from where on it is wrong."""

import re
from datetime import time
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def check_webhook(url: str) -> str:
    """``url`` itself. The words of the error never hold it: it may be as good as a password."""
    parts = urlsplit(url)
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if not safe or not parts.hostname or not url.isprintable():
        raise ValueError("must be an address that begins with https:// (http:// on this machine only)")
    return url


def _is_address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise ValueError("must be a mail address, like ops@acme.example")
    return text


def _is_time(text: str) -> str:
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", text):
        raise ValueError('must be a time of the day, like "07:00"')
    return text


Hours = Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)]
Percent = Annotated[int, Field(ge=1, le=100)]


class AlarmTable(BaseModel):
    """``[alarms]``. Without ``mail`` or ``webhook`` nobody is told; `backbone status --check` says it all the same."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    mail: str | None = None
    """The account in ``[mail.NAME]`` that sends."""
    to: list[Annotated[str, AfterValidator(_is_address)]] = Field(default_factory=list, max_length=20)
    webhook: Annotated[str, AfterValidator(check_webhook)] | None = None
    webhook_file: Annotated[str, Field(min_length=1)] | None = None
    """A file with the address, mode 600, for an address that holds a secret."""
    ca_file: Annotated[str, Field(min_length=1)] | None = None
    """The certificate authority of the webhook, where it is an own one."""
    digest_at: Annotated[str, AfterValidator(_is_time)] | None = None
    """Local time of the daily digest; ``None`` for none."""
    settle_minutes: Annotated[float, Field(ge=0, le=1440)] = 5.0
    silent_hours: Hours = 50.0
    outbox_messages: Annotated[int, Field(ge=1)] = 256
    outbox_hours: Hours = 24.0
    handshake_hours: Hours = 48.0
    key_days: Annotated[int, Field(ge=0, le=3650)] = 60
    disk_free_mb: Annotated[int, Field(ge=0)] = 500
    mailbox_percent: Percent = 90
    idle_hours: Hours = 24.0
    metrics_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Where Prometheus finds figures, on 127.0.0.1 only; ``None`` for nowhere."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.mail is None) != (not self.to):
            raise ValueError("mail and to belong together: the account that sends, and who receives")
        if self.webhook is not None and self.webhook_file is not None:
            raise ValueError("has webhook and webhook_file: leave one")
        return self

    @property
    def tells(self) -> bool:
        """Whether anybody is told."""
        return bool(self.to or self.webhook or self.webhook_file)

    @property
    def digest_time(self) -> time | None:
        return time.fromisoformat(self.digest_at) if self.digest_at else None
