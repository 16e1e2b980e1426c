"""The outcome of a check."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from callscribe.domain.errors import CallscribeError


class Verdict(StrEnum):
    """How bad it is."""

    OK = "ok"
    HINT = "hint"
    """May be meant so; else it is why something does not work."""
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found."""

    check: str
    verdict: Verdict
    detail: str
    """What is, in one sentence."""
    cure: str = ""
    """What to change."""


def ok(check: str, detail: str) -> Finding:
    return Finding(check, Verdict.OK, detail)


def hint(check: str, detail: str, cure: str) -> Finding:
    return Finding(check, Verdict.HINT, detail, cure)


def bad(check: str, detail: str, cure: str) -> Finding:
    return Finding(check, Verdict.BAD, detail, cure)


def judged(check: str, look: Callable[[], str]) -> Finding:
    """Of a check that says what is, or raises CallscribeError with a sentence that names the cure."""
    try:
        return ok(check, look())
    except CallscribeError as error:
        detail, _, cure = str(error).partition("; ")
        return bad(check, detail, cure)
