"""What an examination found about one thing."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; ``sentence`` says what was seen and what to do."""

    subject: str
    verdict: Verdict
    sentence: str


def ok(subject: str, sentence: str) -> Finding:
    """Nothing to do."""
    return Finding(subject, Verdict.OK, sentence)


def warning(subject: str, sentence: str) -> Finding:
    """It works; something should be done."""
    return Finding(subject, Verdict.WARNING, sentence)


def problem(subject: str, sentence: str) -> Finding:
    """It does not work before something is done."""
    return Finding(subject, Verdict.PROBLEM, sentence)
