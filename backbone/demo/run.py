"""The demo from start to end: two companies on this machine, set up, filled, edited, broken, and compared.

Everything that an admin would do is done by the command line, each line shown before it runs. What the people of the
companies do, they do in their trackers. What is claimed at the end is looked up in both databases.
"""

import sqlite3
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backbone.demo import archive, edits, people, watching
from backbone.demo.commands import Commands, program
from backbone.demo.corpus import Corpus
from backbone.demo.desk import Desk
from backbone.demo.edits import Done
from backbone.demo.generator import generate
from backbone.demo.load_roundup import load
from backbone.demo.processes import Processes, stop_agents, stop_earlier
from backbone.demo.proof import prove
from backbone.demo.report import Tally, show_addresses, show_report
from backbone.demo.scene import Company, Scene
from backbone.demo.screen import Screen
from backbone.errors import BackboneError, UsageError
from backbone.trackers.roundup.install import install

SEED = 20261121
ISSUES_MIN = 10
"""The people of the demo need some issues to work on."""
BURST_ISSUES = 40
BURST_ROUNDS = 3
KILLED_AFTER = 12
"""So many comments of the burst have arrived when the node is killed: it is in the middle."""
LOG_LINES = 15


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the person who starts the demo says."""

    dir: Path = Path("demo")
    issues: int = 300
    data: Path | None = None
    channel: str = "directory"
    keep: bool = False


def run(options: DemoOptions, screen: Screen | None = None) -> int:
    """The demo; returns what the command ends with: 0 if both trackers hold the same at the end.

    Raises ``UsageError`` where it cannot begin; whatever fails later is said on the screen, with the logs' last lines.
    """
    if options.channel != "directory":
        raise UsageError(f"there is no demo over channel {options.channel!r}; there is: directory")
    if options.issues < ISSUES_MIN:
        raise UsageError(f"the people of the demo need {ISSUES_MIN} issues to work on; ask for at least so many")
    corpus = archive.load(options.data) if options.data else generate(SEED, options.issues)
    scene = Scene(options.dir.absolute())
    scene.check()
    return _Demo(scene, corpus, screen or Screen(), keep=options.keep).run()


class _Demo:
    """One run."""

    def __init__(self, scene: Scene, corpus: Corpus, screen: Screen, *, keep: bool) -> None:
        self._scene = scene
        self._corpus = corpus
        self._screen = screen
        self._keep = keep
        self._commands = Commands(screen.command, screen.answer)
        self._processes = Processes(scene.processes)
        self._tally = Tally()
        self._step = ""
        self._active_since = 0.0

    def run(self) -> int:
        began = time.monotonic()
        good = False
        try:
            self._play()
            good = True
        except (BackboneError, OSError, sqlite3.Error) as error:
            self._explain(error)
        except KeyboardInterrupt:
            self._screen.bad("\nStopped by Ctrl-C.")
        finally:
            if not (good and self._keep):
                self._end()
        if not good:
            return 1
        self._tally.seconds = time.monotonic() - began
        show_report(self._screen, self._tally)
        if self._keep:
            show_addresses(self._screen, self._scene, self._processes)
        return 0

    def _play(self) -> None:
        scene = self._scene
        with self._part("Two companies, each with its own tracker"):
            self._begin()
            for company in scene.companies:
                self._found(company)
            self._fill()
        with self._part("Each admin makes a node and prepares the tracker"):
            for company in scene.companies:
                self._make_node(company)
            self._say_exchange()
        with self._part("The master invites, the slave joins"):
            self._pair()
        with self._part("Both nodes run, and test the connection"):
            self._go()
        with self._part("Initial population"):
            self._populate()
        with self._part("The two admins compare the safety words by telephone"):
            self._telephone()
        with self._part("Both companies work at the same time"):
            self._edit()
        with self._part("A conflict: both rename the same issue while the nodes are stopped"):
            self._disagree()
        with self._part("kill -9 of the slave's node in the middle"):
            self._kill()
        with self._part("Do both sides agree?"):
            self._compare()

    def _begin(self) -> None:
        scene = self._scene
        stopped = stop_earlier(scene.processes)
        if stopped:
            self._screen.say(f"stopped {stopped} programs that an earlier demo left running")
        if scene.is_ours():
            for company in scene.companies:
                stop_agents(company.node)
        scene.wipe()

    def _found(self, company: Company) -> None:
        install(company.tracker, company.template, f"{company.name} issues", company.url, company.password)
        people.staff(company)
        self._screen.say(
            f"{company.name} ({company.role}): a Roundup tracker of the template {company.template}, "
            f"class {company.issue_class}, {company.url}"
        )

    def _fill(self) -> None:
        with self._screen.progress("issues in the master's tracker", len(self._corpus)) as advance:
            loaded = load(self._scene.master.tracker, self._corpus, progress=lambda done, _: advance(done))
        self._tally.loaded = loaded
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

    def _say_exchange(self) -> None:
        self._scene.share()
        self._screen.say("SEND and RECEIVE of both nodes are symbolic links into exchange/, all that the two share")

    def _pair(self) -> None:
        scene = self._scene
        master, slave = scene.companies
        run = self._commands.run
        run("-C", master.node, "link", "create", master.partner, "--channel", "directory", "--tracker", "main",
            "--agreement", scene.agreement, "--mapping", master.mapping, "--out", scene.handshake)  # fmt: skip
        run("-C", slave.node, "handshake", "show", scene.handshake)
        run("-C", slave.node, "link", "join", scene.handshake, "--name", slave.partner, "--tracker", "main",
            "--mapping", slave.mapping, "--yes")  # fmt: skip

    def _start_node(self, company: Company) -> None:
        self._commands.show("-C", company.node, "run", background=True)
        self._processes.start(company.role, [*program(), "-C", str(company.node), "run"], company.log)

    def _go(self) -> None:
        for company in self._scene.companies:
            self._start_node(company)
        self._active_since = watching.until_active(self._scene, self._processes)
        self._screen.good("the link is active on both sides: what is in the master's tracker begins to move")

    def _populate(self) -> None:
        ended = watching.populate(self._scene, self._processes, self._screen, len(self._corpus))
        seconds = ended - self._active_since
        watching.until_equal(self._scene, self._processes)
        self._tally.population_seconds = seconds
        self._screen.good(f"{len(self._corpus)} issues in {seconds:.1f} s")
        for company in self._scene.companies:
            self._commands.run("-C", company.node, "status")

    def _telephone(self) -> None:
        for company in self._scene.companies:
            self._commands.run(
                "-C", company.node, "link", "verify", company.partner, "--by", "Ann and Bo, by telephone"
            )

    def _edit(self) -> None:
        self._pairs = edits.pairs(self._scene, 8)
        if len(self._pairs) < 8:
            raise BackboneError("too few issues have a title of their own; use more issues")
        done = edits.both_at_once(self._scene, self._pairs)
        self._settle(done)

    def _settle(self, done: Done) -> None:
        began = time.monotonic()
        watching.until_equal(self._scene, self._processes)
        self._tally.done += done
        self._screen.good(f"{done.total} edits; equal on both sides after {time.monotonic() - began:.1f} s")

    def _disagree(self) -> None:
        scene = self._scene
        self._processes.stop(scene.master.role, scene.slave.role)
        self._screen.say("both nodes are stopped; now both people rename the same issue")
        done = edits.conflict(scene, self._pairs[6])
        for company in scene.companies:
            self._start_node(company)
        self._settle(done)
        for company in scene.companies:
            self._commands.run("-C", company.node, "conflict", "list", "--all", expected=(0, 6))

    def _kill(self) -> None:
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
        self._tally.kills += 1
        self._start_node(scene.slave)
        self._settle(done)

    def _wait_for_some(self, desk: Desk, before: int) -> None:
        deadline = time.monotonic() + watching.EQUAL_SECONDS_MAX
        while desk.count_messages() - before < KILLED_AFTER:
            if time.monotonic() > deadline:
                raise BackboneError("the burst of edits did not arrive")
            time.sleep(0.002)

    def _compare(self) -> None:
        scene = self._scene
        self._commands.run("-C", scene.master.node, "audit", scene.master.partner)
        proof = prove(scene.master, scene.slave)
        if not proof.equal:
            raise BackboneError("\n".join(["the two databases differ:", *proof.differences[:20]]))
        self._screen.good(
            f"Looked up in both databases, without Backbone: {proof.issues} issues, {proof.comments} comments, "
            f"{proof.attachments} attachments, {proof.relations} relations; equal, and none of them twice"
        )
        self._tally.proof = proof
        self._tally.nodes = watching.nodes(scene)

    @contextmanager
    def _part(self, title: str) -> Iterator[None]:
        self._step = title
        self._screen.step(title)
        began = time.monotonic()
        yield
        self._tally.parts[title] = time.monotonic() - began

    def _explain(self, error: Exception) -> None:
        self._screen.bad(f"\nFailed at: {self._step}\n{error}")
        for company in self._scene.companies:
            for log in (company.log, company.web_log):
                lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
                if lines:
                    self._screen.say(f"the last lines of {log}:")
                for line in lines[-LOG_LINES:]:
                    self._screen.answer(line)

    def _end(self) -> None:
        self._processes.stop_all()
        for company in self._scene.companies:
            stop_agents(company.node)
