"""Names between nodes."""

from backbone.replication.identity import born_at, created, creation, gid, marker

ALICE, BOB = "aa" * 16, "bb" * 16


def test_the_same_thing_gets_the_same_gid_again() -> None:
    assert gid(ALICE, "issue", "7") == gid(ALICE, "issue", "7") == "aaaaaaaa-da4ff47b701c7902033a46f9219c49"


def test_another_node_kind_or_name_gives_another_gid() -> None:
    gids = {gid(n, k, local) for n in (ALICE, BOB) for k in ("issue", "comment") for local in ("7", "8")}
    assert len(gids) == 8


def test_a_gid_tells_where_it_was_born_and_not_how_it_is_called_there() -> None:
    name = gid(ALICE, "issue", "secret")
    assert born_at(name, ALICE)
    assert not born_at(name, BOB)
    assert "secret" not in name


def test_each_write_has_a_marker_of_its_own_that_trackers_take() -> None:
    markers = {marker(link, "g", life, seq, 0) for link in ("l1", "l2") for life in (1, 2) for seq in (1, 2)}
    assert len(markers) == 8
    assert all(m.isascii() and m.isalnum() and m == m.lower() and len(m) == 30 for m in markers)


def test_the_key_of_a_creation_tells_the_gid_and_only_on_its_link() -> None:
    name = gid("11" * 16, "issue", "1")
    key = creation("ab" * 16, name)
    assert created("ab" * 16, key) == name
    assert created("cd" * 16, key) is None
    assert created("ab" * 16, "something else") is None
    assert created("ab" * 16, creation("ab" * 16, "no gid of ours")) is None
