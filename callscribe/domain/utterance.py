"""A stored utterance and the transcript it belongs to: what exports, pages and the API read."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from callscribe.domain.audio import samples_to_ms
from callscribe.domain.call import Call, CallState
from callscribe.domain.note import Note
from callscribe.domain.speaker import SpeakerTurn
from callscribe.domain.transcript import PERSON, Final, Revision, Word


@dataclass(frozen=True, slots=True)
class Utterance:
    """A final with the revisions made of it, oldest first."""

    id: UUID
    final: Final
    revisions: tuple[Revision, ...] = ()
    turns: tuple[SpeakerTurn, ...] = ()
    """Who speaks, where the channel carries several people and they were told apart."""

    @property
    def newest(self) -> Final | Revision:
        """What should be shown: the last revision, or the final itself."""
        return self.revisions[-1] if self.revisions else self.final

    @property
    def corrected(self) -> bool:
        """Whether what stands there now is a person's text. What a job writes is kept below it."""
        return isinstance(self.newest, Revision) and self.newest.reason == PERSON

    @property
    def text(self) -> str:
        return self.newest.text

    @property
    def words(self) -> tuple[Word, ...]:
        return self.newest.words


@dataclass(frozen=True, slots=True)
class Transcript:
    """A whole call with its utterances in the order they were begun."""

    call: Call
    state: CallState
    ended_at: datetime | None
    """Aware UTC, or None while the call goes on."""
    utterances: tuple[Utterance, ...]
    notes: tuple[Note, ...] = ()
    """What people wrote beside it, in the order in which they did."""

    def ms(self, samples: int) -> int:
        """A sample offset of this call as milliseconds from its start."""
        return samples_to_ms(samples, self.call.sample_rate)
