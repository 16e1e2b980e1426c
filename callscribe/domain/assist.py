"""Cards that assist rules show to whoever follows a call."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID, uuid5


class Severity(StrEnum):
    """How much a card wants to be seen."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class AssistCard:
    """What a rule showed, and where in the call. It holds the rule's own words and none that were said."""

    id: UUID
    rule: str
    """Its name."""
    version: int
    """Of the rule."""
    title: str
    text: str
    """"" where the title says all."""
    link: str
    """Where more stands, an http(s) URL; "" where there is none."""
    severity: Severity
    start: int
    """Sample of the call from which on it is about what is said."""
    heard: int
    """Sample up to which the call had been heard when the rule held."""
    channel: int | None = None
    """Whose words; None where it is about no one channel, as of a silence."""
    utterance_id: UUID | None = None
    """The utterance in which the words begin; None where it is about none."""


def card_id(call_id: UUID, rule: str, place: UUID | int) -> UUID:
    """The same for the same rule at the same place: an utterance, or a sample of the call."""
    return uuid5(call_id, f"assist:{rule}:{place}")
