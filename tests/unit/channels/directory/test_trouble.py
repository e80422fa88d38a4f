"""What the system says becomes a sentence with what to do."""

import errno
import os

import pytest

from channels.base import ChannelRefused, ChannelUnavailable
from channels.directory.trouble import explain


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "quota"),
        (errno.EACCES, "no permission"),
        (errno.EPERM, "no permission"),
        (errno.ESTALE, "mount it again"),
        (errno.EIO, "input/output"),
        (errno.EROFS, "read-only"),
        (errno.ENOENT, "mount the share"),
        (errno.ENOTCONN, "does not answer"),
        (errno.EXDEV, "tried again"),
    ],
)
def test_the_environment_s_trouble_is_told_with_what_to_do(number: int, advice: str) -> None:
    error = explain(OSError(number, os.strerror(number)), "write to", "/srv/SEND")
    assert isinstance(error, ChannelUnavailable)
    assert advice in str(error)
    assert str(error).startswith("cannot write to /srv/SEND: ")
    assert "Errno" not in str(error)


def test_too_large_for_the_file_system_is_refused_for_good() -> None:
    assert isinstance(explain(OSError(errno.EFBIG, "File too large"), "write to", "/srv/SEND"), ChannelRefused)


def test_an_error_without_a_number_keeps_its_words() -> None:
    assert "odd" in str(explain(OSError("odd"), "write to", "/srv/SEND"))
