"""What happened, in a table; and where everything is, for somebody who keeps it."""

from dataclasses import dataclass, field

from backbone.demo.edits import Done
from backbone.demo.load_roundup import Loaded
from backbone.demo.processes import Processes
from backbone.demo.proof import Proof
from backbone.demo.routes import Route
from backbone.demo.scene import Scene
from backbone.demo.screen import Screen
from backbone.demo.watching import Nodes


@dataclass(slots=True)
class Tally:
    """What is counted on the way."""

    loaded: Loaded = field(default_factory=Loaded)
    done: Done = field(default_factory=Done)
    kills: int = 0
    population_seconds: float = 0.0
    seconds: float = 0.0
    parts: dict[str, float] = field(default_factory=dict)
    proof: Proof | None = None
    nodes: Nodes | None = None


def show_report(screen: Screen, tally: Tally, route: Route) -> None:
    """At the end of a demo that went well."""
    proof, nodes = tally.proof, tally.nodes
    assert proof is not None, "compared at the end"
    assert nodes is not None, "compared at the end"
    loaded, done = tally.loaded, tally.done
    rate = loaded.issues / tally.population_seconds
    kinds = f"{done.changes} changes, {done.comments} comments, {done.attachments} attachments, {done.issues} issues"
    screen.table(
        "What happened",
        [
            ("issues", f"{proof.issues} on both sides ({loaded.issues} at first, {done.issues} made by people)"),
            ("comments", str(proof.comments)),
            ("attachments", str(proof.attachments)),
            ("relations", str(proof.relations)),
            ("initial population", f"{tally.population_seconds:.1f} s, {rate:.0f} issues per second"),
            ("edits by people", f"{done.total}, {kinds}"),
            ("conflicts", f"{nodes.master.conflicts} by the master, {nodes.slave.conflicts} by slave"),
            ("kill -9", str(tally.kills)),
            ("messages with changes", f"{nodes.master.sent} to the slave, {nodes.slave.sent} to the master"),
            *route.counted(),
            ("quarantined", str(nodes.master.quarantined + nodes.slave.quarantined)),
            *((title, f"{seconds:.1f} s") for title, seconds in tally.parts.items()),
            ("in all", f"{tally.seconds:.1f} s"),
        ],
    )  # fmt: skip


def show_addresses(screen: Screen, scene: Scene, route: Route, processes: Processes) -> None:
    """What keeps running, where to look, and how to end it."""
    rows = []
    for company in scene.companies:
        rows.append((f"{company.name}'s tracker", company.url))
        rows.append(("  log in as", f"{company.person} or admin, password {company.password}"))
        rows.append(("  node", f"{company.node}   (backbone -C {company.node} status)"))
        rows.append(("  logs", f"{company.log}, {company.web_log}"))
    rows += route.addresses()
    screen.table("Still running", rows)
    screen.say(f"To stop everything: kill {' '.join(map(str, processes.ids))}")
    screen.say("The next demo in this folder stops it, too.")
