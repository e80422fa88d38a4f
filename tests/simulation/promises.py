"""The promises, as checks over both nodes. The names are those of PROTOCOL section 3 where it has one."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from backbone.model import ATTACHMENT, COMMENT, ISSUE, SETS, Cell, Issue
from backbone.replication.link import LinkState
from backbone.replication.merge import EMPTY, NEVER, Register
from backbone.replication.message import LANES, Operation, decode_change_sets, inflate
from backbone.replication.proposal import decode_agreed
from backbone.replication.proposing import Stage
from backbone.store import evidence, intents, links, lists, messages, proposals, shadows
from backbone.store.codec import unpack_registers
from backbone.store.tables import conflict, identity, outbox, shadow
from tests.simulation.answered import answered
from tests.simulation.people import WORK, files, rows, texts

if TYPE_CHECKING:
    from tests.simulation.node import Node
    from tests.simulation.world import World


def always(world: "World") -> list[str]:
    """What holds after every step."""
    a, b = world.nodes
    broken: list[str] = []
    for ours, theirs in ((a, b), (b, a)):
        out, into = ours.state(), theirs.state()
        if ours.is_fenced() and not world.snapshots:
            broken.append(f"{ours.name} stopped: {out.reason}")
        broken += _doubles(ours)
        broken += world.secrets.leaked() if world.secrets is not None else []
        if not _know_each_other(out, into) or ours.unaware or theirs.unaware:
            continue
        for lane in LANES:
            if out.out[lane].stored > into.into[lane].recv or out.out[lane].applied > into.into[lane].applied:
                broken.append(f"I7 {ours.name}: acknowledged {lane} beyond what {theirs.name} has")
            if into.into[lane].high > out.out[lane].last:
                broken.append(f"I6 {theirs.name}: lane {lane} is higher than what {ours.name} numbered")
    return broken


def _know_each_other(ours: LinkState, theirs: LinkState) -> bool:
    """Whether neither store was restored without the other having heard."""
    lives = (ours.life, theirs.peer_life), (theirs.life, ours.peer_life)
    return all(tuple(a) == tuple(b) for a, b in lives) and ours.phase.works and theirs.phase.works


def _doubles(node: "Node") -> list[str]:
    """Nothing twice, and in order: an issue never stands without what it was made with."""
    seen = Counter(_description(issue) for issue in _issues(node))
    broken = [f"I3 {node.name}: {text!r} stands {count} times" for text, count in seen.items() if count > 1]
    return broken + [f"order {node.name}: an issue stands without its beginning" for text in seen if not text]


def _description(issue: Issue) -> str:
    """What tells issues apart: nobody edits it."""
    return str(issue.cells.get(Cell("description"), ""))


def quiet(world: "World") -> bool:
    """Whether everything that was numbered is applied and nothing is left to send."""
    a, b = world.nodes
    pairs = ((a.state(), b.state()), (b.state(), a.state()))
    return (
        all(_know_each_other(o, i) and not o.occupied for o, i in pairs)
        and all(o.out[lane].last == i.into[lane].applied for o, i in pairs for lane in LANES)
        and not any(node.store.read_now(_owes) for node in (a, b))
        and not any(air.flying or air.waiting for air in world.airs)
    )


def _owes(tx: Connection) -> int:
    """What the peer has not acknowledged or was not told. Receipts are acknowledged along with something else."""
    return messages.awaited(tx, 1, links.state(tx, 1))[0] + evidence.debt(tx, 1)[0]


def finally_(world: "World") -> list[str]:
    """What holds when everybody rests."""
    a, b = world.nodes
    broken = _same_registers(a, b)
    removed = [text for person in world.people for text in person.removed]
    made = [t for person in world.people for t in person.made if not any(_begins(r, t.strip()) for r in removed)]
    for node in world.nodes:
        broken += _images(node)
        broken += _said(node)
        broken += _clock(node)
        broken += _nothing_missing(node, made)
        broken += node.store.read_now(lambda tx, n=node: list(_leftovers(tx, n)))  # type: ignore[misc]
    broken += _same_agreement(a, b, forgot=world.restores > 0)
    broken += _same_content(a, b)
    broken += _conflicts(a, b)
    return broken + answered(a, b) + answered(b, a)


def _same_agreement(a: "Node", b: "Node", *, forgot: bool) -> list[str]:
    """What is in effect, and what is open; behind which numbers, where no store ``forgot``; of what is not shared
    nothing is known.
    """
    ours, theirs = (n.store.read_now(lambda tx: proposals.every(tx, 1)) for n in (a, b))
    broken = []
    for name, one in (("in effect", proposals.present_of), ("proposed", proposals.open_one)):
        left, right = (None if found and _is_of_the_handshake(found) else found for found in (one(ours), one(theirs)))
        if (left and (left.version, left.digest, left.stage)) != (right and (right.version, right.digest, right.stage)):
            broken.append(f"not the same is {name}: {left} {right}")
    taken = [
        {o.version: (o.ours_from, o.theirs_from) for o in side if o.ours_from is not None} for side in (ours, theirs)
    ]
    turned = {version: (theirs_, ours_) for version, (ours_, theirs_) in taken[1].items()}
    if not forgot and taken[0] != turned:
        broken.append(f"took effect at other numbers: {taken}")
    fields = {cell.field for node in (a, b) for _, cell in _registers(node)} - {COMMENT, ATTACHMENT}
    unshared = sorted(fields - a.ep.agreement.fields.keys())
    return broken + [f"{name} is not shared and not forgotten" for name in unshared]


def _is_of_the_handshake(version: proposals.Version) -> bool:
    """A store that never heard of another has no row of it."""
    return version.version == 1 and version.stage is Stage.IN_EFFECT


def _same_registers(a: "Node", b: "Node") -> list[str]:
    ours, theirs = ({k: r for k, r in _registers(node).items() if r.write != NEVER} for node in (a, b))
    broken = []
    for key in ours.keys() | theirs.keys():
        left, right = ours.get(key), theirs.get(key)
        if left is None or right is None or (left.write, left.value) != (right.write, right.value):
            broken.append(f"I1 {key}: {left} != {right}")
    return broken


def _images(node: "Node") -> list[str]:
    """I2: the tracker shows the images, and shows the register's value as this tracker shows it."""
    broken = []
    registers = _registers(node)
    gids = _names(node)
    issues = {gids[issue.local]: issue for issue in _issues(node) if issue.local in gids}
    for (gid, cell), register in registers.items():
        issue = issues.get(gid)
        if issue is None:
            broken.append(f"I2 {node.name}: {gid} is not in the tracker")
        elif cell.field in ("title", "status", "priority", "estimate", "description"):
            shown = issue.cells.get(cell)
            if shown != register.image:
                broken.append(f"I2 {node.name}: {gid} {cell.field} shows {shown!r}, image {register.image!r}")
            if shown not in (register.value, node.shows(cell, register.value)):
                broken.append(f"I2 {node.name}: {gid} {cell.field} shows {shown!r} for {register.value!r}")
    return broken


