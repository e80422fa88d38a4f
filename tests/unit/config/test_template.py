"""What we write, we can read."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backbone.config import Folder, link_template, load_link, load_node, node_template
from backbone.errors import UsageError

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
plain = words | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.lists(words)
settings = st.dictionaries(words, plain | st.dictionaries(words, plain, min_size=1, max_size=3), max_size=4)


RULES = {
    "fields": {
        "state": {"local": "status", "values": {"open": ["unread", "chat"], "done": "ok"}},
        "title": {"local": "t"},
        "text": {"concatenate": [{"local": "steps", "heading": "Steps {1}"}, {"local": "notes"}]},
        "level": {"first_match": [{"when": {"a.b": "x*", "c": ""}, "value": 'so "so"'}]},
    },
    "users": {"su.san": "susan@example.org"},
    "only_if": [{"local": "a", "values": ["b", "c"]}, {"agreed": "state"}],
    "on_update": {"unread": "yes"},
    "comments": {"if_none": "From the partner"},
}


def test_a_new_nodes_file_loads(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.config.write_text(node_template("alice"))
    config = load_node(folder)
    assert config.node.name == "alice"
    assert config.trackers == {}


def test_the_examples_in_the_comments_load(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    lines = node_template("alice").splitlines()
    is_example = ("#[", "#kind", "#home", "#user", "#anchor", "#poll", "#log")
    folder.config.write_text(
        "\n".join(line.removeprefix("#") if line.startswith(is_example) else line for line in lines)
    )
    config = load_node(folder)
    assert config.node.anchor == "/var/lib/backbone/anchor.json"
    assert config.trackers["main"].settings == {"home": "/srv/roundup/our-tracker", "user": "backbone"}


def test_a_nodes_file_with_trackers_and_a_links_file_load(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.config.write_text(node_template("alice", {"main": {"kind": "memory"}, "other": {"kind": "roundup", "n": 1}}))
    node = load_node(folder)
    assert [(name, table.kind) for name, table in node.trackers.items()] == [("main", "memory"), ("other", "roundup")]
    folder.link_files.mkdir()
    text = link_template(
        "main",
        {"kind": "directory", "send": "exchange/bob/SEND"},
        RULES,
    )
    folder.link_file("bob").write_text(text)
    link = load_link(folder, "bob", node)
    assert link.channel.settings == {"send": "exchange/bob/SEND"}
    assert link.rules == {**RULES, "on_create": {}}


@given(channel=settings, fields=st.dictionaries(words, settings, max_size=3), users=st.dictionaries(words, words))
def test_no_value_can_break_out_of_its_place(
    channel: dict[str, str], fields: dict[str, dict[str, str]], users: dict[str, str]
) -> None:
    data = tomllib.loads(link_template("main", channel, {"fields": fields, "users": users}))
    expected = {"link": {"tracker": "main"}, "channel": channel, "fields": fields, "users": users, "on_create": {}}
    assert data == expected


@pytest.mark.parametrize("name", ["../x", 'a"', "A"])
def test_a_wrong_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        node_template(name)
    with pytest.raises(UsageError):
        link_template(name, {"kind": "directory"}, {"fields": {}})
