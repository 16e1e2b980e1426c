"""How the speakers of a call's utterances become rows."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from callscribe.domain.errors import StorageError
from callscribe.domain.utterance import Utterance
from storage.models import SpeakerTurnRow, UtteranceRow


def write_speakers(session: Session, call_id: UUID, utterances: Sequence[Utterance]) -> None:
    """Write the turns of utterances of the call in place of all that it has.

    The caller holds the call (storage.finals.hold_call). Raises StorageError for an utterance that the call has not.
    """
    own = select(UtteranceRow.id).where(UtteranceRow.call_id == call_id)
    if {utterance.id for utterance in utterances} - set(session.scalars(own)):
        raise StorageError("speakers are told of an utterance that its call has not")
    session.execute(delete(SpeakerTurnRow).where(SpeakerTurnRow.utterance_id.in_(own)))
    values = [
        {
            "utterance_id": utterance.id,
            "number": number,
            "speaker": turn.speaker,
            "start": turn.start,
            "end": turn.end,
            "overlapped": turn.overlapped,
        }
        for utterance in utterances
        for number, turn in enumerate(utterance.turns, start=1)
    ]
    if values:
        session.execute(insert(SpeakerTurnRow), values)
