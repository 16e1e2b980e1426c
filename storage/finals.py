"""How a final becomes a row: as it is said, and when a stretch is decoded after the call."""

from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from callscribe.domain.errors import CallNotFound
from callscribe.domain.transcript import Final, utterance_id
from storage.clean import clean
from storage.models import CallRow, ChannelRow, ErasedCallRow, UtteranceRow
from storage.rows import stored_confidence


def lock_call(session: Session, call_id: UUID) -> CallRow | None:
    """The call's row, locked until the transaction ends; None where there is none."""
    return session.scalar(select(CallRow).where(CallRow.id == call_id).with_for_update(key_share=True))


def hold_call(session: Session, call_id: UUID) -> CallRow:
    """As `lock_call`. Raises CallNotFound."""
    row = lock_call(session, call_id)
    if row is None:
        raise CallNotFound
    return row


def is_forgotten(session: Session, call_id: UUID, row: CallRow | None) -> bool:
    """Whether nothing more of the call may be written, as it was erased, or its text removed when its time was over.

    `row` is the call's, locked, or None where it has none.
    """
    if row is None:
        return session.get(ErasedCallRow, call_id) is not None
    return row.text_expired_at is not None


def write_final(session: Session, call_id: UUID, final: Final) -> bool:
    """Insert the final of a call that exists; False when it is there already.

    A channel that no call value has named yet is made: its audio was ahead of the signalling.
    """
    channel = insert(ChannelRow).values(call_id=call_id, index=final.channel).on_conflict_do_nothing()
    session.execute(channel)
    utterance = (
        insert(UtteranceRow)
        .values(
            id=utterance_id(call_id, final.channel, final.start),
            call_id=call_id,
            channel=final.channel,
            start=final.start,
            end=final.end,
            text=clean(final.text),
            confidence=stored_confidence(final.confidence),
            engine=clean(final.engine),
            language=clean(final.language),
            words=final.words,
            spoken=clean(final.spoken),
            corrections=final.corrections,
            emotion=clean(final.emotion),
            audio_events=[clean(heard) for heard in final.audio_events],
            cost=final.cost,
            hotword_lists=final.hotword_lists,
            redactions=final.redactions,
        )
        .on_conflict_do_nothing()
        .returning(UtteranceRow.id)
    )
    return session.scalar(utterance) is not None


def overwrite_final(session: Session, call_id: UUID, final: Final) -> None:
    """Put a masked text in the place of one that was stored as it was heard; nothing of that is kept."""
    session.execute(
        update(UtteranceRow)
        .where(UtteranceRow.id == utterance_id(call_id, final.channel, final.start))
        .values(
            text=clean(final.text),
            words=final.words,
            spoken=clean(final.spoken),
            corrections=final.corrections,
            redactions=final.redactions,
        )
    )
