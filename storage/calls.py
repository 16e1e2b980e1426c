"""Calls and finals as the running nodes write them. Every method may be called again with the same values."""

from collections.abc import Sequence
from dataclasses import asdict
from uuid import UUID

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from callscribe.domain.assist import AssistCard
from callscribe.domain.call import Call, CallEnd, CallState, Channel, ChannelMedia, Party
from callscribe.domain.errors import CallNotFound
from callscribe.domain.transcript import Final
from storage.assist_cards import write_card
from storage.clean import clean_name
from storage.conversations import begin_linking, link
from storage.database import Database
from storage.finals import is_forgotten, lock_call, write_final
from storage.models import (
    CallRow,
    ChannelRow,
    ErasedCallRow,
    JobRow,
    LostCallRow,
    OutsideIdRow,
    PartyRow,
    RecordingRow,
)
from storage.records import JobIntent, RecordingFile
from storage.rows import call_of, call_parts, party_id, stored_party, write_end_of


class CallStore:
    """Writes calls. Nothing is written of a call that was erased, nor of one whose text retention has removed.

    All methods raise DatabaseUnavailable for what may pass and DatabaseOutdated before a migration: try again. Any
    other StorageError is final for the values given: they would be refused again.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def save_call(self, call: Call, node: str) -> None:
        """Insert or replace what is known of the call. Never changes whether it has ended.

        It is linked with the calls that record the same conversation, on other nodes too.
        """
        with self._database.transaction() as session:
            begin_linking(session, call)
            if is_forgotten(session, call.id, lock_call(session, call.id)):
                return
            _write_call(session, call, node)
            _write_parties(session, call)
            _write_channels(session, call.id, call.channels)
            _write_outside_ids(session, call)
            link(session, call)

    def save_final(self, call_id: UUID, final: Final) -> bool:
        """Insert the final; False when it was there already, or is not wanted any more. Raises CallNotFound."""
        with self._database.transaction() as session:
            row = lock_call(session, call_id)
            if is_forgotten(session, call_id, row):
                return False
            if row is None:
                raise CallNotFound
            return write_final(session, call_id, final)

    def save_card(self, call_id: UUID, card: AssistCard) -> None:
        """Insert the card, unless it was there already, or is not wanted any more. Raises CallNotFound."""
        with self._database.transaction() as session:
            row = lock_call(session, call_id)
            if is_forgotten(session, call_id, row):
                return
            if row is None:
                raise CallNotFound
            write_card(session, call_id, card)

    def end_call(
        self, call_id: UUID, end: CallEnd, recording: RecordingFile | None, jobs: Sequence[JobIntent] = ()
    ) -> None:
        """End the call, and write its recording and its jobs with it, in one transaction.

        The first end stands, unless it was only made up as the node was lost; jobs that exist are left as they are.
        `recording.path` is relative to the recordings folder, else ValueError. Raises CallNotFound.
        """
        if recording is not None and recording.path.is_absolute():
            raise ValueError("a recording is stored by its path relative to the recordings folder")
        with self._database.transaction() as session:
            row = lock_call(session, call_id)
            if is_forgotten(session, call_id, row):
                return
            if row is None:
                raise CallNotFound
            if row.state == CallState.ACTIVE or _was_lost(session, call_id):
                write_end_of(row, end)
                _write_media(session, call_id, end.media)
            if recording is not None and row.audio_expired_at is None:
                _write_recording(session, call_id, recording)
            write_jobs(session, call_id, jobs)

    def unfinished(self, node: str) -> tuple[Call, ...]:
        """The node's calls that have not ended, or only because it was lost, oldest first: after a crash, those it must
        end."""
        lost = select(LostCallRow.call_id).where(LostCallRow.node == node)
        active = and_(CallRow.state == CallState.ACTIVE, CallRow.node == node)
        with self._database.transaction() as session:
            rows = session.scalars(
                select(CallRow)
                .where(or_(active, CallRow.id.in_(lost)), CallRow.text_expired_at.is_(None))
                .order_by(CallRow.started_at, CallRow.id)
                .options(*call_parts())
            )
            return tuple(call_of(row) for row in rows)

    def forgotten_among(self, calls: Sequence[UUID]) -> frozenset[UUID]:
        """Which of these calls were erased, or have lost their text."""
        erased = select(ErasedCallRow.call_id).where(ErasedCallRow.call_id.in_(calls))
        bare = select(CallRow.id).where(CallRow.id.in_(calls), CallRow.text_expired_at.is_not(None))
        with self._database.transaction() as session:
            return frozenset(session.scalars(erased)) | frozenset(session.scalars(bare))


def write_jobs(session: Session, call_id: UUID, jobs: Sequence[JobIntent]) -> None:
    """Insert the jobs that are not there yet, due now."""
    if not jobs:
        return
    values = [
        {"id": job.id, "call_id": call_id, "kind": job.kind, "ranges": job.ranges, "priority": job.priority}
        for job in jobs
    ]
    session.execute(insert(JobRow).values(values).on_conflict_do_nothing())


def _write_call(session: Session, call: Call, node: str) -> None:
    known = {
        "trunk": clean_name(call.trunk),
        "dialect": call.dialect,
        "node": clean_name(node),
        "started_at": call.started_at,
        "sample_rate": call.sample_rate,
        "quirks": [clean_name(quirk) for quirk in call.quirks],
        "hotwords": call.hotwords,
        "pauses": call.pauses,
    }
    session.execute(
        insert(CallRow).values(id=call.id, **known).on_conflict_do_update(index_elements=[CallRow.id], set_=known)
    )


def _write_parties(session: Session, call: Call) -> None:
    caller, callee = stored_party(call.caller), stored_party(call.callee)
    others = [stored_party(channel.party) for channel in call.channels if channel.party is not None]
    values = [
        {
            "id": party_id(call.id, party),
            "call_id": call.id,
            "address": party.address,
            "name": party.name,
            "participant_id": party.participant_id,
            "is_caller": party == caller,
            "is_callee": party == callee,
        }
        for party in dict.fromkeys((caller, callee, *others))
    ]
    # Only one party may be the caller: who was it must lose the mark first.
    session.execute(update(PartyRow).where(PartyRow.call_id == call.id).values(is_caller=False, is_callee=False))
    upsert = insert(PartyRow).values(values)
    marks = {"is_caller": upsert.excluded.is_caller, "is_callee": upsert.excluded.is_callee}
    session.execute(upsert.on_conflict_do_update(index_elements=[PartyRow.id], set_=marks))


def _write_channels(session: Session, call_id: UUID, channels: Sequence[Channel]) -> None:
    if not channels:
        return
    upsert = insert(ChannelRow).values(
        [
            {
                "call_id": call_id,
                "index": channel.index,
                "label": clean_name(channel.label),
                "role": channel.role,
                "codec": clean_name(channel.codec),
                "party_id": _party_key(call_id, channel.party),
            }
            for channel in channels
        ]
    )
    told = {name: upsert.excluded[name] for name in ("label", "role", "codec", "party_id")}
    session.execute(upsert.on_conflict_do_update(index_elements=[ChannelRow.call_id, ChannelRow.index], set_=told))


def _party_key(call_id: UUID, party: Party | None) -> UUID | None:
    return None if party is None else party_id(call_id, stored_party(party))


def _write_outside_ids(session: Session, call: Call) -> None:
    session.execute(delete(OutsideIdRow).where(OutsideIdRow.call_id == call.id))
    values = [
        {"call_id": call.id, "number": number, "kind": clean_name(kind), "value": clean_name(value)}
        for number, (kind, value) in enumerate(call.outside_ids.pairs())
    ]
    if values:
        session.execute(plain_insert(OutsideIdRow), values)


def _was_lost(session: Session, call_id: UUID) -> bool:
    """Whether the call has an end only because its node was lost. It is not so any more."""
    gone = delete(LostCallRow).where(LostCallRow.call_id == call_id).returning(LostCallRow.call_id)
    return session.scalar(gone) is not None


def _write_media(session: Session, call_id: UUID, media: Sequence[ChannelMedia]) -> None:
    for heard in media:
        counted = {name: value for name, value in asdict(heard).items() if name != "channel"}
        ours = (ChannelRow.call_id == call_id, ChannelRow.index == heard.channel)
        session.execute(update(ChannelRow).where(*ours).values(**counted))


def _write_recording(session: Session, call_id: UUID, recording: RecordingFile) -> None:
    told = {
        "path": recording.path.as_posix(),
        "rate": recording.rate,
        "channels": recording.channels,
        "samples": recording.samples,
        "bytes": recording.bytes,
    }
    session.execute(
        insert(RecordingRow)
        .values(call_id=call_id, **told)
        .on_conflict_do_update(index_elements=[RecordingRow.call_id], set_=told)
    )