def _said(node: "Node") -> list[str]:
    """What a field shows that is shared was said by somebody, whenever the field joined the agreement."""
    fields = {name for name, field in node.ep.agreement.fields.items() if field.type not in SETS}
    registers = _registers(node)
    return [
        f"{node.name}: {gid} {cell.field} shows {value!r}, and nobody has said it"
        for gid, issue in _by_gid(node).items()
        for cell, value in issue.cells.items()
        if cell.field in fields and value is not None and registers.get((gid, cell), EMPTY).write == NEVER
    ]


def _clock(node: "Node") -> list[str]:
    """A fresh number exceeds every number that was seen: otherwise ``newest`` means who edits most."""
    clock = node.store.read_now(lambda tx: links.get(tx, 1).clock)
    highest = max((r.write.newest for r in _registers(node).values()), default=0)
    return [f"{node.name}: the clock is at {clock}, below {highest}"] if clock < highest else []


def _nothing_missing(node: "Node", made: Iterable[str]) -> list[str]:
    """Nothing lost, nothing twice: every issue and every comment that anybody made is here once."""
    issues = _issues(node)
    found = [_description(issue).strip() for issue in issues]
    comments = [text for issue in issues for text in texts(issue.cells)]
    comments += [dict(row).get("text", "").strip() for issue in issues for row in rows(issue.cells)]
    broken = []
    for text in made:
        key = text.strip()
        if key.startswith("row") and WORK not in node.ep.agreement.fields:
            continue  # the last agreement does not share them
        count = found.count(key) if key.startswith("issue") else sum(_begins(c, key) for c in comments)
        if count != 1:
            broken.append(f"I3 {node.name}: {key!r} stands {count} times")
    for issue in issues:
        contents = files(issue.cells)
        if len(contents) != len(set(contents)):
            broken.append(f"I3 {node.name}: an attachment stands twice in {issue.local}")
    return broken


def _begins(comment: str, key: str) -> bool:
    text = comment.rsplit("wrote:\n\n", maxsplit=1)[-1]
    return text == key or text.startswith(key + " ")


