"""What people's corrections of utterances tell: pairs of texts, and how far a machine's were from a person's."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class CorrectedUtterance:
    """An utterance whose text is a person's now. Times of day are aware UTC."""

    call_id: UUID
    utterance_id: UUID
    trunk: str
    started_at: datetime
    """When the call began."""
    sample_rate: int
    """Hz; that of the call."""
    channel: int
    start: int
    """Samples from the start of the call."""
    end: int
    """Samples from the start of the call, exclusive."""
    language: str
    live: str
    """What was heard while the call went on."""
    second_pass: str | None
    """The newest text that an engine gave after the call; None where there is none."""
    text: str
    """What the person wrote."""
    by: str
    at: datetime
    """When it was written."""
    redacted: bool
    """Whether something of it is masked in any of its texts, and so in the recording."""


@dataclass(frozen=True, slots=True)
class WeekOfCorrections:
    """Counts over the corrected utterances of a trunk's calls that began in one week."""

    trunk: str
    week: date
    """Its Monday, in UTC."""
    utterances: int
    words: int
    """Of what people wrote; of a script without blanks, characters."""
    live_errors: int
    """Substitutions, deletions and insertions of the live texts."""
    second_pass_words: int
    """Of `words` those in utterances that had a second pass before they were corrected."""
    second_pass_errors: int

    @property
    def live_rate(self) -> float | None:
        """Word error rate of the live texts; None where there are no words."""
        return self.live_errors / self.words if self.words else None

    @property
    def second_pass_rate(self) -> float | None:
        """Word error rate of the second pass; None where there are no words."""
        return self.second_pass_errors / self.second_pass_words if self.second_pass_words else None


@dataclass(frozen=True, slots=True)
class CorrectionFilter:
    """Which corrected utterances. Every condition that is given must hold."""

    trunk: str | None = None
    since: datetime | None = None
    """Of calls that started at or after this aware time."""
    until: datetime | None = None
    """Of calls that started before this aware time."""
