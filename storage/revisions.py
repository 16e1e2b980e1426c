"""How a revision becomes a row: a job's, or a person's."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy import func, inspect, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from callscribe.domain.errors import StorageError
from callscribe.domain.transcript import Final, Revision, utterance_id
from callscribe.text.redaction.masking import RedactionPolicy, masked_where
from storage.clean import clean, clean_name
from storage.finals import overwrite_final
from storage.models import CallRow, CorrectionRow, RevisionRow, UtteranceRow
from storage.rows import final_of, stored_confidence


def write_revisions(session: Session, call_id: UUID, revisions: Sequence[Revision], job_id: UUID | None = None) -> None:
    """Insert them as the newest texts of their utterances; without `job_id` they are a person's.

    The caller holds the call (storage.finals.hold_call). What a job wrote before it does not write again. Where the
    text is a person's now, a job's is kept below it, unless something of either is masked. Raises StorageError for an
    utterance that the call has not.
    """
    if not revisions:
        return
    newest = func.coalesce(func.max(RevisionRow.number), 0)
    query = select(UtteranceRow.id, newest).outerjoin(UtteranceRow.revisions).where(UtteranceRow.call_id == call_id)
    numbers = dict(session.execute(query.group_by(UtteranceRow.id)).all())
    if any(revision.utterance_id not in numbers for revision in revisions):
        raise StorageError("a revision names an utterance that its call has not")
    settled = {} if job_id is None else _corrected(session, call_id)
    values = [
        _values(revision, numbers[revision.utterance_id] + 1) | {"job_id": job_id}
        for revision in revisions
        if revision.utterance_id not in settled
    ]
    if values:
        session.execute(
            insert(RevisionRow).on_conflict_do_nothing(index_elements=[RevisionRow.utterance_id, RevisionRow.job_id]),
            values,
        )
    for revision in revisions:
        if job_id is not None and (correction := settled.get(revision.utterance_id)):
            _write_below(session, correction, revision, job_id)


def _write_below(session: Session, correction: CorrectionRow, revision: Revision, job_id: UUID) -> None:
    """Keep a job's text as the newest of the machine's, under the person's that stands, which moves up by one."""
    place = (RevisionRow.utterance_id == revision.utterance_id, RevisionRow.number == correction.number)
    person = session.scalars(select(RevisionRow).where(*place)).one()
    theirs = select(RevisionRow.number).where(
        RevisionRow.utterance_id == revision.utterance_id, RevisionRow.job_id == job_id
    )
    if revision.redactions or person.redactions or session.scalar(theirs) is not None:
        return
    moved = {column.key: getattr(person, column.key) for column in inspect(RevisionRow).column_attrs}
    session.execute(insert(RevisionRow).values(**moved | {"number": person.number + 1}))
    ours = CorrectionRow.utterance_id == revision.utterance_id
    # Errors are not counted anew: of utterances that the job found nothing better for none would be.
    session.execute(update(CorrectionRow).where(ours).values(number=person.number + 1))
    session.execute(
        update(RevisionRow)
        .where(*place)
        .values(**_values(revision, person.number), job_id=job_id, created_at=func.now())
        .execution_options(synchronize_session=False)
    )


def mask_older(session: Session, call: CallRow, revision: Revision, policy: RedactionPolicy) -> bool:
    """Mask in the older texts of an utterance what is masked in its newest, `revision`; nothing of it is kept.

    The caller holds the call. Whether there was anything to mask.
    """
    row = session.scalars(select(UtteranceRow).where(UtteranceRow.id == revision.utterance_id)).one()
    anew = _masked_like(final_of(row), revision, policy, call.sample_rate)
    if anew is not None:
        overwrite_final(session, call.id, anew)
    return _mask_revisions(session, call, row, revision, policy) or anew is not None


def mask_revisions_below(
    session: Session, call: CallRow, masked: Sequence[Final | Revision], policy: RedactionPolicy
) -> None:
    """The same in the revisions of these texts' utterances, of whatever is masked in a text; not where a person's text
    stands, which was masked as it was written."""
    theirs = {_utterance_of(call.id, text): text for text in masked if text.redactions}
    settled = _corrected(session, call.id) if theirs else {}
    query = select(UtteranceRow).where(UtteranceRow.id.in_([name for name in theirs if name not in settled]))
    for row in session.scalars(query.execution_options(populate_existing=True)).all():
        _mask_revisions(session, call, row, theirs[row.id], policy)


def _utterance_of(call_id: UUID, text: Final | Revision) -> UUID:
    return text.utterance_id if isinstance(text, Revision) else utterance_id(call_id, text.channel, text.start)


def _mask_revisions(
    session: Session, call: CallRow, row: UtteranceRow, masked: Final | Revision, policy: RedactionPolicy
) -> bool:
    final, rate = final_of(row), call.sample_rate
    older = [
        (made.number, text)
        for made in row.revisions
        if (text := _masked_like(_as_final(final, made), masked, policy, rate)) is not None
    ]
    for number, text in older:
        told = {
            "text": clean(text.text),
            "words": text.words,
            "spoken": clean(text.spoken),
            "corrections": text.corrections,
            "redactions": text.redactions,
        }
        ours = (RevisionRow.utterance_id == row.id, RevisionRow.number == number)
        session.execute(update(RevisionRow).where(*ours).values(**told).execution_options(synchronize_session=False))
    return bool(older)


def _as_final(final: Final, made: RevisionRow) -> Final:
    return replace(
        final, text=made.text, words=made.words, spoken=made.spoken, corrections=made.corrections,
        redactions=made.redactions,
    )  # fmt: skip


def _masked_like(text: Final, newest: Final | Revision, policy: RedactionPolicy, rate: int) -> Final | None:
    """None where all that is masked in the newest is masked in it."""
    new = [
        told
        for told in newest.redactions
        if not any(own.start <= told.start and told.end <= own.end for own in text.redactions)
    ]
    return masked_where(text, new, policy, rate) if new else None


def _corrected(session: Session, call_id: UUID) -> dict[UUID, CorrectionRow]:
    """By the utterances whose text is a person's."""
    query = select(CorrectionRow).join(UtteranceRow, UtteranceRow.id == CorrectionRow.utterance_id)
    return {row.utterance_id: row for row in session.scalars(query.where(UtteranceRow.call_id == call_id))}


def _values(revision: Revision, number: int) -> dict[str, object]:
    """Its columns, but whose it is."""
    return {
        "utterance_id": revision.utterance_id,
        "number": number,
        "text": clean(revision.text),
        "confidence": stored_confidence(revision.confidence),
        "engine": clean_name(revision.engine),
        "reason": clean_name(revision.reason),
        "words": revision.words,
        "spoken": clean(revision.spoken),
        "corrections": revision.corrections,
        "cost": revision.cost,
        "redactions": revision.redactions,
        "hotword_lists": revision.hotword_lists,
        "by": clean_name(revision.by),
    }
