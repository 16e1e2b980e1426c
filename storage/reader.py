"""Calls and transcripts as pages, the API and exports read them."""

from collections.abc import Mapping, Sequence
from typing import TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select, true, tuple_
from sqlalchemy.orm import Session, aliased, joinedload, selectinload

from callscribe.domain.access import CallScope
from callscribe.domain.call import CallState
from callscribe.domain.errors import CallNotFound
from callscribe.domain.transcript import Final
from callscribe.domain.utterance import Transcript
from storage.clean import clean_name
from storage.conversations import linked_calls, of_conversations
from storage.cursors import read_place, write_place
from storage.database import Database
from storage.holds import held
from storage.measures import measures_of
from storage.models import CallMeasuresRow, CallRow, JobRow, OutsideIdRow, RevisionRow, RuleResultRow, UtteranceRow
from storage.notes import notes_of_call
from storage.records import CallFilter, CallPage, CallRecord, CallSummary, JobRecord, JobState
from storage.rows import call_of, call_parts, end_of, final_of, job_of, party_of, recording_of, utterance_of
from storage.scoping import in_scope

PAGE_LIMIT = 500

T = TypeVar("T")


class CallReader:
    """Reads calls. All methods raise DatabaseUnavailable."""

    def __init__(self, database: Database, scope: CallScope | None = None) -> None:
        """`scope`: no other calls are found; None: all are."""
        self._database = database
        self._seen = () if scope is None else (in_scope(scope),)

    def list_calls(self, conditions: CallFilter | None = None, limit: int = 50, cursor: str | None = None) -> CallPage:
        """The newest calls that meet the conditions, at most `limit` (1 to 500) of them, from where `cursor` says.

        Calls that start meanwhile move nothing: a cursor stands for a place in the order of start. Raises ValueError
        for a limit out of bounds or a cursor that no page gave.
        """
        if not 1 <= limit <= PAGE_LIMIT:
            raise ValueError(f"limit must be 1 to {PAGE_LIMIT}")
        query = _matching(conditions or CallFilter()).where(*self._seen)
        if cursor is not None:
            query = query.where(tuple_(CallRow.started_at, CallRow.id) < tuple_(*read_place(cursor)))
        query = query.order_by(CallRow.started_at.desc(), CallRow.id.desc()).limit(limit + 1)
        with self._database.transaction() as session:
            rows = session.execute(query).all()
            calls = tuple(
                CallSummary(
                    call=call_of(row),
                    state=CallState(row.state),
                    end=end_of(row),
                    utterances=spoken,
                    failed_jobs=failed,
                    recorded=row.recording is not None,
                    conversation=row.conversation_id or row.id,
                    duplicate_of=row.duplicate_of,
                    measures=None if row.measures is None else measures_of(row.measures),
                    score=None if row.measures is None else row.measures.score,
                )
                for row, spoken, failed in rows[:limit]
            )
        more = len(rows) > limit
        return CallPage(calls, write_place(calls[-1].call.started_at, calls[-1].call.id) if more else None)

    def call(self, key: UUID | str) -> CallRecord:
        """The call with this id, or the newest with this outside id. Raises CallNotFound."""
        with self._database.transaction() as session:
            row = _find(session, key, self._seen)
            return CallRecord(
                call=call_of(row),
                node=row.node,
                state=CallState(row.state),
                end=end_of(row),
                parties=tuple(party_of(party) for party in row.parties),
                recording=recording_of(row.recording),
                jobs=_jobs(session, row.id),
                conversation=row.conversation_id or row.id,
                duplicate_of=row.duplicate_of,
                linked=linked_calls(session, row),
                cost=_cost(session, row.id),
                held=session.scalar(select(held()).where(CallRow.id == row.id)) or False,
                audio_expired_at=row.audio_expired_at,
                text_expired_at=row.text_expired_at,
                measures=None if row.measures is None else measures_of(row.measures),
                score=None if row.measures is None else row.measures.score,
            )

    def transcript(self, key: UUID | str) -> Transcript:
        """The call's utterances in the order they were begun, with their revisions; its notes. Raises CallNotFound."""
        with self._database.transaction() as session:
            row = _find(session, key, self._seen)
            utterances = session.scalars(
                select(UtteranceRow)
                .where(UtteranceRow.call_id == row.id)
                .order_by(UtteranceRow.start, UtteranceRow.channel)
                .options(selectinload(UtteranceRow.revisions), selectinload(UtteranceRow.turns))
            )
            spoken = tuple(utterance_of(found) for found in utterances)
            notes = notes_of_call(session, row.id)
            return Transcript(call_of(row), CallState(row.state), row.ended_at, spoken, notes)

    def find_id(self, key: UUID | str) -> UUID:
        """The id of the call that `call` finds by the key. Raises CallNotFound."""
        with self._database.transaction() as session:
            found = _find_in(session, select(CallRow.id), key, self._seen)
        if found is None:
            raise CallNotFound
        return found

    def jobs(self, call_id: UUID) -> tuple[JobRecord, ...]:
        """The call's jobs, oldest first; empty for a call that is not there."""
        with self._database.transaction() as session:
            return _jobs(session, call_id)

    def newest_finals(self, call_ids: Sequence[UUID], limit: int) -> Mapping[UUID, tuple[Final, ...]]:
        """Of each call the `limit` finals that were stored last, in the order they were stored."""
        newest = (
            select(UtteranceRow)
            .where(UtteranceRow.call_id == CallRow.id)
            .order_by(UtteranceRow.created_at.desc(), UtteranceRow.start.desc(), UtteranceRow.channel.desc())
            .limit(limit)
            .lateral()
        )
        row = aliased(UtteranceRow, newest)
        query = select(row).select_from(CallRow).join(newest, true()).where(CallRow.id.in_(call_ids), *self._seen)
        found: dict[UUID, list[Final]] = {}
        with self._database.transaction() as session:
            for utterance in session.scalars(query.order_by(row.created_at, row.start, row.channel)):
                found.setdefault(utterance.call_id, []).append(final_of(utterance))
        return {call_id: tuple(finals) for call_id, finals in found.items()}


def _matching(conditions: CallFilter) -> Select[CallRow, int, int]:
    spoken = select(func.count()).where(UtteranceRow.call_id == CallRow.id).scalar_subquery()
    failed = select(func.count()).where(JobRow.call_id == CallRow.id, JobRow.state == JobState.FAILED).scalar_subquery()
    rules: list[ColumnElement[bool]] = []
    if conditions.state is not None:
        rules.append(CallRow.state == conditions.state)
    if conditions.trunk is not None:
        rules.append(CallRow.trunk == clean_name(conditions.trunk))
    if conditions.since is not None:
        rules.append(CallRow.started_at >= conditions.since)
    if conditions.until is not None:
        rules.append(CallRow.started_at < conditions.until)
    if conditions.outside_id is not None:
        rules.append(known_as(conditions.outside_id))
    if conditions.conversation is not None:
        rules.append(of_conversations((conditions.conversation,)))
    rules += _scored(conditions)
    return select(CallRow, spoken, failed).where(*rules).options(*call_parts(), joinedload(CallRow.measures))


def _scored(conditions: CallFilter) -> list[ColumnElement[bool]]:
    rules: list[ColumnElement[bool]] = []
    if conditions.score_from is not None:
        rules.append(CallRow.measures.has(CallMeasuresRow.score >= conditions.score_from))
    if conditions.score_to is not None:
        rules.append(CallRow.measures.has(CallMeasuresRow.score <= conditions.score_to))
    if conditions.failed_rule is not None:
        failed = RuleResultRow.rule == clean_name(conditions.failed_rule), ~RuleResultRow.passed
        rules.append(CallRow.id.in_(select(RuleResultRow.call_id).where(*failed)))
    return rules


def known_as(value: str) -> ColumnElement[bool]:
    """By the whole value, or by what stands before RFC 7433's parameter, which nobody keeps."""
    told = clean_name(value)
    values = {told, told.partition(";encoding=")[0]}
    return CallRow.id.in_(select(OutsideIdRow.call_id).where(OutsideIdRow.value.in_(values)))


def _find(session: Session, key: UUID | str, seen: Sequence[ColumnElement[bool]]) -> CallRow:
    row = _find_in(session, select(CallRow).options(*call_parts()), key, seen)
    if row is None:
        raise CallNotFound
    return row


def _find_in(session: Session, query: Select[T], key: UUID | str, seen: Sequence[ColumnElement[bool]]) -> T | None:
    """An outside id may itself look like a UUID, as a Cisco-Guid does: our own id is tried first."""
    own = key if isinstance(key, UUID) else _as_uuid(key)
    found = None if own is None else session.scalar(query.where(CallRow.id == own, *seen))
    if found is None and isinstance(key, str):
        newest = query.where(known_as(key), *seen).order_by(CallRow.started_at.desc(), CallRow.id.desc())
        found = session.scalar(newest.limit(1))
    return found


def _as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _cost(session: Session, call_id: UUID) -> float:
    """That of its finals and of their revisions."""
    finals = select(func.sum(UtteranceRow.cost)).where(UtteranceRow.call_id == call_id)
    revisions = select(func.sum(RevisionRow.cost)).join(UtteranceRow, UtteranceRow.id == RevisionRow.utterance_id)
    sums = (session.scalar(query) for query in (finals, revisions.where(UtteranceRow.call_id == call_id)))
    return sum(each or 0.0 for each in sums)


def _jobs(session: Session, call_id: UUID) -> tuple[JobRecord, ...]:
    rows = session.scalars(select(JobRow).where(JobRow.call_id == call_id).order_by(JobRow.created_at, JobRow.kind))
    return tuple(map(job_of, rows))
