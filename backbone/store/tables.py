"""The tables. What stands here is all that a node knows; nothing that matters is in memory.

Times are seconds since 1970, UTC. Booleans are 0 and 1. Every table but ``node``, ``alarm`` and ``telling``
belongs to a link, or to a tracker with all its links (``rank``, ``origin``, ``provenance``).
"""

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _link(*, primary: bool = False) -> Column[int]:
    return Column("link", Integer, ForeignKey("link.id"), primary_key=primary, nullable=False)


node = Table(
    "node",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("node_id", Text, nullable=False),
    Column("life", Integer, nullable=False),
    Column("life_random", LargeBinary, nullable=False),
    Column("boot", Integer, nullable=False, server_default="0"),
    Column("commits", Integer, nullable=False, server_default="0"),
    comment="one row: who we are, which life and start of this store it is, how often it was written",
)

link = Table(
    "link",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("link_id", Text, nullable=False, unique=True),
    Column("side", Text, nullable=False),
    Column("pairing", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("protocol", LargeBinary),
    Column("home", Text, nullable=False),
    Column("our_fingerprint", Text, nullable=False),
    Column("keys", LargeBinary),
    Column("peer", Text),
    Column("agreement", Text, nullable=False),
    Column("tracker", Text, nullable=False, server_default=""),
    Column("clock", Integer, nullable=False, server_default="0"),
    Column("cursor", Text),
    Column("populate_after", Text),
    Column("populated", Integer, nullable=False, server_default="0"),
    Column("joined_at", Text),
    Column("created_at", Float, nullable=False),
    comment="one link: pairing and protocol state, the feed's cursor, the logical clock of our writes",
)

proposal = Table(
    "proposal",
    metadata,
    _link(primary=True),
    Column("version", Integer, primary_key=True),
    Column("stage", Text, nullable=False),
    Column("agreement", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("ours_from", Integer),
    Column("theirs_from", Integer),
    Column("said_up_to", Text),
    Column("created_at", Float, nullable=False),
    Column("changed_at", Float, nullable=False),
    comment="every version of a link's agreement: proposed, answered, and behind which numbers it took effect",
)

outbox = Table(
    "outbox",
    metadata,
    _link(primary=True),
    Column("life", Integer, primary_key=True),
    Column("lane", Text, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("prev", LargeBinary, nullable=False),
    Column("chain", LargeBinary, nullable=False),
    Column("body_enc", Text, nullable=False),
    Column("raw_len", Integer, nullable=False),
    Column("size", Integer, nullable=False),
    Column("change_sets", Integer, nullable=False, server_default="0"),
    Column("sha256", Text),
    Column("blob_total", Integer),
    Column("blob_offset", Integer),
    Column("created_at", Float, nullable=False),
    Column("sent_at", Float),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("asked", Integer, nullable=False, server_default="0"),
    Column("body", LargeBinary),  # last: SQLite walks through it to reach what stands behind it
    comment="our numbered messages; an attachment's parts name a file instead of holding a body",
)
Index(None, outbox.c.link, outbox.c.asked, sqlite_where=outbox.c.asked == 1, postgresql_where=outbox.c.asked == 1)

inbox = Table(
    "inbox",
    metadata,
    _link(primary=True),
    Column("life", Integer, primary_key=True),
    Column("lane", Text, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("prev", LargeBinary, nullable=False),
    Column("header", LargeBinary),
    Column("body", LargeBinary),
    Column("received_at", Float, nullable=False),
    comment="the peer's numbered messages; the body goes when its effects are durable, the digest stays",
)

identity = Table(
    "identity",
    metadata,
    _link(primary=True),
    Column("gid", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("local", Text, nullable=False),
    Column("seen", Text),
    UniqueConstraint("link", "kind", "local"),
    comment="gid <-> local name; for issues how far their journals are reflected here",
)

rank = Table(
    "rank",
    metadata,
    Column("tracker", Text, primary_key=True),
    Column("rank", Integer, nullable=False),
    comment="the greatest rank that was given or seen in a tracker that has several links",
)

origin = Table(
    "origin",
    metadata,
    Column("tracker", Text, primary_key=True),
    Column("local", Text, primary_key=True),
    Column("part", Text, primary_key=True),
    Column("origins", LargeBinary, nullable=False),
    comment="whose write each cell of an issue shows, in a tracker that has several links",
)

provenance = Table(
    "provenance",
    metadata,
    Column("tracker", Text, primary_key=True),
    Column("local", Text, primary_key=True),
    Column("position", Text, primary_key=True),
    Column("said", LargeBinary, nullable=False),
    comment="where an edit came from, until every link of its tracker has told it",
)

shadow = Table(
    "shadow",
    metadata,
    _link(primary=True),
    Column("gid", Text, primary_key=True),
    Column("part", Text, primary_key=True),
    Column("registers", LargeBinary, nullable=False),
    comment="registers and images: one row for an issue's fields, one for each comment and attachment",
)

standing = Table(
    "standing",
    metadata,
    _link(primary=True),
    Column("gid", Text, primary_key=True),
    Column("ours", Text, nullable=False, server_default=""),
    Column("theirs", Text, nullable=False, server_default=""),
    Column("why", Text, nullable=False, server_default=""),
    Column("waking", Integer, nullable=False, server_default="0"),
    Column("said", Integer, nullable=False, server_default="0"),
    Column("changed_at", Float, nullable=False),
    comment="issues that rest (frozen, cut) on our side or the partner's, and those that were added by hand",
)

twin = Table(
    "twin",
    metadata,
    _link(primary=True),
    Column("local", Text, primary_key=True),
    Column("word", Text, nullable=False, server_default=""),
    Column("gid", Text, nullable=False, server_default=""),
    Column("state", Text, nullable=False, server_default=""),
    comment="issues of ours that may be, or are, the same as one of the partner's: both were there before the link",
)
Index(None, twin.c.link, twin.c.word)
Index(None, twin.c.link, twin.c.gid)

twinning = Table(
    "twinning",
    metadata,
    _link(primary=True),
    Column("after", Text),
    Column("looked", Integer, nullable=False, server_default="0"),
    Column("told", Integer, nullable=False, server_default="0"),
    comment="how far pairing is: which issues were looked at, whether the partner has said all of its own",
)

former = Table(
    "former",
    metadata,
    _link(primary=True),
    Column("gid", Text, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("element", Text, primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    Column("replaced_at", Float, nullable=False),
    comment="digests of values that were replaced: what a partner restored from a backup may still show",
)
Index(None, former.c.link, former.c.replaced_at)

told = Table(
    "told",
    metadata,
    _link(primary=True),
    Column("gid", Text, primary_key=True),
    Column("part", Text, primary_key=True),
    comment="while a link is joined again: the parts of issues that the partner's state has named",
)

intent = Table(
    "intent",
    metadata,
    _link(primary=True),
    Column("writes", LargeBinary, nullable=False),
    comment="writes that were begun in the tracker and whose outcome is not recorded yet, in one row",
)

held = Table(
    "held",
    metadata,
    Column("id", Integer, primary_key=True),
    _link(),
    Column("gid", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("change_set", LargeBinary, nullable=False),
    Column("ready", Integer, nullable=False, server_default="0"),
    UniqueConstraint("link", "key"),
    comment="change sets of an issue that waits for a person, in their order",
)
Index(None, held.c.link, held.c.gid)

waiting = Table(
    "waiting",
    metadata,
    _link(primary=True),
    Column("gid", Text, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("element", Text, primary_key=True),
    Column("wants", Text, nullable=False),
    Column("ready", Integer, nullable=False, server_default="0"),
    Column("source", LargeBinary),
    Column("digest", Text, nullable=False, server_default=""),
    comment="cells whose other end (an issue, an attachment's content) is not here yet; digest: of their change set",
)
Index(None, waiting.c.link, waiting.c.wants)

blob = Table(
    "blob",
    metadata,
    _link(primary=True),
    Column("sha256", Text, primary_key=True),
    Column("total", Integer, nullable=False),
    Column("have", Integer, nullable=False, server_default="0"),
    Column("complete", Integer, nullable=False, server_default="0"),
    comment="attachments' contents that travelled on a link, by SHA-256; ``have`` bytes are here",
)

owed = Table(
    "owed",
    metadata,
    Column("id", Integer, primary_key=True),
    _link(),
    Column("at", Float, nullable=False),
    Column("size", Integer, nullable=False),
    Column("outcomes", LargeBinary, nullable=False),
    comment="what became of the peer's change sets and stands in no receipt yet: a row for what became so together",
)
Index(None, owed.c.link)

receipt_chain = Table(
    "receipt_chain",
    metadata,
    _link(primary=True),
    Column("ours", Integer, primary_key=True),
    Column("life", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("digest", Text, nullable=False),
    comment="the last receipt of either side",
)

evidence = Table(
    "evidence",
    metadata,
    _link(primary=True),
    Column("ours", Integer, primary_key=True),
    Column("life", Integer, primary_key=True),
    Column("lane", Text, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("names", Text, nullable=False),
    comment="messages that prove something: of which issues, a gid a line, or the text of the receipt in it",
)
Index(None, evidence.c.link, evidence.c.at)

original = Table(
    "original",
    metadata,
    _link(primary=True),
    Column("ours", Integer, primary_key=True),
    Column("life", Integer, primary_key=True),
    Column("lane", Text, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("body_enc", Text),
    Column("raw_len", Integer),
    Column("content", LargeBinary, nullable=False),  # last: SQLite walks through it to reach what stands behind it
    comment="the peer's parcels as they came; our bodies once they have left the outbox",
)
Index(None, original.c.link, original.c.at)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Integer, primary_key=True),
    _link(),
    Column("kind", Text, nullable=False),
    Column("gid", Text),
    Column("local", Text),
    Column("key", Text),
    Column("reason", Text, nullable=False),
    Column("advice", Text, nullable=False, server_default=""),
    Column("payload", LargeBinary),
    Column("state", Text, nullable=False, server_default="open"),
    Column("attempts", Integer, nullable=False, server_default="1"),
    Column("created_at", Float, nullable=False),
    Column("changed_at", Float, nullable=False),
    Column("next_at", Float),
    Column("edits", Text, nullable=False, server_default="[]"),
    Column("completes", Text, nullable=False, server_default=""),
    comment="what could not be opened, decoded or applied, with its reason; never dropped, replayable",
)
Index(None, quarantine.c.link, quarantine.c.state, quarantine.c.next_at)

conflict = Table(
    "conflict",
    metadata,
    Column("id", Integer, primary_key=True),
    _link(),
    Column("gid", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("element", Text, nullable=False),
    Column("stands", Text),
    Column("lost", Text),
    Column("lost_here", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    comment="values that lost against a concurrent write; ``open`` where a person has to decide",
)
Index(None, conflict.c.link, conflict.c.state)
Index(None, conflict.c.link, conflict.c.gid)

request = Table(
    "request",
    metadata,
    Column("id", Integer, primary_key=True),
    _link(),
    Column("kind", Text, nullable=False),
    Column("arguments", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="open"),
    Column("result", Text),
    Column("created_at", Float, nullable=False),
    comment="what a person asked for on the command line; the service carries it out",
)
Index(None, request.c.link, request.c.state)

alarm = Table(
    "alarm",
    metadata,
    Column("name", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("about", Text, nullable=False),
    Column("level", Integer, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("since", Float, nullable=False),
    Column("told_level", Integer, nullable=False),
    Column("gone_at", Float),
    comment="what is wrong with this node, and how much of it was told",
)

telling = Table(
    "telling",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("way", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("state", Text, nullable=False, server_default="open"),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_at", Float, nullable=False),
    Column("trouble", Text, nullable=False, server_default=""),
    comment="notices to people, one row for each who is told: by mail or by webhook",
)
Index(None, telling.c.state, telling.c.next_at)
