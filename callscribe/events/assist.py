"""The event of a card that an assist rule gives."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from callscribe.domain.assist import AssistCard, Severity
from callscribe.domain.audio import samples_to_ms
from callscribe.domain.call import Call, Role
from callscribe.events.parts import Stamped, speaker_of


@dataclass(frozen=True, slots=True, kw_only=True)
class CardGiven(Stamped):
    """An assist rule holds: this is what it has to say. It is never taken back."""

    type: Literal["assist.card"] = "assist.card"
    card_id: UUID
    """The same where a card is told twice."""
    rule: str
    """Name of the rule."""
    version: int
    """Of the rule."""
    severity: Severity
    title: str
    text: str
    """Plain text; "" where the title says all."""
    link: str
    """An http or https URL, or ""."""
    channel: int | None
    """0-based; null where it is about no one channel, as of a silence."""
    role: Role
    """Of the channel; unknown where there is none."""
    party: str
    """Name of who speaks there, "" when it is not known."""
    utterance_id: UUID | None
    """The utterance in which the words begin, or null."""
    start_ms: int
    """From which on it is about what is said."""
    heard_ms: int
    """Up to which the call had been heard when the rule held."""

    @classmethod
    def of(cls, call: Call, card: AssistCard, at: datetime) -> Self:
        role, party = (Role.UNKNOWN, "") if card.channel is None else speaker_of(call, card.channel)
        return cls(
            call_id=call.id,
            at=at,
            card_id=card.id,
            rule=card.rule,
            version=card.version,
            severity=card.severity,
            title=card.title,
            text=card.text,
            link=card.link,
            channel=card.channel,
            role=role,
            party=party,
            utterance_id=card.utterance_id,
            start_ms=samples_to_ms(card.start, call.sample_rate),
            heard_ms=samples_to_ms(card.heard, call.sample_rate),
        )
