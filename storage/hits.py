"""What a search finds."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from callscribe.domain.audio import samples_to_ms
from callscribe.domain.call import Party, Role


class SearchOrder(StrEnum):
    """What comes first."""

    TIME = "time"
    """What was said last."""
    RANK = "rank"
    """Of the newest matches (storage.search.RANKED), those that match best."""


@dataclass(frozen=True, slots=True)
class Hit:
    """An utterance that a search found, with the text that it was found by."""

    call_id: UUID
    call_started_at: datetime
    """Aware UTC."""
    trunk: str
    utterance_id: UUID
    channel: int
    role: Role
    party: Party
    """Who said it; Party("") where nobody was named."""
    speaker: int | None
    """Which of several people on the channel said the first word that matched (callscribe.domain.speaker); None where
    the channel's people were not told apart, or where no word times tell."""
    sample_rate: int
    """Hz; that of the call."""
    start: int
    """Samples from the start of the call."""
    length: int
    """Samples."""
    at: datetime
    """When it was said, aware UTC."""
    language: str
    text: str
    highlights: tuple[tuple[int, int], ...]
    """Where words of the search stand: (start, end) in characters of `text`, in order, end exclusive. Empty where the
    search names none, or where they stand in the spoken form only."""
    word_start: int
    """Samples from the start of the call: of the first word that matched, of the utterance where that is unknown."""
    number: int
    """Which text it is: 0 for the final, else the number of the revision."""
    newest: bool
    """False for a text that a later one has replaced."""

    @property
    def start_ms(self) -> int:
        return samples_to_ms(self.start, self.sample_rate)

    @property
    def length_ms(self) -> int:
        return samples_to_ms(self.length, self.sample_rate)

    @property
    def word_ms(self) -> int:
        """Where to play from, in milliseconds from the start of the call."""
        return samples_to_ms(self.word_start, self.sample_rate)


@dataclass(frozen=True, slots=True)
class SearchPage:
    """A stretch of what was found."""

    hits: tuple[Hit, ...]
    cursor: str | None
    """What to pass for the next page; None when this is the last."""
    count: "HitCount | None" = None
    """None where it was not asked for."""


@dataclass(frozen=True, slots=True)
class HitCount:
    """How many utterances a search finds."""

    number: int
    more: bool
    """True where counting ended at storage.search.COUNTED: there are at least so many."""
