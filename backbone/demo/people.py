"""Accounts, and who is who: the two mapping files' tables of users."""

from importlib import resources

from backbone.config.template import quoted
from backbone.demo.corpus import Corpus
from backbone.demo.desk import Desk
from backbone.demo.names import EMAIL_DOMAIN
from backbone.demo.scene import Company, Scene

GUEST = "ext."
"""Beta gives Acme's people accounts that begin so."""


def staff(company: Company) -> None:
    """The person who works in this tracker, with a password."""
    roles = "User,Developer" if company.template == "responsive" else "User"
    with Desk(company) as desk:
        desk.hire(company.person, company.person.title(), f"{company.person}@{EMAIL_DOMAIN}", company.password, roles)


def guests(scene: Scene, corpus: Corpus) -> dict[str, str]:
    """Accounts at the slave for everybody whom an issue is assigned to, and for the two admins' people at both sides.

    Gives the e-mail address by the master's log-in. All others write at the other side through Backbone's account, with
    their name above the text.
    """
    assigned = {issue.assignee for issue in corpus if issue.assignee}
    known = {person.login: person.email for person in corpus.people if person.login in assigned}
    names = {person.login: person.name for person in corpus.people}
    with Desk(scene.slave) as desk:
        for login, email in known.items():
            desk.hire(GUEST + login, names[login], email)
    with Desk(scene.master) as desk:
        desk.hire(f"beta.{scene.slave.person}", scene.slave.person.title(), f"{scene.slave.person}@{EMAIL_DOMAIN}")
    return known


def write_mappings(scene: Scene, known: dict[str, str]) -> None:
    """The agreement and the two mapping files as the admins would write them, with the tables of users."""
    scene.agreement.write_text(_packaged("agreement.toml"), encoding="utf-8")
    bo = f"{scene.slave.person}@{EMAIL_DOMAIN}"
    ours = {**known, f"beta.{scene.slave.person}": bo}
    theirs = {**{GUEST + login: email for login, email in known.items()}, scene.slave.person: bo}
    for company, users in ((scene.master, ours), (scene.slave, theirs)):
        table = "".join(f"{quoted(login)} = {quoted(email)}\n" for login, email in users.items())
        text = f"{_packaged(f'{company.template}.toml')}\n[users]{_WHO}\n{table}"
        company.mapping.write_text(text, encoding="utf-8")


_WHO = "                             # local log-in = the word by which both sides know this person"


def _packaged(name: str) -> str:
    return resources.files("backbone.demo").joinpath(name).read_text(encoding="utf-8")
