"""The README of a folder with evidence: what it shows, and how a third party checks it, with gpg and nothing of ours.

Each command in it stands for itself and is run by a test as it is written.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from backbone.service.evidence.finding import Change, Found, Signed, Told


class Parties(NamedTuple):
    """Who exports, and the partner: names, full fingerprints, and what is known of the latter's."""

    link: str
    us: str
    our_key: str
    partner: str
    partner_key: str
    verified: str
    made: str


def page(parties: Parties, found: Found) -> str:
    """The README, in Markdown."""
    parts = [_head(parties, found), _keys(parties)]
    if found.sent:
        parts.append(_sent(parties, found))
    if found.receipts:
        parts.append(_receipts(parties, found.receipts))
    if found.received:
        parts.append(_received(parties, found))
    parts += [_format(), _end()]
    return "\n".join(parts)


def names(changes: Sequence[Change], folder: str) -> list[str]:
    """The files of change sets, in their order."""
    return [f"{folder}/{number:04}.txt" for number, _ in enumerate(changes, 1)]


def text_name(told: Told) -> str:
    """The file of a receipt's text."""
    return f"receipts/{told.signed.name.removesuffix('.gpg')}.txt"


def _head(parties: Parties, found: Found) -> str:
    lost = f"\n{found.lost} parcels could no longer be opened and are not here.\n" if found.lost else ""
    return f"""# Evidence about one issue

Made by {parties.us} on {parties.made}, on the link {parties.link} between {parties.us} and {parties.partner}.

- The issue: `{found.gid}` on the link, `{found.local}` in the tracker of {parties.us}.
- `sent/`: {len(found.sent)} change sets that {parties.us} sent, as text.
- `receipts/`: {len(found.receipts)} receipts about them, each signed by {parties.partner}, and their texts.
- `received/`: {len(found.received)} change sets that {parties.partner} sent, as text, and the signed messages.

A signed message or receipt covers all that was sent together: it may speak of other issues, too.
{lost}
Whoever has GnuPG checks this folder with the commands below, one after the other, in one terminal, in this folder.
None of them changes anything in it. Each says beside it what it must print; a command that fails, or prints something
else, speaks against the folder."""


def _keys(parties: Parties) -> str:
    return f"""
## The files, and whose keys these are

Nothing was damaged since the folder was made (each line ends in `OK`):

```
sha256sum --check SHA256SUMS
```

The keys of both companies for this link, in a key ring of their own:

```
export GNUPGHOME="$(mktemp -d)"
gpg --batch --quiet --import keys/*.asc
gpg --batch --fingerprint
```

| | fingerprint of the primary key |
|---|---|
| {parties.us} | `{parties.our_key}` |
| {parties.partner} | `{parties.partner_key}` |

That the second one is the key of {parties.partner} is not proved by this folder. It stands in the handshake file
or the answer that both companies exchanged, and in {parties.partner}'s own `backbone link show`. {parties.verified}"""


def _sent(parties: Parties, found: Found) -> str:
    said = {
        o.digest: (text_name(told), str(o.became), o.reason) for told in found.receipts for o in told.receipt.outcomes
    }
    rows = []
    checks = []
    for file, change in zip(names(found.sent, "sent"), found.sent, strict=True):
        receipt, became, reason = said.get(change.digest, ("", "no receipt yet", ""))
        rows.append(f"| `{file}` | {_cell(change.at)} | {_cell(change.author)} | {became} | {_cell(reason)} |")
        if receipt:
            checks.append(f'grep -F "$(sha256sum {file} | cut -c -64)" {receipt}')
    table = "\n".join(rows)
    text = f"""
## What {parties.us} sent, and what {parties.partner} says became of it

| file | time | author | last word of {parties.partner} | reason |
|---|---|---|---|---|
{table}
"""
    if not checks:
        return text
    return f"""{text}
The name of a change set is the SHA-256 of its file. Each command finds it in a receipt, with what became of it:

{_block(checks)}

That a receipt is {parties.partner}'s is shown in the next part."""


