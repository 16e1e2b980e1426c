"""Rows as the domain's values, and the domain's values as rows."""

import math
from pathlib import Path
from uuid import UUID, uuid5

from sqlalchemy.orm import joinedload, selectinload
from sqlalchemy.orm.interfaces import ORMOption

from callscribe.domain.call import Call, CallEnd, CallState, Channel, ChannelMedia, Dialect, OutsideIds, Party, Role
from callscribe.domain.note import Note
from callscribe.domain.speaker import SpeakerTurn
from callscribe.domain.transcript import Final, Revision
from callscribe.domain.utterance import Utterance
from storage.clean import clean_name
from storage.models import (
    CallRow,
    ChannelRow,
    JobRow,
    NoteRow,
    OutsideIdRow,
    PartyRow,
    RecordingRow,
    RevisionRow,
    UtteranceRow,
)
from storage.records import JobKind, JobRecord, JobState, RecordingFile

NOBODY = Party("")


def call_parts() -> tuple[ORMOption, ...]:
    """What to load with a CallRow that `call_of` will read."""
    return (
        selectinload(CallRow.parties),
        selectinload(CallRow.channels),
        selectinload(CallRow.outside_ids),
        joinedload(CallRow.recording),
    )


def party_id(call_id: UUID, party: Party) -> UUID:
    """The key of a party: the same for the same party of the same call."""
    return uuid5(call_id, f"{party.address}\n{party.name}\n{party.participant_id}")


def stored_party(party: Party) -> Party:
    """The party as Postgres can keep it."""
    return Party(clean_name(party.address), clean_name(party.name), clean_name(party.participant_id))


def party_of(row: PartyRow) -> Party:
    return Party(row.address, row.name, row.participant_id)


def channel_of(row: ChannelRow, parties: dict[UUID, Party]) -> Channel:
    party = None if row.party_id is None else parties[row.party_id]
    return Channel(row.index, row.label, Role(row.role), party, row.codec)


def outside_ids_of(rows: list[OutsideIdRow]) -> OutsideIds:
    """The inverse of OutsideIds.pairs(): the first of each of our own kinds has a field, the rest are others."""
    own = {"sip-call-id": "", "siprec-session": "", "siprec-group": ""}
    others = []
    for row in rows:
        if own.get(row.kind) == "":
            own[row.kind] = row.value
        else:
            others.append((row.kind, row.value))
    return OutsideIds(own["sip-call-id"], own["siprec-session"], own["siprec-group"], tuple(others))


def call_of(row: CallRow) -> Call:
    parties = {party.id: party_of(party) for party in row.parties}
    return Call(
        id=row.id,
        trunk=row.trunk,
        dialect=Dialect(row.dialect),
        started_at=row.started_at,
        sample_rate=row.sample_rate,
        channels=tuple(channel_of(channel, parties) for channel in row.channels),
        caller=next((party_of(party) for party in row.parties if party.is_caller), NOBODY),
        callee=next((party_of(party) for party in row.parties if party.is_callee), NOBODY),
        outside_ids=outside_ids_of(row.outside_ids),
        quirks=tuple(row.quirks),
        hotwords=row.hotwords,
        pauses=row.pauses,
    )


def end_of(row: CallRow) -> CallEnd | None:
    if row.ended_at is None or row.samples is None or row.end_reason is None:
        return None
    heard = (media_of(channel) for channel in row.channels)
    media = tuple(found for found in heard if found)
    return CallEnd(row.ended_at, row.samples, row.end_reason, row.interrupted, media, row.holds)


def write_end_of(row: CallRow, end: CallEnd) -> None:
    """The inverse of `end_of`, but for the media."""
    row.state = CallState.INTERRUPTED if end.interrupted else CallState.ENDED
    row.ended_at = end.ended_at
    row.samples = end.samples
    row.end_reason = clean_name(end.reason)
    row.interrupted = end.interrupted
    row.holds = end.holds


def media_of(row: ChannelRow) -> ChannelMedia | None:
    """None where nothing was told."""
    if row.packets is None:
        return None
    return ChannelMedia(
        channel=row.index,
        packets=row.packets,
        lost=row.lost or 0,
        reordered=row.reordered or 0,
        duplicated=row.duplicated or 0,
        discarded=row.discarded or 0,
        late=row.late or 0,
        jitter_ms=row.jitter_ms or 0.0,
        mos=row.mos,
    )


def recording_of(row: RecordingRow | None) -> RecordingFile | None:
    if row is None:
        return None
    return RecordingFile(Path(row.path), row.rate, row.channels, row.samples, row.bytes)


def final_of(row: UtteranceRow) -> Final:
    return Final(
        channel=row.channel,
        start=row.start,
        end=row.end,
        text=row.text,
        confidence=row.confidence,
        engine=row.engine,
        language=row.language,
        words=row.words,
        spoken=row.spoken,
        corrections=row.corrections,
        emotion=row.emotion,
        audio_events=tuple(row.audio_events),
        cost=row.cost,
        hotword_lists=row.hotword_lists,
        redactions=row.redactions,
    )


def revision_of(row: RevisionRow) -> Revision:
    return Revision(
        utterance_id=row.utterance_id,
        text=row.text,
        confidence=row.confidence,
        engine=row.engine,
        reason=row.reason,
        words=row.words,
        spoken=row.spoken,
        corrections=row.corrections,
        cost=row.cost,
        hotword_lists=row.hotword_lists,
        by=row.by,
        redactions=row.redactions,
        made_at=row.created_at,
    )


def utterance_of(row: UtteranceRow) -> Utterance:
    revisions = tuple(revision_of(revision) for revision in row.revisions)
    turns = tuple(SpeakerTurn(turn.speaker, turn.start, turn.end, turn.overlapped) for turn in row.turns)
    return Utterance(row.id, final_of(row), revisions, turns)


def note_of(row: NoteRow) -> Note:
    return Note(row.id, row.text, row.at_ms, row.utterance_id, row.by, row.made_at, row.changed_at)


def stored_confidence(value: float) -> float:
    """`value` within 0 to 1, which rounding may have left; 0 for what is no number."""
    return 0.0 if math.isnan(value) else min(max(value, 0.0), 1.0)


def job_of(row: JobRow) -> JobRecord:
    """The job of a row."""
    return JobRecord(
        id=row.id,
        call_id=row.call_id,
        kind=JobKind(row.kind),
        state=JobState(row.state),
        attempts=row.attempts,
        error=row.error,
        due_at=row.due_at,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )
