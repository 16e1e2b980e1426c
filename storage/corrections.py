"""Texts that people write in place of the machine's, and what they tell of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, delete, func, or_, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from callscribe.domain.corrected import CorrectedUtterance, CorrectionFilter, WeekOfCorrections
from callscribe.domain.errors import CallNotFound, RevisionOutdated, UtteranceNotFound
from callscribe.domain.transcript import PERSON, Revision
from callscribe.text.redaction.masking import RedactionPolicy
from callscribe.text.word_errors import tokens, word_errors
from storage.audit import write_audit
from storage.clean import clean_name
from storage.database import Database
from storage.evaluations import queue_evaluations
from storage.finals import hold_call
from storage.models import CallRow, CorrectionRow, JobRow, RevisionRow, UtteranceRow
from storage.models.audit import Detail
from storage.records import JobKind, JobState
from storage.requeues import requeue_bleep
from storage.revisions import mask_older, write_revisions

ZONE = "UTC"
UNMASKED = RedactionPolicy()


class CorrectionStore:
    """Writes people's texts, and reads them. All methods raise DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, call_id: UUID, revision: Revision, seen: int, policy: RedactionPolicy = UNMASKED) -> None:
        """Make a person's revision the newest text, or with reason UNDONE the machine's again.

        What is masked in it is masked in the utterance's older texts, as `policy` says, and in the recording.
        `seen`: how many revisions the utterance had when the person looked. Raises RevisionOutdated where it has
        others now, UtteranceNotFound and CallNotFound.
        """
        with self._database.transaction() as session:
            heard = _heard(session, call_id, revision.utterance_id)
        # While the call is held nobody else can write it: what takes time is done before.
        counts = _counts(revision.text, heard)
        with self._database.transaction() as session:
            call = hold_call(session, call_id)
            newest = select(func.max(RevisionRow.number)).where(RevisionRow.utterance_id == revision.utterance_id)
            if (session.scalar(newest) or 0) != seen or _heard(session, call_id, revision.utterance_id) != heard:
                raise RevisionOutdated
            if mask_older(session, call, revision, policy):
                requeue_bleep(session, call_id)
            write_revisions(session, call_id, (revision,))
            _count(session, revision, seen + 1, counts)
            _note(session, call_id, revision, seen + 1)
            queue_evaluations(session, CallRow.id == call_id)

    def corrected(
        self, conditions: CorrectionFilter, limit: int, after: tuple[datetime, UUID] | None = None
    ) -> Sequence[CorrectedUtterance]:
        """Utterances whose text is a person's now, the last corrected first, at most `limit`.

        `after`: `at` and `utterance_id` of the last one of the stretch before.
        """
        query = _corrected().where(*_rules(conditions))
        if after is not None:
            query = query.where(tuple_(CorrectionRow.corrected_at, CorrectionRow.utterance_id) < tuple_(*after))
        newest = query.order_by(CorrectionRow.corrected_at.desc(), CorrectionRow.utterance_id.desc())
        with self._database.transaction() as session:
            return tuple(CorrectedUtterance(*row) for row in session.execute(newest.limit(limit)))

    def weeks(self, conditions: CorrectionFilter) -> Sequence[WeekOfCorrections]:
        """What was counted, by trunk and week of the call's start, each oldest first."""
        week = func.date_trunc("week", CallRow.started_at, ZONE)
        passed = CorrectionRow.second_pass_errors.is_not(None)
        query = (
            select(
                CallRow.trunk,
                func.date(func.timezone(ZONE, week)),
                func.count(),
                func.sum(CorrectionRow.words),
                func.sum(CorrectionRow.live_errors),
                func.coalesce(func.sum(CorrectionRow.words).filter(passed), 0),
                func.coalesce(func.sum(CorrectionRow.second_pass_errors), 0),
            )
            .join(UtteranceRow, UtteranceRow.id == CorrectionRow.utterance_id)
            .join(CallRow, CallRow.id == UtteranceRow.call_id)
            .where(*_rules(conditions))
            .group_by(CallRow.trunk, week)
            .order_by(CallRow.trunk, week)
        )
        with self._database.transaction() as session:
            return tuple(WeekOfCorrections(*row) for row in session.execute(query))


class _Heard(NamedTuple):
    """What machines made of an utterance."""

    live: str
    second_pass: str | None
    """What stood after the second pass, be it the live text; None where there was none before a person wrote."""


