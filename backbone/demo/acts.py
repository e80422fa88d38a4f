"""What happens in a demo, act by act: two companies set up, linked, filled, edited, broken, and compared.

Everything that an admin would do is done by the command line, each line shown before it runs. What the people of the
companies do, they do in their trackers. What is claimed at the end is looked up in both databases.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from backbone.demo import edits, people
from backbone.demo.commands import Commands, program
from backbone.demo.corpus import Corpus
from backbone.demo.desk import Desk
from backbone.demo.edits import Done, Pair
from backbone.demo.load_roundup import load
from backbone.demo.processes import Processes
from backbone.demo.proof import prove
from backbone.demo.report import Tally
from backbone.demo.routes import Route
from backbone.demo.scene import Company, Scene
from backbone.demo.screen import Screen
from backbone.demo.watching import Watch
from backbone.errors import BackboneError
from backbone.trackers.roundup.install import install

BURST_ISSUES = 40
BURST_ROUNDS = 3
KILLED_AFTER = 12
"""So many comments of the burst have arrived when the node is killed: it is in the middle."""


class Acts:
    """The acts of one demo, to be called in their order. Each raises ``BackboneError`` when it fails."""

    def __init__(self, scene: Scene, corpus: Corpus, route: Route, screen: Screen, processes: Processes) -> None:
        self._scene = scene
        self._corpus = corpus
        self._route = route
        self._screen = screen
        self._processes = processes
        self._commands = Commands(screen.command, screen.answer)
        self._watch = Watch(scene, processes, route.bound_seconds)
        self._pairs: list[Pair] = []
        self._active_since = 0.0
        self.tally = Tally()

    def found(self) -> None:
        """Two trackers with their people, and what lies between the companies."""
        self._route.open(self._processes, self._screen)
        for company in self._scene.companies:
            self._found(company)
        self._fill()

    def make_nodes(self) -> None:
        """Each admin's first commands."""
        for company in self._scene.companies:
            self._make_node(company)
            self._route.prepare(company, self._commands)
        self._route.explain(self._screen)

    def _found(self, company: Company) -> None:
        company.tracker.mkdir(mode=0o700)
        install(company.tracker, company.template, f"{company.name} issues", company.url, company.password)
        people.staff(company)
        self._screen.say(
            f"{company.name} ({company.role}): a Roundup tracker of the template {company.template}, "
            f"class {company.issue_class}, {company.url}"
        )

    def _fill(self) -> None:
        with self._screen.progress("issues in the master's tracker", len(self._corpus)) as advance:
            loaded = load(self._scene.master.tracker, self._corpus, progress=lambda done, _: advance(done))
        self.tally.loaded = loaded
        self._screen.say(
            f"{loaded.issues} issues with {loaded.messages} comments, {loaded.files} attachments and "
            f"{loaded.relations} relations, by {loaded.users} people"
        )
        people.write_mappings(self._scene, people.guests(self._scene, self._corpus))

    def _make_node(self, company: Company) -> None:
        node = company.node
        run = self._commands.run
        run("init", node, "--name", company.name, "--anchor", self._scene.root / f"{company.role}-anchor.json")
        run("-C", node, "tracker", "add", "main", "--kind", "roundup", "--home", company.tracker,
            "--class", company.issue_class)  # fmt: skip
        run("-C", node, "tracker", "prepare")
        self._start_web(company)

    def _start_web(self, company: Company) -> None:
        command = [sys.executable, "-m", "backbone.trackers.roundup.web", str(company.tracker), str(company.port)]
        self._processes.start(f"{company.role}-tracker", command, company.web_log)

    def pair(self) -> None:
        """One file is carried by hand."""
        scene = self._scene
        master, slave = scene.companies
        run = self._commands.run
        run("-C", master.node, "link", "create", master.partner, "--channel", self._route.channel,
            "--tracker", "main", "--agreement", scene.agreement, "--mapping", master.mapping,
            "--out", scene.handshake)  # fmt: skip
        run("-C", slave.node, "handshake", "show", scene.handshake)
        run("-C", slave.node, "link", "join", scene.handshake, "--name", slave.partner, "--tracker", "main",
            "--mapping", slave.mapping, "--yes")  # fmt: skip

    def _start_node(self, company: Company) -> None:
        self._commands.show("-C", company.node, "run", background=True)
        self._processes.start(company.role, [*program(), "-C", str(company.node), "run"], company.log)

    def go(self) -> None:
        """Both nodes run, until the connection test has succeeded."""
        for company in self._scene.companies:
            self._start_node(company)
        self._active_since = self._watch.until_active()
        self._screen.good("the link is active on both sides: what is in the master's tracker begins to move")

    def populate(self) -> None:
        """What the master has comes to the slave."""
        ended = self._watch.populate(self._screen, len(self._corpus))
        seconds = ended - self._active_since
        self._watch.until_equal()
        self.tally.population_seconds = seconds
        self._screen.good(f"{len(self._corpus)} issues in {seconds:.1f} s")
        for company in self._scene.companies:
            self._commands.run("-C", company.node, "status")

    def telephone(self) -> None:
        """The ten words, compared."""
        for company in self._scene.companies:
            self._commands.run(
                "-C", company.node, "link", "verify", company.partner, "--by", "Ann and Bo, by telephone"
            )

    def edit(self) -> None:
        """Both companies work at the same time."""
        self._pairs = edits.pairs(self._scene, 8)
        if len(self._pairs) < 8:
            raise BackboneError("too few issues have a title of their own; use more issues")
        done = edits.both_at_once(self._scene, self._pairs)
        self._settle(done)

    def _settle(self, done: Done) -> None:
        began = time.monotonic()
        self._watch.until_equal()
        self.tally.done += done
        self._screen.good(f"{done.total} edits; equal on both sides after {time.monotonic() - began:.1f} s")

    def disagree(self) -> None:
        """Both rename the same issue, and neither has seen the other's name."""
        scene = self._scene
        self._processes.stop(scene.master.role, scene.slave.role)
        self._screen.say("both nodes are stopped; now both people rename the same issue")
        done = edits.conflict(scene, self._pairs[6])
        for company in scene.companies:
            self._start_node(company)
        self._settle(done)
        for company in scene.companies:
            self._commands.run("-C", company.node, "conflict", "list", "--all", expected=(0, 6))

    def kill(self) -> None:
        """As a power failure would end the slave's node, in the middle of many changes."""
        scene = self._scene
        with Desk(scene.master) as desk:
            issues = list(desk.titles())[-BURST_ISSUES:]
        with Desk(scene.slave) as desk:
            before = desk.count_messages()
            with ThreadPoolExecutor(1) as pool:
                working = pool.submit(edits.burst, scene.master, issues, BURST_ROUNDS)
                self._wait_for_some(desk, before)
                self._processes.kill(scene.slave.role)
                arrived = desk.count_messages() - before
                done = working.result()
        self._screen.say(f"killed when {arrived} of {done.comments} comments had arrived")
        self.tally.kills += 1
        self._start_node(scene.slave)
        self._settle(done)

    def _wait_for_some(self, desk: Desk, before: int) -> None:
        deadline = time.monotonic() + self._route.bound_seconds
        while desk.count_messages() - before < KILLED_AFTER:
            if time.monotonic() > deadline:
                raise BackboneError("the burst of edits did not arrive")
            time.sleep(0.002)

    def compare(self) -> None:
        """Asked of Backbone, then looked up in both databases."""
        scene = self._scene
        self._commands.run("-C", scene.master.node, "audit", scene.master.partner)
        proof = prove(scene.master, scene.slave)
        if not proof.equal:
            raise BackboneError("\n".join(["the two databases differ:", *proof.differences[:20]]))
        self._screen.good(
            f"Looked up in both databases, without Backbone: {proof.issues} issues, {proof.comments} comments, "
            f"{proof.attachments} attachments, {proof.relations} relations; equal, and none of them twice"
        )
        self.tally.proof = proof
        self.tally.nodes = self._watch.nodes()
