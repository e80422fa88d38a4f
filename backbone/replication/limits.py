"""Every number that bounds the protocol, with its reason."""

message_raw_bytes_max = 16 * 2**20
"""A message, inflated. Large enough for thousands of change sets; small enough to hold in memory twice."""

header_bytes_max = 64 * 2**10
"""A header holds numbers, hashes and at most 64 ranges in three lanes: 8 KiB in the worst case."""

change_sets_per_message = 2_000
"""A seal and its opening cost about 25 ms whatever they hold, and a message's way through both nodes as much again: at
2,000 that is 25 microseconds a change set."""

operations_per_change_set_max = 5_000
"""One edit of one issue. A first snapshot of an issue with thousands of comments is cut into several."""

message_operations_max = 280_000
"""Of a body: as many as fit into ``body_bytes`` where each is as short as can be. Each takes 250 bytes of memory."""

operations_per_change_set = 400
"""Where we cut: a small write holds the tracker's lock for a short time only."""

body_bytes = 4 * 2**20
"""Where a message is closed, inflated: about 1 MiB as it travels, which mail servers take, and a cheap resend."""

ack_gathered = 10.0
"""While messages wait to be applied, an acknowledgement may wait this many times its delay: each costs a seal."""

ack_gathered_seconds = 1.0
"""Where that is less than this, as in a directory, it may wait so long: nobody looks so often ..."""

ack_gathered_share = 0.25
"""... but never more than this share of the time after which the peer sends again what was not acknowledged."""

clock_slack_seconds = 1.0
"""Who looked at the clock first may be recorded last; a clock that was set back is further off than this."""

parcels_aside_max = 1_000
"""Parcels that could not be opened and are on the list; of more only the number is kept. Nobody reads more."""

parcels_aside_bytes_max = 64 * 2**20
"""So much of them is kept to look at. Anybody who can write to the share can bring more."""

compression_level = 2
"""Of zstd: half the time of 3 for 1 to 5 % more bytes, by what the texts are like."""

seal_bytes = 16 * 2**10
"""What header and OpenPGP add to a body, at most: by so much a body stays below what the channel carries."""

text_bytes_max = 4 * 2**20
"""One value. The longest comment seen in the wild had 3.27 MB."""

message_values_max = 6_000_000
"""What a header or a record may hold, lists and maps counting more: above what fits into ``body_bytes`` where every
value is as short as can be. In memory a value takes up to 60 bytes."""

record_depth_max = 16
"""How deep a control record may nest: ours need four."""

record_keys_max = 64
"""How many keys a control record may have: ours need fifteen. Each that nobody knows costs a sentence."""

name_bytes_max = 1_000
"""Names of fields, elements, authors and files."""

blob_part_bytes = 4 * 2**20
"""Attachments travel in parts of this size: under the size limit of common mail servers after base64."""

attachment_bytes_max = 512 * 2**20
"""Where the agreement says nothing smaller."""

ranges_max = 64
"""Missing or stored ranges named in one message; the rest is named in the next."""

window_messages = 256
"""Credit: messages that may be under way unapplied in one lane."""

window_bytes = 64 * 2**20
"""Credit: bytes that may be under way unapplied in one lane."""

ahead_messages_max = 4 * window_messages
"""So far above what was applied a message is kept. Who keeps to the window never gets there; what lies beyond is asked
for again when there is room. So no peer makes us remember more than half as many ranges."""

ahead_bytes_max = 2 * window_bytes
"""So many bytes are kept unapplied in one lane; beyond, only the message that is applied next is taken."""

resend_seconds_max = 24 * 3600
"""A resend is tried at least daily, for ever: the partner may be on holiday."""

resend_growth = 2.0
"""Each resend waits twice as long as the one before."""

asked_share = 0.25
"""What the peer asks for is sent again at once, but not more often than this share of the resend floor."""

challenges_max = 5
"""A challenge is not acknowledged, and who sends it says nothing else any more: it is said a few times."""

challenge_growth = 8.0
"""Each challenge waits so many times as long as the one before: from half a minute in a directory to days."""

receipt_outcomes_max = 5_000
"""Change sets named in one receipt, which costs a seal on one side and an opening on the other. In words 400 KB."""

receipt_reason_max = 200
"""Characters of a reason in a receipt: a tracker's words are told whole, beside it, where an issue waits for them."""

receipts_resend_seconds = 36 * 3600
"""Nobody answers a receipt for its own sake: the next message, at the latest the daily heartbeat, acknowledges it. A
lost one is asked for as soon as the partner hears of its number; so it is repeated by time only when both were lost."""

evidence_seconds = 1095 * 24 * 3600.0
"""Where the configuration says nothing else: three years, within which most claims between companies end."""

evidence_bytes_max = 8 * 2**30
"""What is kept of one link as evidence: some twenty million change sets. Beyond, the oldest goes first, so that no
partner fills the disk with what he signs."""

heartbeat_seconds = 24 * 3600
"""An idle link says once a day that it lives."""

backup_horizon_seconds = 35 * 24 * 3600
"""Payloads are kept this long beyond their acknowledgement: a peer restored from a monthly backup can ask again."""

lives_ahead_max = 2**32
"""A life is counted up by one; a peer that names one further ahead is lying, and would use up the counter."""

audit_leaf_issues = 32
"""A node of the audit's tree with so many issues, or fewer, is described by these: 2 KB."""

audit_nodes_max = 256
"""Nodes described in one message: at most half a megabyte."""

audit_issues_at_once = 32
"""With no more issues below what differs, the first answer tells their cells at once."""

audit_cells_bytes = 2**20
"""So much of cells' digests is told in one answer; what is left is asked for again."""

audit_wanted_max = 200
"""Issues whose cells are asked for at once."""

audit_rounds_max = 64
"""So often is asked in one audit: far more than a tree of a hundred million issues needs, an end for whoever answers
nonsense."""

state_issues = 200
"""Issues told in one message of our state: read, joined and written by the peer in a second or two."""

state_names = 10_000
"""Names of issues in one message of our state: about 400 KiB."""

state_history_max = 64
"""Former values of one cell that a state tells: whoever was restored has seen one of the last."""

hops_max = 8
"""Trackers that a change may come over: more are a ring that turns, or a company that should be linked directly."""

contents_asked = 200
"""Attachments' contents asked for again in one message."""

columns_max = 16
"""Columns of a table: a row is merged as a whole, and a person compares two of them."""

rows_max = 2_000
"""Rows of one table in one issue, at most: they are read and kept together with the issue's fields."""

rows_ahead = 2
"""Both sides may add rows up to the limit at once: so many times as many are taken."""

column_characters_max = 10_000
"""One column of a row: what is longer is a comment."""

people_made_max = 1_000
"""Users that are made in a tracker for people of one partner: a partner can name as many as it likes."""

agreement_bytes_max = 256 * 2**10
"""A proposed agreement, spelled out: a thousand fields with long lists of values. An admin reads it."""

agreement_versions_max = 10_000
"""A change of the agreement is a decision of two people: nobody makes so many."""

reason_characters_max = 1_000
"""What an admin says to a refused proposal."""

certificate_bytes_max = 32 * 2**10
"""A partner's certificate with all the subkeys that it ever had: some forty of them."""

key_overlap_seconds = 30 * 86_400.0
"""So long what the partner's old key signed may be under way; what comes later is asked for and signed anew."""
