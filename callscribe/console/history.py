"""The events that a stored call would have sent, for who comes after its stream was trimmed. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from uuid import UUID

from callscribe.console.position import Position
from callscribe.domain.assist import AssistCard
from callscribe.domain.call import Call, CallState
from callscribe.domain.note import Note
from callscribe.domain.utterance import Transcript, Utterance
from callscribe.events.schema import (
    CallEnded,
    CallNoted,
    CallProcessed,
    CallStarted,
    CardGiven,
    Event,
    UtteranceFinal,
    UtteranceRevised,
    UtteranceSpeakers,
)
from storage.records import CallRecord, JobState

OPEN_STATES = (JobState.QUEUED, JobState.RUNNING)


def is_over(record: CallRecord) -> bool:
    """Whether nothing can follow: the call has ended and no job of it is left to do."""
    return record.state is not CallState.ACTIVE and not has_open_jobs(record)


def has_open_jobs(record: CallRecord) -> bool:
    return any(job.state in OPEN_STATES for job in record.jobs)


def opening_event(record: CallRecord) -> Event:
    """How the events of a call begin, its parties as they are known now."""
    return CallStarted.of(record.call, record.call.started_at)


def past_events(
    record: CallRecord, transcript: Transcript, position: Position, cards: Iterable[AssistCard] = ()
) -> Iterator[Event]:
    """What was said on a stored call and a subscriber at `position` does not know.

    Finals that were delivered are left out; revisions and cards are not counted, so all of them come.
    """
    for utterance in transcript.utterances:
        final = utterance.final
        if not position.has_final(final.channel, transcript.ms(final.start)):
            yield UtteranceFinal.of(record.call, final, _said_at(record.call, transcript.ms(final.end)))
    for card in cards:
        yield CardGiven.of(record.call, card, _said_at(record.call, transcript.ms(card.heard)))
    for utterance in transcript.utterances:
        yield from _revisions(record, utterance, transcript.ended_at)
        if utterance.turns:
            yield UtteranceSpeakers.of(record.call, utterance, transcript.ended_at or record.call.started_at)


def noted_events(call_id: UUID, notes: Iterable[Note]) -> Iterator[Event]:
    """The notes that a call has now; of those that were removed nothing is known."""
    for note in notes:
        yield CallNoted.of(call_id, note, note.changed_at)


def closing_events(record: CallRecord) -> Iterator[Event]:
    """How the events of a call that is over end."""
    if record.end is None:
        return
    yield CallEnded.of(record.call, record.end, record.end.ended_at)
    finished = [job.finished_at for job in record.jobs if job.finished_at is not None]
    yield CallProcessed(
        call_id=record.call.id,
        at=max(finished, default=record.end.ended_at),
        done=tuple(job.kind.value for job in record.jobs if job.state is JobState.DONE),
        failed=tuple(job.kind.value for job in record.jobs if job.state is JobState.FAILED),
    )


def _revisions(record: CallRecord, utterance: Utterance, ended_at: datetime | None) -> Iterator[Event]:
    for count, revision in enumerate(utterance.revisions):
        before = Utterance(utterance.id, utterance.final, utterance.revisions[:count])
        at = revision.made_at or ended_at or record.call.started_at
        yield UtteranceRevised.of(record.call, before, revision, at)


def _said_at(call: Call, end_ms: int) -> datetime:
    return call.started_at + timedelta(milliseconds=end_ms)