def _heard(session: Session, call_id: UUID, utterance_id: UUID) -> _Heard:
    """Raises CallNotFound and UtteranceNotFound."""
    live = session.scalar(
        select(UtteranceRow.text).where(UtteranceRow.id == utterance_id, UtteranceRow.call_id == call_id)
    )
    if live is None:
        if session.get(CallRow, call_id) is None:
            raise CallNotFound
        raise UtteranceNotFound
    ours = (RevisionRow.utterance_id == utterance_id, RevisionRow.job_id.is_not(None))
    second = session.scalar(select(RevisionRow.text).where(*ours).order_by(RevisionRow.number.desc()).limit(1))
    if second is None and _left(session, call_id, utterance_id):
        second = live
    return _Heard(live, second)


def _left(session: Session, call_id: UUID, utterance_id: UUID) -> bool:
    """Whether the call's second pass is done, and no person's text kept it from the utterance."""
    theirs = (RevisionRow.utterance_id == utterance_id, RevisionRow.job_id.is_(None))
    written = select(func.min(RevisionRow.created_at)).where(*theirs).scalar_subquery()
    passed = (JobRow.call_id == call_id, JobRow.kind == JobKind.SECOND_PASS, JobRow.state == JobState.DONE)
    in_time = or_(written.is_(None), written > JobRow.finished_at)
    return session.scalar(select(JobRow.id).where(*passed, in_time).limit(1)) is not None


def _counts(text: str, heard: _Heard) -> dict[str, int | None]:
    said = tokens(text)
    live = word_errors(said, tokens(heard.live))
    second = live if heard.second_pass == heard.live else None
    if second is None and heard.second_pass is not None:
        second = word_errors(said, tokens(heard.second_pass))
    return {"words": len(said), "live_errors": live, "second_pass_errors": second}


def _count(session: Session, revision: Revision, number: int, counts: Mapping[str, int | None]) -> None:
    """Note how far the machine's texts are from the person's, or that the text is no person's any more."""
    if revision.reason != PERSON:
        session.execute(delete(CorrectionRow).where(CorrectionRow.utterance_id == revision.utterance_id))
        return
    counted = {"number": number, "corrected_at": func.now(), **counts}
    upsert = insert(CorrectionRow).values(utterance_id=revision.utterance_id, **counted)
    session.execute(upsert.on_conflict_do_update(index_elements=[CorrectionRow.utterance_id], set_=counted))


def _note(session: Session, call_id: UUID, revision: Revision, number: int) -> None:
    action = "utterance.corrected" if revision.reason == PERSON else "utterance.correction-undone"
    told: Detail = {"utterance": str(revision.utterance_id), "revision": number}
    write_audit(session, action=action, subject=str(call_id), by=revision.by, detail=told)


def _corrected() -> Select[*tuple[Any, ...]]:
    """Columns in the order of CorrectedUtterance's fields."""
    second = (
        select(RevisionRow.text)
        .where(RevisionRow.utterance_id == UtteranceRow.id, RevisionRow.job_id.is_not(None))
        .order_by(RevisionRow.number.desc())
        .limit(1)
        .correlate(UtteranceRow)
        .scalar_subquery()
    )
    masked = (
        select(RevisionRow.utterance_id)
        .where(RevisionRow.utterance_id == UtteranceRow.id, RevisionRow.redactions != ())
        .correlate(UtteranceRow)
        .exists()
    )
    return (
        select(
            CallRow.id,
            UtteranceRow.id,
            CallRow.trunk,
            CallRow.started_at,
            CallRow.sample_rate,
            UtteranceRow.channel,
            UtteranceRow.start,
            UtteranceRow.end,
            UtteranceRow.language,
            UtteranceRow.text,
            second,
            RevisionRow.text,
            RevisionRow.by,
            CorrectionRow.corrected_at,
            or_(UtteranceRow.redactions != (), masked),
        )
        .select_from(CorrectionRow)
        .join(
            RevisionRow,
            (RevisionRow.utterance_id == CorrectionRow.utterance_id) & (RevisionRow.number == CorrectionRow.number),
        )
        .join(UtteranceRow, UtteranceRow.id == CorrectionRow.utterance_id)
        .join(CallRow, CallRow.id == UtteranceRow.call_id)
    )


def _rules(conditions: CorrectionFilter) -> list[ColumnElement[bool]]:
    rules: list[ColumnElement[bool]] = []
    if conditions.trunk is not None:
        rules.append(CallRow.trunk == clean_name(conditions.trunk))
    if conditions.since is not None:
        rules.append(CallRow.started_at >= conditions.since)
    if conditions.until is not None:
        rules.append(CallRow.started_at < conditions.until)
    return rules