def _same_content(a: "Node", b: "Node") -> list[str]:
    """Comments, attachments, rows and relations, in the trackers themselves."""
    left = {gid: sorted(files(issue.cells)) for gid, issue in _by_gid(a).items()}
    right = {gid: sorted(files(issue.cells)) for gid, issue in _by_gid(b).items()}
    broken = [] if left == right else ["attachments differ"]
    if a.ep.agreement.comments:
        broken += _unlike(_comments(a), _comments(b))
    if WORK in a.ep.agreement.fields and {g: rows(i.cells) for g, i in _by_gid(a).items()} != {
        g: rows(i.cells) for g, i in _by_gid(b).items()
    }:
        broken.append("rows differ")
    sets = {"depends", "labels"} & a.ep.agreement.fields.keys()
    return broken + [f"{name} differ" for name in sorted(sets) if _sets(a, name) != _sets(b, name)]


def _comments(node: "Node") -> dict[str, list[str]]:
    """What they say, without who said it and as no tracker has trimmed it."""
    return {
        gid: sorted(text.rsplit("wrote:\n\n", maxsplit=1)[-1].strip() for text in texts(issue.cells))
        for gid, issue in _by_gid(node).items()
    }


def _unlike(ours: dict[str, list[str]], theirs: dict[str, list[str]]) -> list[str]:
    return [
        f"comments of {gid} differ: {ours.get(gid)} {theirs.get(gid)}"
        for gid in sorted(ours.keys() | theirs.keys())
        if ours.get(gid) != theirs.get(gid)
    ]


def _sets(node: "Node", field: str) -> dict[str, list[str]]:
    names = _names(node)
    return {
        gid: sorted(names.get(c.element, c.element) for c, v in issue.cells.items() if c.field == field and v)
        for gid, issue in _by_gid(node).items()
    }


def _conflicts(a: "Node", b: "Node") -> list[str]:
    """I4: a last edit of either side that does not stand, and that the other side did not know, is on a list."""
    broken = []
    registers = _registers(a)
    recorded = {node.name: node.store.read_now(_recorded) for node in (a, b)}
    for node, other in ((a, b), (b, a)):
        for key, operation in node.store.read_now(_last_writes).items():
            register = registers.get(key, EMPTY)
            own = operation.write[:2] if node.name == "master" else operation.write[2:]
            standing = register.write[:2] if node.name == "master" else register.write[2:]
            if own <= standing or operation.value == register.value:
                continue
            text = (key[0], key[1].field, key[1].element)
            if not any(text in recorded[n.name] for n in (node, other)):
                broken.append(f"I4 {node.name}: {key} {operation.value!r} lost without a record")
    return broken


def _recorded(tx: Connection) -> set[tuple[str, str, str]]:
    return {(row.gid, row.field, row.element) for row in tx.execute(select(conflict))}


def _last_writes(tx: Connection) -> dict[tuple[str, Cell], Operation]:
    last: dict[tuple[str, Cell], Operation] = {}
    terms = {one.version: json.loads(one.agreement)["fields"] for one in proposals.every(tx, 1)}
    rows = tx.execute(select(outbox).where(outbox.c.kind.in_(("DATA", "AGREED"))).order_by(outbox.c.seq))
    for row in rows:
        if row.kind == "AGREED":
            fields = terms[decode_agreed(inflate(row, row.body)).version]
            last = {key: one for key, one in last.items() if key[1].field in {*fields, COMMENT, ATTACHMENT}}
            continue
        for change_set in decode_change_sets(inflate(row, row.body)):
            for operation in change_set.operations:
                last[change_set.gid, operation.cell] = operation
    return last


def _leftovers(tx: Connection, node: "Node") -> Iterable[str]:
    if intents.begun(tx, 1):
        yield f"{node.name}: intents are left"
    for item in lists.set_aside_items(tx, 1):
        if item.kind != "parcel":
            yield f"{node.name}: in quarantine: {item.kind} {item.reason}"
    if lists.held_gids(tx, 1):
        yield f"{node.name}: change sets are held"


def _registers(node: "Node") -> dict[tuple[str, Cell], Register]:
    def read(tx: Connection) -> dict[tuple[str, Cell], Register]:
        return {
            (row.gid, cell): register
            for row in tx.execute(select(shadow))
            for cell, register in unpack_registers(row.registers).items()
        }

    return node.store.read_now(read)


def _names(node: "Node") -> dict[str, str]:
    def read(tx: Connection) -> dict[str, str]:
        return {r.local: r.gid for r in tx.execute(select(identity).where(identity.c.kind == ISSUE))}

    return node.store.read_now(read)


def _by_gid(node: "Node") -> dict[str, Issue]:
    names = _names(node)
    return {names[issue.local]: issue for issue in _issues(node) if issue.local in names}


def _issues(node: "Node") -> Sequence[Issue]:
    """What the tracker holds; its methods never suspend."""
    try:
        node.tracker.issues(None, 1_000_000).send(None)
    except StopIteration as done:
        found: Sequence[Issue] = done.value
        return found
    raise AssertionError("the memory tracker suspended")


__all__ = ["COMMENT", "always", "finally_", "quiet", "shadows"]
