"""The tables of a link's file: each one that the mapping reads is let through."""

from backbone.config.files import LinkConfig
from backbone.replication.mapping import Rules


def test_a_links_file_may_have_every_table_of_the_mapping() -> None:
    assert set(Rules.model_fields) <= set(LinkConfig.model_fields)
