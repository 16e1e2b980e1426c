"""Calls and finals as the running nodes write them. Every method may be called again with the same values."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from callscribe.domain.call import Call, CallEnd, CallState, Channel, Party
from callscribe.domain.errors import CallNotFound
from callscribe.domain.transcript import Final
from storage.clean import clean_name
from storage.database import Database
from storage.finals import hold_call, write_final
from storage.models import CallRow, ChannelRow, JobRow, OutsideIdRow, PartyRow, RecordingRow
from storage.records import JobIntent, RecordingFile
from storage.rows import call_of, call_parts, party_id, stored_party


class CallStore:
    """Writes calls.

    All methods raise DatabaseUnavailable for what may pass and DatabaseOutdated before a migration: try again. Any
    other StorageError is final for the values given: they would be refused again.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def save_call(self, call: Call, node: str) -> None:
        """Insert or replace what is known of the call. Never changes whether it has ended."""
        with self._database.transaction() as session:
            _write_call(session, call, node)
            _write_parties(session, call)
            _write_channels(session, call.id, call.channels)
            _write_outside_ids(session, call)

    def save_final(self, call_id: UUID, final: Final) -> bool:
        """Insert the final; False when it was there already. Raises CallNotFound."""
        with self._database.transaction() as session:
            if session.scalar(select(CallRow.id).where(CallRow.id == call_id).with_for_update(key_share=True)) is None:
                raise CallNotFound
            return write_final(session, call_id, final)

    def end_call(
        self, call_id: UUID, end: CallEnd, recording: RecordingFile | None, jobs: Sequence[JobIntent] = ()
    ) -> None:
        """End the call, and write its recording and its jobs with it, in one transaction.

        The first end stands; jobs that exist are left as they are. `recording.path` is relative to the recordings
        folder, else ValueError. Raises CallNotFound.
        """
        if recording is not None and recording.path.is_absolute():
            raise ValueError("a recording is stored by its path relative to the recordings folder")
        with self._database.transaction() as session:
            row = hold_call(session, call_id)
            if row.state == CallState.ACTIVE:
                _write_end(row, end)
            if recording is not None:
                _write_recording(session, call_id, recording)
            write_jobs(session, call_id, jobs)

    def unfinished(self, node: str) -> tuple[Call, ...]:
        """The node's calls that have not ended, oldest first: after a crash, those it must end."""
        with self._database.transaction() as session:
            rows = session.scalars(
                select(CallRow)
                .where(CallRow.state == CallState.ACTIVE, CallRow.node == node)
                .order_by(CallRow.started_at, CallRow.id)
                .options(*call_parts())
            )
            return tuple(call_of(row) for row in rows)


def write_jobs(session: Session, call_id: UUID, jobs: Sequence[JobIntent]) -> None:
    """Insert the jobs that are not there yet, due now."""
    if not jobs:
        return
    values = [{"id": job.id, "call_id": call_id, "kind": job.kind, "ranges": job.ranges} for job in jobs]
    session.execute(insert(JobRow).values(values).on_conflict_do_nothing())


def _write_call(session: Session, call: Call, node: str) -> None:
    known = {
        "trunk": clean_name(call.trunk),
        "dialect": call.dialect,
        "node": clean_name(node),
        "started_at": call.started_at,
        "sample_rate": call.sample_rate,
        "quirks": [clean_name(quirk) for quirk in call.quirks],
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


def _write_end(row: CallRow, end: CallEnd) -> None:
    row.state = CallState.INTERRUPTED if end.interrupted else CallState.ENDED
    row.ended_at = end.ended_at
    row.samples = end.samples
    row.end_reason = clean_name(end.reason)
    row.interrupted = end.interrupted


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
