"""An ended call measured, and held against the scorecards that are for it."""

from uuid import UUID

from callscribe.domain.scores import Evaluation
from callscribe.text.scoring import evaluate
from storage.reader import CallReader
from storage.scorecards import ScorecardStore


class CallEvaluator:
    """Evaluates calls as they stand in the database."""

    def __init__(self, reader: CallReader, scorecards: ScorecardStore) -> None:
        self._reader = reader
        self._scorecards = scorecards

    def evaluate(self, call_id: UUID) -> Evaluation:
        """By the newest texts and the newest versions of the scorecards. Raises StorageError."""
        # Scorecards first: whoever changes one and then asks for an evaluation gets one by that version.
        cards = self._scorecards.all()
        transcript = self._reader.transcript(call_id)
        end = self._reader.call(call_id).end
        return evaluate(transcript, transcript.ms(end.samples) if end else 0, cards, end.holds if end else None)
