"""``[alarms]``: what cannot be is said with file and line, and never with a secret."""

from pathlib import Path

import pytest

from backbone.config import Folder, load_node
from backbone.errors import ConfigError


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('mail = "main"', "mail and to belong together"),
        ('to = ["ops@acme.example"]', "mail and to belong together"),
        ('to = ["nobody"]', "must be a mail address"),
        ('webhook = "http://acme.example/s3cret"', "begins with https://"),
        ('webhook = "https://a.example"\nwebhook_file = "x"', "leave one"),
        ('digest_at = "7"', "must be a time of the day"),
        ("silent_hour = 5", "did you mean 'silent_hours'"),
        ("silent_hours = 0", "greater than 0"),
    ],
)
def test_a_table_that_cannot_be_is_named_with_its_line(tmp_path: Path, line: str, words: str) -> None:
    (tmp_path / "backbone.toml").write_text(f'[node]\nname = "acme"\n[alarms]\n{line}\n')
    with pytest.raises(ConfigError, match=words) as error:
        load_node(Folder(tmp_path))
    assert "backbone.toml:" in str(error.value)
    assert "s3cret" not in str(error.value)


def test_without_a_table_nobody_is_told(tmp_path: Path) -> None:
    (tmp_path / "backbone.toml").write_text('[node]\nname = "acme"\n')
    table = load_node(Folder(tmp_path)).alarms
    assert not table.tells
    assert table.digest_time is None
