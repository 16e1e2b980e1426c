"""Scorecards held against a call. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from callscribe.domain.call import ChannelHold, Role
from callscribe.domain.language import primary
from callscribe.domain.measures import CallMeasures, measure, speech_of
from callscribe.domain.scores import CardScore, Evaluation, Evidence, RuleResult
from callscribe.domain.utterance import Transcript
from callscribe.text.phrases import Stream, find, streams
from callscribe.text.scorecard import Measure, MeasureRule, OrderRule, PhraseRule, Rule, Scorecard, Speaker

SPEAKERS: Mapping[Speaker, tuple[Role, ...]] = {
    "agent": (Role.AGENT,),
    "customer": (Role.CUSTOMER,),
    "any": tuple(Role),
}


@dataclass(frozen=True, slots=True)
class NamedScorecard:
    """A version of a scorecard."""

    name: str
    version: int
    card: Scorecard


def evaluate(
    transcript: Transcript,
    length_ms: int,
    cards: Sequence[NamedScorecard],
    holds: Sequence[ChannelHold] | None = None,
) -> Evaluation:
    """The measures of a call that lasted so long and had these holds, and its score by each card that is for it.

    A call on which nothing was said has no score.
    """
    measures = measure(transcript, length_ms, holds)
    if not any(channel.words for channel in measures.channels):
        return Evaluation(measures)
    heard = _HeardCall(transcript, length_ms, measures)
    language = language_of(transcript)
    return Evaluation(
        measures,
        tuple(
            CardScore(named.name, named.version, tuple(heard.judge(rule) for rule in named.card.rules))
            for named in cards
            if named.card.is_for(transcript.call.trunk, language)
        ),
    )


def language_of(transcript: Transcript) -> str:
    """The ISO 639-1 code of the language that most was said in; "" where nothing was."""
    spoken: Counter[str] = Counter()
    for utterance in transcript.utterances:
        spoken[primary(utterance.final.language)] += speech_of(transcript, utterance).length
    return max(spoken, key=lambda language: spoken[language], default="")


@dataclass(frozen=True, slots=True)
class _Verdict:
    passed: bool | None
    reason: str
    evidence: Evidence | None = None


class _HeardCall:
    """A call as rules look at it."""

    def __init__(self, transcript: Transcript, length_ms: int, measures: CallMeasures) -> None:
        self._transcript = transcript
        self._length_ms = length_ms
        self._measures = measures
        self._streams = {
            channel.channel: streams(transcript, [channel.channel])[0] for channel in self._measures.channels
        }

    def judge(self, rule: Rule) -> RuleResult:
        match rule:
            case PhraseRule():
                found = self._judge_phrase(rule)
            case OrderRule():
                found = self._judge_order(rule)
            case MeasureRule():
                found = self._judge_measure(rule)
        return RuleResult(rule.name, rule.weight, rule.critical, found.passed, found.reason, found.evidence)

    def _judge_phrase(self, rule: PhraseRule) -> _Verdict:
        heard = self._said_by(rule.speaker)
        shared = () if heard else self._shared()
        if not heard and not shared:
            return _nobody(rule.speaker)
        places = find(rule.phrases, heard or shared)
        fitting = [place for place in places if self._in_time(rule, place.start_ms)]
        if fitting and shared:
            return self._by_whom(rule.speaker, fitting[0])
        if rule.kind == "said" and not fitting:
            late = next(iter(places), None)
            return _Verdict(False, f"It was said at {_seconds(late)}." if late else "It was not said.", late)
        if not fitting:
            return _Verdict(True, "It was not said.")
        return _Verdict(rule.kind == "said", f"It was said at {_seconds(fitting[0])}.", fitting[0])

    def _judge_order(self, rule: OrderRule) -> _Verdict:
        heard = self._said_by(rule.speaker)
        shared = () if heard else self._shared()
        if not heard and not shared:
            return _nobody(rule.speaker)
        then = next(iter(find(rule.then, heard or shared)), None)
        if then is None:
            return _Verdict(None, "What it must come before was not said.")
        if shared:
            return self._by_whom(rule.speaker, then)
        first = next(iter(find(rule.first, heard)), None)
        if first is None:
            return _Verdict(False, f"What must come first was not said; the other was at {_seconds(then)}.", then)
        reason = f"The first was said at {_seconds(first)}, the other at {_seconds(then)}."
        return _Verdict(first.start_ms < then.start_ms, reason, then)

    def _judge_measure(self, rule: MeasureRule) -> _Verdict:
        value = rule.measure.of(self._measures)
        if value is None:
            together = " Agent and customer share a channel." if self._shared() else ""
            return _Verdict(None, f"The call does not tell this measure.{together}")
        place = self._place(rule.measure)
        if rule.at_least is not None and value < rule.at_least:
            return _Verdict(False, f"{value:g} is below {rule.at_least:g}.", place)
        if rule.at_most is not None and value > rule.at_most:
            return _Verdict(False, f"{value:g} is above {rule.at_most:g}.", place)
        return _Verdict(True, f"{value:g} is within bounds.", place)

    def _said_by(self, speaker: Speaker) -> tuple[Stream, ...]:
        roles = SPEAKERS[speaker]
        return tuple(self._streams[each.channel] for each in self._measures.channels if each.role in roles)

    def _shared(self) -> tuple[Stream, ...]:
        """The channels on which both agent and customer speak: what nobody says there, neither of them says."""
        return tuple(self._streams[each.channel] for each in self._measures.channels if each.role is Role.MIXED)

    def _by_whom(self, speaker: Speaker, place: Evidence) -> _Verdict:
        """Something was said on a channel that both share."""
        number = self._speaker_at(place)
        who = f" by speaker {number}" if number else ""
        reason = f"It was said at {_seconds(place)}{who}, where agent and customer share a channel:"
        return _Verdict(None, f"{reason} whether by the {speaker} is not known.", place)

    def _speaker_at(self, place: Evidence) -> int:
        """Which of a channel's speakers, 0 where they were not told apart."""
        said = (each for each in self._transcript.utterances if each.id == place.utterance_id)
        turns = [(turn, self._transcript.ms(turn.end)) for each in said for turn in each.turns]
        return next((turn.speaker for turn, end_ms in turns if place.start_ms < end_ms), 0)

    def _in_time(self, rule: PhraseRule, start_ms: int) -> bool:
        return (
            (rule.within_s is None or start_ms <= rule.within_s * 1000)
            and (rule.after_s is None or start_ms >= rule.after_s * 1000)
            and (rule.last_s is None or start_ms >= self._length_ms - rule.last_s * 1000)
        )

    def _place(self, measure: Measure) -> Evidence | None:
        """Where a measure can be heard, if at one place."""
        if measure is Measure.LONGEST_SILENCE_S and self._measures.longest_silence.length:
            return Evidence(self._measures.longest_silence.start)
        held = self._measures.longest_hold
        if measure in (Measure.HOLD_S, Measure.LONGEST_HOLD_S) and held and held.length:
            return Evidence(held.start)
        for channel, start_ms in measure.interruptions(self._measures)[:1]:
            said = (each for each in self._transcript.utterances if each.final.channel == channel)
            spans = ((each, speech_of(self._transcript, each)) for each in said)
            return next(
                (Evidence(start_ms, each.id, each.text) for each, span in spans if span.start == start_ms), None
            )
        return None


def _nobody(speaker: Speaker) -> _Verdict:
    return _Verdict(
        None, f"No channel of the call is the {speaker}'s." if speaker != "any" else "No channel was heard."
    )


def _seconds(place: Evidence) -> str:
    return f"{place.start_ms / 1000:.1f} s"
