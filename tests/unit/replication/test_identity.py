"""Names between nodes."""

from backbone.replication.identity import born_at, created, creation, gid, made_over, marker

ALICE, BOB = "aa" * 16, "bb" * 16


def test_the_same_thing_gets_the_same_gid_again() -> None:
    assert (
        gid(ALICE, "main", "issue", "7")
        == gid(ALICE, "main", "issue", "7")
        == "aaaaaaaa-6e07dddc2fd4a6c793bfe834fc6420"
    )


def test_another_node_tracker_kind_or_name_gives_another_gid() -> None:
    kinds, locals_ = ("issue", "comment"), ("7", "8")
    gids = {gid(n, t, k, local) for n in (ALICE, BOB) for t in ("main", "old") for k in kinds for local in locals_}
    assert len(gids) == 16


def test_a_gid_tells_where_it_was_born_and_not_how_it_is_called_there() -> None:
    name = gid(ALICE, "main", "issue", "secret")
    assert born_at(name, ALICE)
    assert not born_at(name, BOB)
    assert "secret" not in name


def test_what_was_born_one_after_the_other_stands_together_in_an_index() -> None:
    names = [gid(ALICE, "main", "issue", f"issue{number}") for number in range(1_000, 4_000)]
    assert len(set(names)) == 3_000
    assert len({name[:15] for name in names}) == 3
    assert names[0][9:15] not in {
        gid(ALICE, "main", "comment", "issue1000")[9:15],
        gid(BOB, "main", "issue", "issue1000")[9:15],
    }


def test_each_write_has_a_marker_of_its_own_that_trackers_take() -> None:
    markers = {marker(link, "g", life, seq, 0) for link in ("l1", "l2") for life in (1, 2) for seq in (1, 2)}
    assert len(markers) == 8
    assert all(m.isascii() and m.isalnum() and m == m.lower() and len(m) == 30 for m in markers)


def test_a_marker_tells_which_link_made_the_write_and_that_of_an_issue_may_be_of_any() -> None:
    assert [made_over(marker(link, "g", 1, 2, 3), "l1") for link in ("l1", "l2")] == [True, False]
    assert made_over(creation(gid(ALICE, "main", "issue", "7")), "l1")


def test_an_issue_is_made_under_a_key_that_tells_its_gid_whatever_link_it_comes_over() -> None:
    name = gid(ALICE, "main", "issue", "7")
    assert created(creation(name)) == name
    assert len(creation(name)) == 41


def test_a_partner_s_own_kind_of_gid_has_a_key_that_tells_nothing() -> None:
    assert creation("HELP-7") == creation("HELP-7") != creation("HELP-8")
    assert created(creation("HELP-7")) is None
    assert created("new" + "x" * 38) is None
    assert created(marker("link", "g", 1, 1, 0)) is None
