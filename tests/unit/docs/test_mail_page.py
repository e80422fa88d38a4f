"""The page about mail accounts: what it shows works, and what it explains is what the program says."""

import ast
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from backbone.config import Folder
from backbone.config.files import MailTable, load_link, load_node
from channels.mail import secrets, trouble
from channels.mail import settings as mail_settings
from channels.mail.secrets import OAuth
from channels.mail.settings import Settings, settings_from

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/mail.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
ACCOUNTS = [block for block in BLOCKS if block.startswith("[mail.")]
SOURCES = sorted((ROOT / "channels/mail").glob("*.py"))
TAG = "0" * 16
MAIL_TO_ONESELF = ("Test of a mail account", "A program tries whether")
"""Words of a mail, not of an error."""


def loaded(block: str, folder: Path) -> Settings:
    """As a node reads it."""
    (table,) = tomllib.loads(block)["mail"].values()
    given: dict[str, Any] = Folder(folder).resolved(MailTable.model_validate(table).settings)
    return settings_from({**given, "tag": TAG})


def sentences(file: Path) -> list[str]:
    """Each formatted text of a module, with an ellipsis for what is filled in; named texts stand in others."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    named = {
        node.targets[0].id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.JoinedStr | ast.Constant)
    }
    inner = [id(value) for value in named.values()]
    found = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) and id(node) not in inner]
    return [written(node, named) for node in found]


def written(part: ast.expr, named: Mapping[str, ast.expr]) -> str:
    match part:
        case ast.Constant():
            return str(part.value)
        case ast.JoinedStr():
            return "".join(written(one, named) for one in part.values)
        case ast.FormattedValue(value=ast.Name(id=name)) if name in named:
            return written(named[name], named)
    return "…"


def rows() -> list[str]:
    """What the program says, from the last table."""
    return re.findall(r"^\| `([^`]+)` \|", PAGE.partition("## When something is wrong")[2], re.MULTILINE)


def matches(row: str, sentence: str) -> bool:
    """The row's words stand in the sentence, in this order."""
    pieces = [re.escape(piece.strip()) for piece in row.split("…") if piece.strip()]
    return re.search(".*".join(pieces), sentence) is not None


@pytest.mark.parametrize("block", ACCOUNTS)
def test_each_account_of_the_page_is_one_that_the_channel_takes(block: str, tmp_path: Path) -> None:
    settings = loaded(block, tmp_path)
    assert settings.address == "backbone@acme.example"
    assert settings.imap.user == settings.smtp.user
    assert settings.imap.secret == settings.smtp.secret is not None


def test_the_ports_are_those_that_the_page_names(tmp_path: Path) -> None:
    found = {(s.smtp.place, s.imap.place) for s in (loaded(block, tmp_path) for block in ACCOUNTS)}
    assert found == {
        ("mail.acme.example:465", "mail.acme.example:993"),
        ("smtp.gmail.com:465", "imap.gmail.com:993"),
        ("smtp.office365.com:587", "outlook.office365.com:993"),
    }


def test_paths_begin_at_the_nodes_folder_also_inside_the_oauth_table(tmp_path: Path) -> None:
    sources = [loaded(block, tmp_path).smtp.secret for block in ACCOUNTS]
    refresh = [s.refresh_token for s in sources if isinstance(s, OAuth) and s.refresh_token is not None]
    assert len(refresh) == 2
    assert all(tmp_path in getattr(source, "path", Path()).parents for source in refresh)


def test_the_links_file_of_the_page_is_one(tmp_path: Path) -> None:
    (block,) = [block for block in BLOCKS if block not in ACCOUNTS]
    folder = Folder(tmp_path)
    file = folder.link_file("beta")
    file.parent.mkdir()
    file.write_text(block, encoding="utf-8")
    folder.config.write_text('[node]\nname = "acme"\n[trackers.main]\nkind = "memory"\n', encoding="utf-8")
    channel = load_link(folder, "beta", load_node(folder)).channel
    assert (channel.kind, channel.settings) == ("mail", {"account": "main"})


def test_the_page_explains_each_key() -> None:
    keys = {*mail_settings._TOP, *mail_settings._IMAP, *secrets._OAUTH} - {"smtp", "imap"}
    explained = PAGE.partition("## Every key")[2].partition("## The link")[0]
    assert [key for key in sorted(keys) if f"`{key}`" not in explained] == []


def test_each_sentence_of_the_page_is_one_that_the_channel_says() -> None:
    said = [sentence for file in SOURCES for sentence in sentences(file)]
    assert rows()
    assert [row for row in rows() if not any(matches(row, sentence) for sentence in said)] == []


@pytest.mark.parametrize("module", ["trouble", "check"])
def test_each_sentence_of_the_channel_has_a_row(module: str) -> None:
    whole = re.compile(r"[a-z]+ [a-z]+ [a-z]+.*(?<!: …)$")  # not the word before a sentence from elsewhere
    said = [sentence for sentence in sentences(ROOT / f"channels/mail/{module}.py") if whole.search(sentence)]
    said = [sentence for sentence in said if not any(words in sentence for words in MAIL_TO_ONESELF)]
    assert len(said) > 5
    assert [s for s in said if not any(matches(row, s) for row in rows())] == []


def test_a_refused_log_in_has_a_row() -> None:
    sentence = str(trouble.login("imap.acme.example:993", "backbone@acme.example", "NO wrong"))
    assert any(matches(row, sentence) for row in rows())
