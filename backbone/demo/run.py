"""The demo from start to end: two companies on this machine, set up, filled, edited, broken, and compared."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backbone.demo import archive
from backbone.demo.acts import Acts
from backbone.demo.corpus import Corpus
from backbone.demo.generator import generate
from backbone.demo.mail_route import MailRoute, stop_servers
from backbone.demo.processes import Processes, stop_agents, stop_earlier
from backbone.demo.report import show_addresses, show_report
from backbone.demo.routes import DirectoryRoute, Route
from backbone.demo.scene import Scene
from backbone.demo.screen import Screen
from backbone.errors import BackboneError, UsageError

SEED = 20261121
ISSUES_MIN = 10
"""The people of the demo need some issues to work on."""
LOG_LINES = 15
INTERRUPTED = 130
"""What a command ends with after Ctrl-C."""
ROUTES: tuple[type[DirectoryRoute] | type[MailRoute], ...] = (DirectoryRoute, MailRoute)


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

    Raises ``UsageError`` or ``MailStackNotHere`` where it cannot begin; whatever fails later is said on the screen,
    with the logs' last lines.
    """
    scene = Scene(options.dir.absolute())
    route = route_of(options.channel, scene)
    if options.issues < ISSUES_MIN:
        raise UsageError(f"the people of the demo need {ISSUES_MIN} issues to work on; ask for at least so many")
    scene.check()
    route.check()
    corpus = archive.load(options.data) if options.data else generate(SEED, options.issues)
    return _Demo(scene, corpus, route, screen or Screen(), keep=options.keep).run()


def route_of(channel: str, scene: Scene) -> Route:
    """By the channel's word. Raises ``UsageError``."""
    for route in ROUTES:
        if route.channel == channel:
            return route(scene)
    words = ", ".join(route.channel for route in ROUTES)
    raise UsageError(f"there is no demo over channel {channel!r}; there is: {words}")


class _Demo:
    """One run: the acts in their order, and a clean end whatever happens in them."""

    def __init__(self, scene: Scene, corpus: Corpus, route: Route, screen: Screen, *, keep: bool) -> None:
        self._scene = scene
        self._route = route
        self._screen = screen
        self._keep = keep
        self._processes = Processes(scene.processes)
        self._acts = Acts(scene, corpus, route, screen, self._processes)
        self._step = ""

    def run(self) -> int:
        began = time.monotonic()
        failed = 0
        try:
            self._begin()
            self._play()
        except (BackboneError, OSError, sqlite3.Error) as error:
            failed = BackboneError.exit_code
            self._explain(error)
        except KeyboardInterrupt:
            failed = INTERRUPTED
            self._screen.bad("\nStopped by Ctrl-C.")
        except BaseException:
            failed = BackboneError.exit_code
            raise
        finally:
            if failed or not self._keep:
                self._end()
        if failed:
            return failed
        tally = self._acts.tally
        tally.seconds = time.monotonic() - began
        show_report(self._screen, tally, self._route)
        if self._keep:
            show_addresses(self._screen, self._scene, self._route, self._processes)
        return 0

    def _play(self) -> None:
        acts = self._acts
        for title, act in (
            ("Two companies, each with its own tracker", acts.found),
            ("Each admin makes a node and prepares the tracker", acts.make_nodes),
            ("The master invites, the slave joins", acts.pair),
            ("Both nodes run, and test the connection", acts.go),
            ("Initial population", acts.populate),
            ("The two admins compare the safety words by telephone", acts.telephone),
            ("Both companies work at the same time", acts.edit),
            ("A conflict: both rename the same issue while the nodes are stopped", acts.disagree),
            ("kill -9 of the slave's node in the middle", acts.kill),
            ("Do both sides agree?", acts.compare),
        ):
            with self._part(title):
                act()

    def _begin(self) -> None:
        scene = self._scene
        stopped = stop_earlier(scene.processes)
        if stopped:
            self._screen.say(f"stopped {stopped} programs that an earlier demo left running")
        if scene.is_ours():
            self._end_servants()
        scene.wipe()

    @contextmanager
    def _part(self, title: str) -> Iterator[None]:
        self._step = title
        self._screen.step(title)
        began = time.monotonic()
        yield
        self._acts.tally.parts[title] = time.monotonic() - began

    def _explain(self, error: Exception) -> None:
        self._screen.bad(f"\nFailed at: {self._step}\n{error}")
        logs = [log for company in self._scene.companies for log in (company.log, company.web_log)]
        for log in (*logs, *self._route.logs()):
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
            if lines:
                self._screen.say(f"the last lines of {log}:")
            for line in lines[-LOG_LINES:]:
                self._screen.answer(line)

    def _end(self) -> None:
        self._processes.stop_all(*(company.role for company in self._scene.companies))
        self._end_servants()

    def _end_servants(self) -> None:
        """What our programs started, and leave behind when they are killed."""
        stop_servers(self._scene)
        for company in self._scene.companies:
            stop_agents(company.node)
