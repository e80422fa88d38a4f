"""What an admin says: the node's folder, ``backbone.toml`` and ``links/NAME.toml``."""

from backbone.config.alarms import AlarmTable, check_webhook
from backbone.config.files import (
    ChannelTable,
    LinkConfig,
    LinkTable,
    MailTable,
    NodeConfig,
    NodeTable,
    TrackerTable,
    add_mail,
    add_tracker,
    load_link,
    load_node,
)
from backbone.config.folder import Folder, check_name
from backbone.config.reading import find_line, read_tables
from backbone.config.template import agreement_template, link_template, node_template, quoted

__all__ = [
    "AlarmTable",
    "ChannelTable",
    "Folder",
    "LinkConfig",
    "LinkTable",
    "MailTable",
    "NodeConfig",
    "NodeTable",
    "TrackerTable",
    "add_mail",
    "add_tracker",
    "agreement_template",
    "check_name",
    "check_webhook",
    "find_line",
    "link_template",
    "load_link",
    "load_node",
    "node_template",
    "quoted",
    "read_tables",
]
