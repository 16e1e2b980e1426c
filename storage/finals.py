"""How a final becomes a row: as it is said, and when a stretch is decoded after the call."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from callscribe.domain.errors import CallNotFound
from callscribe.domain.transcript import Final, utterance_id
from storage.clean import clean
from storage.models import CallRow, ChannelRow, UtteranceRow
from storage.rows import stored_confidence


def hold_call(session: Session, call_id: UUID) -> CallRow:
    """The call's row, locked until the transaction ends. Raises CallNotFound."""
    row = session.scalar(select(CallRow).where(CallRow.id == call_id).with_for_update())
    if row is None:
        raise CallNotFound
    return row


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
        )
        .on_conflict_do_nothing()
        .returning(UtteranceRow.id)
    )
    return session.scalar(utterance) is not None
