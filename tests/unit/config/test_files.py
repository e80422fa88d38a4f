"""What is wrong in a file is told with its line and the nearest right name."""

from pathlib import Path

import pytest

from backbone.config import Folder, LinkConfig, NodeConfig, find_line, load_link, load_node
from backbone.config.reading import CONFIG_BYTES_MAX
from backbone.errors import ConfigError, UsageError

NODE = """\
[node]
name = "alice"

[trackers.main]
kind = "roundup"
home = "tracker"
"""
LINK = """\
[link]
tracker = "main"
[channel]
kind = "directory"
send = "out"
[fields.state]
local = "status"
values.open = ["unread", "chatting"]
[users]
susan = "susan@example.org"
"""


def node(tmp_path: Path, text: str | bytes) -> NodeConfig:
    folder = Folder(tmp_path)
    folder.config.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_node(folder)


def link(tmp_path: Path, text: str) -> LinkConfig:
    folder = Folder(tmp_path)
    folder.link_files.mkdir(exist_ok=True)
    folder.link_file("bob").write_text(text)
    return load_link(folder, "bob", node(tmp_path, NODE))


def test_a_node(tmp_path: Path) -> None:
    config = node(tmp_path, NODE)
    assert (config.node.name, config.node.poll_seconds, config.node.log_format) == ("alice", 5, "text")
    assert config.trackers["main"].kind == "roundup"
    assert config.trackers["main"].settings == {"home": "tracker"}
    assert config.anchor(Folder(tmp_path)) is None


def test_a_link(tmp_path: Path) -> None:
    config = link(tmp_path, LINK)
    assert config.link.tracker == "main"
    assert config.channel.settings == {"send": "out"}
    assert config.rules == {
        "fields": {"state": {"local": "status", "values": {"open": ["unread", "chatting"]}}},
        "users": {"susan": "susan@example.org"},
        "on_create": {},
    }


def test_a_byte_order_mark_and_windows_lines_do_no_harm(tmp_path: Path) -> None:
    assert node(tmp_path, b"\xef\xbb\xbf" + NODE.replace("\n", "\r\n").encode()).node.name == "alice"


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ('[node]\nname = "a"\npol_seconds = 3\n', 3, "[node] has no 'pol_seconds' (did you mean 'poll_seconds'?)"),
        ('[node]\nname = "a"\n\n[tracker.x]\nkind = "a"', 4, "the file has no 'tracker' (did you mean 'trackers'?)"),
        ('node.name = "a"\nnode.xyz = 1', 2, "[node] has no 'xyz'; it knows name, anchor, poll_seconds, log_format"),
        ('# \u2028\n[node]\nname = "A b"', 3, "node.name: a name is made of a-z"),
        ('[node]\nname = "a"\npoll_seconds = "5"', 3, "node.poll_seconds: input should be a valid number"),
        ('[node]\nname = "a"\npoll_seconds = 0', 3, "node.poll_seconds: input should be greater than 0"),
        ('[node]\nname = "a"\npoll_seconds = true', 3, "node.poll_seconds: input should be a valid number"),
        ('[node]\nname = "a"\npoll_seconds = nan', 3, "node.poll_seconds: input should be"),
        ('[node]\nname = "a"\nlog_format = "xml"', 3, "node.log_format: input should be 'text' or 'json'"),
        ('\n[node]\n"log_format" = "text"', 2, "[node] needs a 'name'"),
        ('[node]\nname = "a"\n[trackers.main]\nhome = "x"', 3, "[trackers.main] needs a 'kind'"),
        ('[node]\nname = "a"\n[trackers."My One"]\nkind = "x"', 3, "trackers.My One: a name is made of"),
        ('node = 3\n[trackers.main]\nkind = "x"', 1, "node: must be a table, [node]"),
        ('[node]\nname = "a\n', 2, "this is not TOML: Illegal character"),
        ('[node]\nname = """a\n\n', 4, "this is not TOML: Unterminated string"),
        ('[node]\nname = "a"\nname = "b"', 3, "this is not TOML: Cannot overwrite a value"),
        ('[node]\nname = "a"\nanchor = "state/a.json"', 3, "node.anchor: lies in the node's folder"),
    ],
)
def test_an_error_in_the_nodes_file_names_its_line(tmp_path: Path, text: str, line: int, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        node(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path}/backbone.toml:{line}: {sentence}")


@pytest.mark.parametrize(
    ("old", "new", "line", "sentence"),
    [
        ("[users]", "[user]", 9, "the file has no 'user' (did you mean 'users'?)"),
        ('"main"', '"mian"', 2, "link.tracker: "),
        ('kind = "directory"\n', "", 3, "[channel] needs a 'kind'"),
        ('send = "out"', "send = 3", 5, "channel.send: input should be a valid string"),
        ('[users]\nsusan = "susan@example.org"', "[on_create]\n[[users]]", 10, "users: must be a table, [users]"),
    ],
)
def test_an_error_in_a_links_file_names_its_line(tmp_path: Path, old: str, new: str, line: int, sentence: str) -> None:
    assert old in LINK
    with pytest.raises(ConfigError) as caught:
        link(tmp_path, LINK.replace(old, new))
    assert str(caught.value).startswith(f"{tmp_path}/links/bob.toml:{line}: {sentence}")


def test_a_tracker_that_is_not_there_gets_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no \[trackers\.mian\] \(did you mean 'main'\?\)"):
        link(tmp_path, LINK.replace('"main"', '"mian"'))


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"backbone\.toml: the file needs a table \[node\]"):
        node(tmp_path, "")