def _receipts(parties: Parties, receipts: Sequence[Told]) -> str:
    signatures = [_signature(f"receipts/{told.signed.name}", parties.partner_key) for told in receipts]
    texts = [
        f"gpg --batch --quiet --decrypt receipts/{told.signed.name} 2>/dev/null | tail -c {len(told.text.encode())}"
        f" | cmp - {text_name(told)}"
        for told in receipts
    ]
    chain = [
        f'grep -F "previous $(sha256sum {text_name(one)} | cut -c -64)" {text_name(other)}'
        for one, other in pairwise(receipts)
        if (one.receipt.life, one.receipt.number + 1) == (other.receipt.life, other.receipt.number)
    ]
    linked = "\n\nThese follow each other; each command prints the line that names the one before:\n\n" + _block(chain)
    return f"""
## The receipts of {parties.partner}

Each is signed by the key above (each command prints a line with `VALIDSIG`):

{_block(signatures)}

And the text beside it is what was signed (the commands print nothing):

{_block(texts)}

Receipts are numbered from 1, and each names the SHA-256 of the text before it (`previous`). So none can be taken out or
put in afterwards without {parties.us} and {parties.partner} both seeing it.{linked if chain else ""}"""


def _received(parties: Parties, found: Found) -> str:
    rows = []
    for file, change in zip(names(found.received, "received"), found.received, strict=True):
        became, reason = found.became.get(change.digest, ("not told yet", ""))
        carrier = found.messages[change.message].name
        rows.append(
            f"| `{file}` | {_cell(change.at)} | {_cell(change.author)} | `received/{carrier}` | {became} | "
            f"{_cell(reason)} |"
        )
    table = "\n".join(rows)
    used = [found.messages[place] for place in sorted({change.message for change in found.received})]
    signatures = [_signature(f"received/{signed.name}", parties.partner_key) for signed in used]
    contents = [_content(signed, found.gid) for signed in used]
    return f"""
## What {parties.partner} sent

| file | time | author | signed message | what {parties.us} answered | reason |
|---|---|---|---|---|---|
{table}

Each message is signed by the key above (each command prints a line with `VALIDSIG`):

{_block(signatures)}

And it speaks of this issue. What is compressed in it is unpacked by `zstd`, which every system has as a package; the
commands print how many lines name the issue, 1 or more:

{_block(contents)}

Without its `grep` each command prints the message, in which the words of the texts can be read."""


def _format() -> str:
    return """
## For a programmer

The signed content of a message is `BKB1`, the length of the header (4 bytes, big-endian), the header (MessagePack),
and the body, compressed by Zstandard where the header's `body_enc` says so. The body of a message with change sets is
a MessagePack list; each change set is `[issue, author, time, changes]`, each change `[field, element, value, write,
known]`. A message of the kind `STATE`, which is told to a store that was put back from a copy, is a map instead: its
`issues` hold such a list; each is all that was known of an issue. The texts in this folder are the same, as JSON: a
line for the issue, author and time, then one for each change. `write` and `known` are the write stamp and the clock
by which both companies decide which of two values stands."""


def _end() -> str:
    return """
## At the end

The key ring goes:

```
gpgconf --kill all
rm -rf "$GNUPGHOME"
```
"""


def _signature(file: str, fingerprint: str) -> str:
    return f'gpg --batch --status-fd 1 --verify {file} 2>/dev/null | grep -o "VALIDSIG .* {fingerprint}$"'


def _content(signed: Signed, gid: str) -> str:
    size = len(signed.message.body)
    unpack = " | zstd -dc" if signed.message.header.body_enc == "zstd" else ""
    read = f"gpg --batch --quiet --decrypt received/{signed.name} 2>/dev/null"
    return f"{read} | tail -c {size}{unpack} | grep -a -c {gid}"


def _block(commands: Iterable[str]) -> str:
    lines = "\n".join(commands)
    return f"```\n{lines}\n```"


def _cell(text: str) -> str:
    """The partner's words in a table: nothing in them ends the cell, or begins markup."""
    return "".join(c if c.isalnum() or c in " .,:;-+@/()'" else " " for c in text)[:200].strip()
