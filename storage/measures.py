"""What evaluations found, as rows and as the domain's values."""

from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session, selectinload

from callscribe.domain.measures import CallMeasures, ChannelMeasures, Span
from callscribe.domain.scores import CardScore, Evaluation, Evidence, RuleResult
from storage.clean import clean, clean_name
from storage.models import CallMeasuresRow, CallScoreRow, RuleResultRow

CHANNELS = TypeAdapter(tuple[ChannelMeasures, ...])


def write_evaluation(session: Session, call_id: UUID, evaluation: Evaluation) -> None:
    """Put it in the place of what was found before. The caller holds the call (storage.finals.hold_call)."""
    measures = evaluation.measures
    session.execute(delete(CallMeasuresRow).where(CallMeasuresRow.call_id == call_id))
    session.execute(
        insert(CallMeasuresRow).values(
            call_id=call_id,
            longest_silence_start_ms=measures.longest_silence.start,
            longest_silence_ms=measures.longest_silence.length,
            overtalk_ms=measures.overtalk_ms,
            hold_ms=measures.hold_ms,
            longest_hold_start_ms=measures.longest_hold.start if measures.longest_hold else None,
            longest_hold_ms=measures.longest_hold.length if measures.longest_hold else None,
            agent_speech_ms=measures.agent_speech_ms,
            customer_speech_ms=measures.customer_speech_ms,
            interruptions=measures.interruptions,
            channels=CHANNELS.dump_python(measures.channels, mode="json"),
            score=evaluation.score,
        )
    )
    for card in evaluation.scores:
        values = {"call_id": call_id, "scorecard": card.scorecard}
        session.execute(insert(CallScoreRow).values(**values, version=card.version, score=card.score))
        results = [
            values | {"number": number} | _result_values(result) for number, result in enumerate(card.results, start=1)
        ]
        session.execute(insert(RuleResultRow), results)


def read_evaluation(session: Session, call_id: UUID) -> Evaluation | None:
    """None where the call has not been evaluated."""
    scores = selectinload(CallMeasuresRow.scores).selectinload(CallScoreRow.results)
    row = session.scalar(select(CallMeasuresRow).where(CallMeasuresRow.call_id == call_id).options(scores))
    return None if row is None else Evaluation(measures_of(row), tuple(_card_of(score) for score in row.scores))


def measures_of(row: CallMeasuresRow) -> CallMeasures:
    """The measures that a row tells."""
    start = row.longest_silence_start_ms
    silence = Span(start, start + row.longest_silence_ms)
    hold = None
    if row.longest_hold_start_ms is not None and row.longest_hold_ms is not None:
        hold = Span(row.longest_hold_start_ms, row.longest_hold_start_ms + row.longest_hold_ms)
    return CallMeasures(CHANNELS.validate_python(row.channels), silence, row.overtalk_ms, row.hold_ms, hold)


def _result_values(result: RuleResult) -> dict[str, object]:
    found = result.evidence
    return {
        "rule": clean_name(result.rule),
        "weight": result.weight,
        "critical": result.critical,
        "passed": result.passed,
        "reason": clean_name(result.reason),
        "utterance_id": found.utterance_id if found else None,
        "start_ms": found.start_ms if found else None,
        "quote": clean(found.quote) if found else "",
    }


def _card_of(row: CallScoreRow) -> CardScore:
    return CardScore(row.scorecard, row.version, tuple(_result_of(result) for result in row.results))


def _result_of(row: RuleResultRow) -> RuleResult:
    found = None if row.start_ms is None else Evidence(row.start_ms, row.utterance_id, row.quote)
    return RuleResult(row.rule, row.weight, row.critical, row.passed, row.reason, found)