def test_a_value_is_never_repeated(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        link(tmp_path, LINK.replace('kind = "directory"', 'kind = ["hunter2"]'))
    assert "hunter2" not in str(caught.value)


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="backbone init"):
        load_node(Folder(tmp_path))


def test_a_missing_link_gets_the_nearest_one(tmp_path: Path) -> None:
    link(tmp_path, LINK)
    with pytest.raises(UsageError, match=r"no link 'bo' \(did you mean 'bob'\?\).*the links are bob"):
        load_link(Folder(tmp_path), "bo", node(tmp_path, NODE))


def test_other_bytes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"toml:2: is not UTF-8"):
        node(tmp_path, b'[node]\nname = "\xe4"')
    with pytest.raises(ConfigError, match="more than"):
        node(tmp_path, b"#" * (CONFIG_BYTES_MAX + 1))


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    Folder(tmp_path).config.mkdir()
    with pytest.raises(ConfigError, match=r"backbone\.toml: cannot be read: Is a directory"):
        load_node(Folder(tmp_path))


def test_an_anchor_elsewhere_is_taken(tmp_path: Path) -> None:
    inner = tmp_path / "node"
    inner.mkdir()
    config = node(inner, '[node]\nname = "a"\nanchor = "../a.json"')
    assert config.anchor(Folder(inner)) == inner / "../a.json"


def test_lines_are_found_in_every_form_of_toml() -> None:
    text = "a.b = 1\n[c]\nd . 'e f' = 2\n[[g]]\nh = 1\n[broken\n  [ c.i ] # x\nj = '='\n"
    found = {place: find_line(text, place.split("/")) for place in ("a/b", "a", "c/d/e f", "g/h", "c/i/j", "c/k", "z")}
    assert found == {"a/b": 1, "a": 1, "c/d/e f": 3, "g/h": 5, "c/i/j": 8, "c/k": 2, "z": None}


def test_the_places_of_a_passphrase(tmp_path: Path) -> None:
    assert node(tmp_path, NODE).keys.settings == {}
    config = node(tmp_path, f'{NODE}[keys]\npassphrase_env = "P"\n')
    assert config.keys.settings == {"passphrase_env": "P"}
    with pytest.raises(ConfigError, match="passphrase"):
        node(tmp_path, f'{NODE}[keys]\npassphrase = "wide river"\n')
