"""A thousand issues with their comments into an empty Roundup tracker, beside a bare script that writes the same there.

The bare script knows nothing of Backbone: one commit per issue through Roundup's own API. Backbone reads them from
another tracker, replicates them between two nodes, and reads back what it wrote.
"""

import shutil
import statistics
import time
from importlib import resources
from pathlib import Path
from typing import Any

import roundup.instance

from backbone.demo import archive
from backbone.demo.corpus import Corpus
from backbone.demo.generator import generate
from backbone.demo.load_roundup import load
from backbone.trackers import roundup as adapter
from backbone.trackers.roundup.install import install
from tests.bench.nodes import Pair, Running, make_pair
from tests.bench.report import Figure, Options

ISSUES = 1_000
ISSUES_QUICK = 300
ROUNDS = 3
RATIO_MIN = 0.9
SEED = 2026
CLASSES = {"classic": "issue", "responsive": "bug"}


def measure(options: Options) -> list[Figure]:
    """The rate of both, in turns on fresh trackers; the median of the rounds' ratios."""
    corpus = _corpus(options)
    options.say(f"population: {len(corpus):,} issues, {corpus.comment_count:,} comments of {corpus.name}")
    template = _trackers(options.folder / "trackers", corpus, options.template)
    rounds = [_round(options, corpus, template, number) for number in range(1 if options.quick else ROUNDS)]
    rates, limits = ([len(corpus) / seconds for seconds in side] for side in zip(*rounds, strict=True))
    ratio = statistics.median(limit / seconds for seconds, limit in rounds)
    return [
        Figure(
            f"population: {len(corpus):,} issues with {corpus.comment_count:,} comments into Roundup "
            f"({options.template}; {corpus.name})",
            f"{statistics.median(rates):,.0f} issues/s",
            f"{statistics.median(limits):,.0f} issues/s by a bare script, one commit each",
            f"ratio {ratio:.2f} >= {RATIO_MIN}",
            ratio >= RATIO_MIN,
        )
    ]


def _corpus(options: Options) -> Corpus:
    count = ISSUES_QUICK if options.quick else ISSUES
    corpus = archive.load(options.data) if options.data else generate(SEED, count)
    return corpus.first(count)


def _round(options: Options, corpus: Corpus, trackers: Path, number: int) -> tuple[float, float]:
    """Seconds of Backbone, and of the bare script before and after it on average."""
    folder = options.folder / f"n{number}"
    folder.mkdir()
    before = _bare(folder / "before", corpus, trackers, options.template)
    ours, peaks = _replicated(folder, corpus, trackers, options.template)
    after = _bare(folder / "after", corpus, trackers, options.template)
    shutil.rmtree(folder)
    limit = (before + after) / 2
    options.say(
        f"population: Backbone {len(corpus) / ours:5.0f} issues/s, bare {len(corpus) / before:5.0f} before and "
        f"{len(corpus) / after:5.0f} after, ratio {limit / ours:.2f}, peak MB {peaks}"
    )
    return ours, limit


def _bare(home: Path, corpus: Corpus, trackers: Path, template: str) -> float:
    shutil.copytree(trackers / template, home)
    begun = time.perf_counter()
    load(home, corpus, CLASSES[template])
    seconds = time.perf_counter() - begun
    shutil.rmtree(home)
    return seconds


def _replicated(folder: Path, corpus: Corpus, trackers: Path, template: str) -> tuple[float, dict[str, int]]:
    """Seconds from the link's first moment until the master knows that everything is in the slave's tracker."""
    pair = _prepared(folder, trackers, template)
    with Running(pair) as running:
        running.until(running.active, 60)
        ended = running.until(lambda: running.applied(len(corpus)), 600)
        standing = running.standing("slave")
        assert (standing.issues, standing.quarantined, standing.conflicts) == (len(corpus), 0, 0), standing
        begun = min(node.notes()["active"] for node in running.nodes.values())
    return ended - begun, {side: round(node.notes()["peak_mb"]) for side, node in running.nodes.items()}


def _prepared(folder: Path, trackers: Path, template: str) -> Pair:
    """Two nodes whose link is offered and joined, one on the full tracker, one on an empty one."""
    settings: list[dict[str, Any]] = []
    for side, home, kind in (("master", "full", "classic"), ("slave", template, template)):
        shutil.copytree(trackers / home, folder / f"{side}-tracker")
        settings.append({"kind": "roundup", "home": str(folder / f"{side}-tracker"), "class": CLASSES[kind]})
        adapter.prepare({name: value for name, value in settings[-1].items() if name != "kind"})
    words = folder / "words"
    words.mkdir()
    for name in ("agreement", *CLASSES):
        text = resources.files("backbone.demo").joinpath(f"{name}.toml").read_text(encoding="utf-8")
        (words / f"{name}.toml").write_text(text, encoding="utf-8")
    mappings = words / "classic.toml", words / f"{template}.toml"
    return make_pair(folder, *settings, agreement=words / "agreement.toml", mappings=mappings)


def _trackers(folder: Path, corpus: Corpus, template: str) -> Path:
    """Fresh trackers that know everybody who wrote, and a full one."""
    for kind in {"classic", template}:
        install(folder / kind, kind, kind, "http://127.0.0.1:1/", "secret")
        _employ(folder / kind, corpus)
    shutil.copytree(folder / "classic", folder / "full")
    load(folder / "full", corpus)
    return folder


def _employ(home: Path, corpus: Corpus) -> None:
    """Accounts are there before the clock runs: the bare script would make them, Backbone does not."""
    logins = {name for issue in corpus for name in (issue.author, issue.assignee, *(c.author for c in issue.comments))}
    db = roundup.instance.open(str(home)).open("admin")
    for person in corpus.people:
        if person.login in logins:
            roles = db.config.NEW_WEB_USER_ROLES
            db.user.create(username=person.login, realname=person.name, address=person.email, roles=roles)
    db.commit()
    db.close()
