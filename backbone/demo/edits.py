"""What the people of both companies do in their trackers, each in their own, some of it at the same time."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from backbone.demo import pictures
from backbone.demo.browser import Browser
from backbone.demo.desk import Desk
from backbone.demo.scene import Company, Scene

TRACE = b"ms;V;mA\r\n" + b"".join(b"%d;12.%d;%d\r\n" % (ms, ms % 10, 300 + ms % 77) for ms in range(4000))
PICTURE = pictures.bars([(7 * place) % pictures.HEIGHT for place in range(pictures.WIDTH)])


@dataclass(frozen=True, slots=True)
class Done:
    """How many edits of each kind the people made."""

    changes: int = 0
    comments: int = 0
    attachments: int = 0
    issues: int = 0

    def __add__(self, other: "Done") -> "Done":
        return Done(
            self.changes + other.changes,
            self.comments + other.comments,
            self.attachments + other.attachments,
            self.issues + other.issues,
        )

    @property
    def total(self) -> int:
        return self.changes + self.comments + self.attachments + self.issues


@dataclass(frozen=True, slots=True)
class Pair:
    """The same issue in both trackers."""

    title: str
    master: str
    slave: str


def pairs(scene: Scene, count: int) -> list[Pair]:
    """Issues that a person finds in both trackers by their title, because no other has it."""
    with Desk(scene.master) as ours, Desk(scene.slave) as theirs:
        here, there = _unique(ours.titles()), _unique(theirs.titles())
    return [Pair(title, here[title], there[title]) for title in here if title in there][:count]


def _unique(titles: dict[str, str]) -> dict[str, str]:
    """Id by title, for titles that occur once."""
    seen = list(titles.values())
    return {title: node for node, title in titles.items() if seen.count(title) == 1}


def both_at_once(scene: Scene, found: list[Pair]) -> Done:
    """Both companies work at the same time: on different issues, and on different fields of the same one."""
    with ThreadPoolExecutor(2) as pool:
        ours = pool.submit(_at_the_master, scene.master, found)
        theirs = pool.submit(_at_the_slave, scene.slave, found)
        return ours.result() + theirs.result()


def _at_the_master(company: Company, found: list[Pair]) -> Done:
    me = company.person
    with Desk(company) as desk:
        desk.change(me, found[0].master, title=f"{found[0].title} (on all variants)")
        desk.change(me, found[1].master, status="testing")
        desk.change(me, found[2].master, **{company.severity: "critical"})
        desk.add(me, found[2].master, company.labels, "recall")
        desk.comment(me, found[3].master, "Seen on the test track again, at -12 °C.\n\nLog follows.")
        message = desk.comment(me, found[4].master, "It is the connector, or is it?")
        desk.attach(me, found[3].master, "track.csv", "text/csv", TRACE)
        desk.relate(me, found[3].master, found[0].master)
        new = desk.report(me, "Horn sounds when the trunk is opened", "Since this morning, on car 7.", status="unread")
        desk.relate(me, new, found[4].master)
        desk.reword(me, message, "It is the connector: pin 14 is corroded.")
    Browser(company).comment(found[1].master, "Written in the browser, by REST: please look at section 4.2.")
    return Done(changes=7, comments=3, attachments=1, issues=1)


def _at_the_slave(company: Company, found: list[Pair]) -> Done:
    me = company.person
    with Desk(company) as desk:
        desk.comment(me, found[3].slave, "We have it on the bench, too.")
        desk.change(me, found[1].slave, **{company.severity: "urgent"})
        desk.change(me, found[5].slave, status="closed")
        desk.change(me, found[5].slave, **{company.assignee: me})
        desk.add(me, found[2].slave, company.labels, "patch")
        message = desk.comment(me, found[5].slave, "Fixed in release 4.")
        desk.attach(me, found[5].slave, "Prüfstand.png", "image/png", PICTURE)
        new = desk.report(me, "Supplier's test bench 3 is out of order", "Until Thursday.", severity="minor")
        desk.relate(me, new, found[5].slave)
        desk.reword(me, message, "Fixed in release 4.1, which is on its way.")
    Browser(company).rename(found[4].slave, f"{found[4].title} [supplier: ticket 4711]")
    return Done(changes=7, comments=2, attachments=1, issues=1)


def conflict(scene: Scene, pair: Pair) -> Done:
    """Both rename the same issue, and neither has seen the other's title."""
    with Desk(scene.master) as ours, Desk(scene.slave) as theirs:
        ours.change(scene.master.person, pair.master, title=f"{pair.title}: our fault")
        theirs.change(scene.slave.person, pair.slave, title=f"{pair.title}: your fault")
    return Done(changes=2)


def burst(company: Company, issues: list[str], rounds: int) -> Done:
    """Many quick edits: a comment and a status for each issue, again and again."""
    statuses = ("in-progress", "need-eg", "resolved")
    with Desk(company) as desk:
        for number in range(rounds):
            for issue in issues:
                desk.comment(company.person, issue, f"Measurement {number + 1}: within tolerance.")
                desk.change(company.person, issue, status=statuses[number % len(statuses)])
    return Done(changes=rounds * len(issues), comments=rounds * len(issues))
