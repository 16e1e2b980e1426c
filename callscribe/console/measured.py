"""What the API answers of measures and scores. Times are milliseconds from the call's start."""

from uuid import UUID

from pydantic import Field

from callscribe.console.answer import Answer
from callscribe.domain.call import Role
from callscribe.domain.measures import CallMeasures, ChannelMeasures
from callscribe.domain.scores import CardScore, Evaluation, Evidence, RuleResult
from callscribe.text.scorecard import Scorecard
from callscribe.text.scoring import NamedScorecard


class ChannelMeasuresAnswer(Answer):
    """What one channel did."""

    channel: int = Field(description="Its index.")
    role: Role
    speech_ms: int
    words: int = Field(description="As they were spoken; characters, in scripts without blanks.")
    words_per_minute: float | None = Field(description="In a minute of its own speech; null where it said nothing.")
    interruptions_ms: list[int] = Field(description="Where it began to interrupt the other side.")

    @classmethod
    def of(cls, channel: ChannelMeasures) -> "ChannelMeasuresAnswer":
        return cls(
            channel=channel.channel,
            role=channel.role,
            speech_ms=channel.speech_ms,
            words=channel.words,
            words_per_minute=channel.words_per_minute,
            interruptions_ms=list(channel.interruptions),
        )


class MeasuresAnswer(Answer):
    """What an ended call was like."""

    agent_speech_ms: int
    customer_speech_ms: int
    talk_ratio: float | None = Field(
        description="The agent's share of both, 0 to 1; null where neither speaks, or one has no channel."
    )
    longest_silence_ms: int = Field(description="In which no channel speaks; pauses of the recording are left out.")
    longest_silence_start_ms: int
    overtalk_ms: int = Field(
        description="For how long more than one side, or more than one speaker of a channel, speaks."
    )
    hold_ms: int | None = Field(
        description="For how long a channel was on hold by signalling; null where telephony could not tell."
    )
    longest_hold_ms: int | None
    longest_hold_start_ms: int | None
    interruptions: int = Field(description="One side begins while the other speaks, goes on, and the other stops.")
    channels: list[ChannelMeasuresAnswer]

    @classmethod
    def of(cls, measures: CallMeasures) -> "MeasuresAnswer":
        return cls(
            agent_speech_ms=measures.agent_speech_ms,
            customer_speech_ms=measures.customer_speech_ms,
            talk_ratio=measures.talk_ratio,
            longest_silence_ms=measures.longest_silence.length,
            longest_silence_start_ms=measures.longest_silence.start,
            overtalk_ms=measures.overtalk_ms,
            hold_ms=measures.hold_ms,
            longest_hold_ms=measures.longest_hold.length if measures.longest_hold else None,
            longest_hold_start_ms=measures.longest_hold.start if measures.longest_hold else None,
            interruptions=measures.interruptions,
            channels=[ChannelMeasuresAnswer.of(channel) for channel in measures.channels],
        )


class EvidenceAnswer(Answer):
    """Where in a call it can be heard."""

    utterance_id: UUID | None = Field(description="null where it is in no one utterance, as a silence is.")
    start_ms: int
    quote: str = Field(description='What was said there, "" where it is a silence.')
    link: str = Field(description="The call's page, playing from there.", examples=["/calls/6f1c…#t=12.3"])

    @classmethod
    def of(cls, call_id: UUID, found: Evidence) -> "EvidenceAnswer":
        link = f"/calls/{call_id}#t={found.start_ms / 1000:.1f}"
        return cls(utterance_id=found.utterance_id, start_ms=found.start_ms, quote=found.quote, link=link)


class RuleResultAnswer(Answer):
    """What became of a rule."""

    rule: str
    weight: float
    critical: bool
    passed: bool | None = Field(description="null where the rule does not apply to the call.")
    reason: str = Field(description="A sentence without what was said.")
    evidence: EvidenceAnswer | None

    @classmethod
    def of(cls, call_id: UUID, result: RuleResult) -> "RuleResultAnswer":
        return cls(
            rule=result.rule,
            weight=result.weight,
            critical=result.critical,
            passed=result.passed,
            reason=result.reason,
            evidence=EvidenceAnswer.of(call_id, result.evidence) if result.evidence else None,
        )


class CardScoreAnswer(Answer):
    """How a call did by a scorecard."""

    scorecard: str
    version: int = Field(description="Of the scorecard, by which the call was scored.")
    score: float | None = Field(description="0 to 100; null where none of its rules applies.")
    results: list[RuleResultAnswer]

    @classmethod
    def of(cls, call_id: UUID, card: CardScore) -> "CardScoreAnswer":
        results = [RuleResultAnswer.of(call_id, result) for result in card.results]
        return cls(scorecard=card.scorecard, version=card.version, score=card.score, results=results)


class ScoresAnswer(Answer):
    """What was found in a call."""

    call_id: UUID
    score: float | None = Field(description="The lowest of its scorecards' scores, 0 to 100; null where it has none.")
    measures: MeasuresAnswer | None = Field(description="null until the call has been evaluated.")
    scorecards: list[CardScoreAnswer]

    @classmethod
    def of(cls, call_id: UUID, found: Evaluation | None) -> "ScoresAnswer":
        return cls(
            call_id=call_id,
            score=found.score if found else None,
            measures=MeasuresAnswer.of(found.measures) if found else None,
            scorecards=[CardScoreAnswer.of(call_id, card) for card in found.scores] if found else [],
        )


class ScorecardAnswer(Scorecard):
    """One version of a scorecard."""

    name: str
    version: int = Field(description="1 for the first.")

    @classmethod
    def of(cls, named: NamedScorecard) -> "ScorecardAnswer":
        card = named.card
        return cls(
            name=named.name, version=named.version, trunks=card.trunks, languages=card.languages, rules=card.rules
        )
