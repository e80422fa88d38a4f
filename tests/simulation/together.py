"""The promises where three companies share everything: those of each link, and one picture in all trackers."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from backbone.model import ISSUE, Cell, Issue
from backbone.replication.diff import NOTE
from backbone.replication.merge import Register
from backbone.replication.message import LANES
from backbone.store import evidence, intents, links, lists, messages
from backbone.store.codec import unpack_registers
from backbone.store.tables import identity, shadow
from tests.simulation.people import files, rows, texts

if TYPE_CHECKING:
    from tests.simulation.several import Several
    from tests.simulation.site import Half, Site

SINGLE = ("title", "status", "priority", "estimate")


def always(world: "Several") -> list[str]:
    """What holds after every step: no link stops, nothing stands twice."""
    broken: list[str] = []
    for site in world.sites.values():
        for half in site.halves:
            state = site.state(half)
            if state.phase == "stopped" and not world.snapshots:
                broken.append(f"{site.name}-{half.peer} stopped: {state.reason}")
        seen = Counter(_description(issue) for issue in issues(site))
        broken += [f"I3 {site.name}: {text!r} stands {n} times" for text, n in seen.items() if n > 1]
        broken += [f"order {site.name}: an issue stands without its beginning" for text in seen if not text]
    return broken


def ends(world: "Several") -> list[tuple["Site", "Half", "Site", "Half"]]:
    """Both ends of each link, from each of them."""
    found = []
    for site in world.sites.values():
        for half in site.halves:
            other = world.sites[half.peer]
            (there,) = [one for one in other.halves if one.link_id == half.link_id]
            found.append((site, half, other, there))
    return found


def quiet(world: "Several") -> bool:
    """Whether everything that was numbered is applied and nothing is left to send."""
    for site, half, other, there in ends(world):
        out, into = site.state(half), other.state(there)
        if not all(out.out[lane].last == into.into[lane].applied for lane in LANES):
            return False
        if site.store.read_now(lambda tx, h=half: _owes(tx, h)):  # type: ignore[misc]
            return False
    return not any(air.flying or air.waiting for air in world.airs)


def _owes(tx: Connection, half: "Half") -> int:
    """What the peer has not acknowledged or was not told. Receipts are acknowledged along with something else."""
    return messages.awaited(tx, half.row, links.state(tx, half.row))[0] + evidence.debt(tx, half.row)[0]


def finally_(world: "Several") -> list[str]:
    """What holds when everybody rests."""
    broken: list[str] = []
    for site, half, other, there in ends(world):
        left, right = _registers(site, half), _registers(other, there)
        for key in left.keys() | right.keys():
            one, two = left.get(key), right.get(key)
            if one is None or two is None or (one.write, one.value) != (two.write, two.value):
                broken.append(f"I1 {site.name}-{half.peer} {key}: {one} != {two}")
        broken += _images(site, half)
        broken += site.store.read_now(lambda tx, s=site, h=half: list(_leftovers(tx, s, h)))  # type: ignore[misc]
    removed = [text for person in world.people for text in person.removed]
    made = [t for person in world.people for t in person.made if not any(_begins(r, t.strip()) for r in removed)]
    for site in world.sites.values():
        broken += _nothing_missing(site, made)
    return broken + _one_picture(world)


def _images(site: "Site", half: "Half") -> list[str]:
    """I2: the tracker shows the images."""
    broken = []
    names = _names(site, half)
    shown = {names[issue.local]: issue for issue in issues(site) if issue.local in names}
    for (gid, cell), register in _registers(site, half).items():
        if gid not in shown:
            broken.append(f"I2 {site.name}-{half.peer}: {gid} is not in the tracker")
        elif cell.field in SINGLE and shown[gid].cells.get(cell) != register.image:
            value = shown[gid].cells.get(cell)
            broken.append(f"I2 {site.name}-{half.peer}: {gid} {cell.field} shows {value!r}, image {register.image!r}")
    return broken


def _one_picture(world: "Several") -> list[str]:
    """I1 over all trackers: every field (where trackers keep what they are given), every set, every content."""
    pictures = {name: _picture(site, plain=world.plain) for name, site in world.sites.items()}
    first, *rest = pictures
    broken = []
    for name in rest:
        for text in pictures[first].keys() | pictures[name].keys():
            one, two = pictures[first].get(text), pictures[name].get(text)
            if one != two:
                broken.append(f"I1 {text!r}: {first} shows {one}, {name} shows {two}")
    return broken


def _picture(site: "Site", *, plain: bool) -> Mapping[str, Any]:
    found = list(issues(site))
    called = {issue.local: _description(issue) for issue in found}
    return {
        _description(issue).strip(): (
            {name: issue.cells.get(Cell(name)) for name in SINGLE} if plain else None,
            sorted(c.element for c, v in issue.cells.items() if c.field == "labels" and v),
            sorted(called.get(c.element, "?").strip() for c, v in issue.cells.items() if c.field == "depends" and v),
            sorted(files(issue.cells)),
            rows(issue.cells),
            sorted(_text(text) for text in texts(issue.cells)) if plain else len(texts(issue.cells)),
        )
        for issue in found
    }


def _nothing_missing(site: "Site", made: Iterable[str]) -> list[str]:
    found = [_description(issue).strip() for issue in issues(site)]
    comments = [text for issue in issues(site) for text in texts(issue.cells)]
    comments += [dict(row).get("text", "").strip() for issue in issues(site) for row in rows(issue.cells)]
    broken = []
    for text in made:
        key = text.strip()
        count = found.count(key) if key.startswith("issue") else sum(_begins(c, key) for c in comments)
        if count != 1:
            broken.append(f"I3 {site.name}: {key!r} stands {count} times")
    return broken


def _text(comment: str) -> str:
    return comment.rsplit("wrote:\n\n", maxsplit=1)[-1].strip()


def _begins(comment: str, key: str) -> bool:
    text = _text(comment)
    return text == key or text.startswith(key + " ")


def _description(issue: Issue) -> str:
    """What tells issues apart: nobody edits it."""
    return str(issue.cells.get(Cell("description"), ""))


def _leftovers(tx: Connection, site: "Site", half: "Half") -> Iterable[str]:
    if intents.begun(tx, half.row):
        yield f"{site.name}-{half.peer}: intents are left"
    for item in lists.set_aside_items(tx, half.row):
        if item.kind != "parcel":
            yield f"{site.name}-{half.peer}: in quarantine: {item.kind} {item.reason}"
    if lists.held_gids(tx, half.row):
        yield f"{site.name}-{half.peer}: change sets are held"


def _registers(site: "Site", half: "Half") -> dict[tuple[str, Cell], Register]:
    def read(tx: Connection) -> dict[tuple[str, Cell], Register]:
        return {
            (row.gid, cell): register
            for row in tx.execute(select(shadow).where(shadow.c.link == half.row))
            for cell, register in unpack_registers(row.registers).items()
            if not cell.field.startswith(NOTE)
        }

    return site.store.read_now(read)


def _names(site: "Site", half: "Half") -> dict[str, str]:
    query = select(identity).where(identity.c.kind == ISSUE, identity.c.link == half.row)
    return site.store.read_now(lambda tx: {row.local: row.gid for row in tx.execute(query)})


def issues(site: "Site") -> Sequence[Issue]:
    """What the tracker holds; its methods never suspend."""
    try:
        site.tracker.issues(None, 1_000_000).send(None)
    except StopIteration as done:
        found: Sequence[Issue] = done.value
        return found
    raise AssertionError("the memory tracker suspended")
