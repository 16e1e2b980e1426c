"""Assist rules held against a call as it goes on: what is said gives cards, at once and once. Pure.

Words count when they are committed, in a partial or in the final. A rule gives one card for an utterance at most, so
that words which settle in the final give none again, and nothing is ever taken back. Rules about words are taken at the
beginning of each utterance: one that is changed meanwhile counts from the next on.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from uuid import UUID

from callscribe.domain.assist import AssistCard, card_id
from callscribe.domain.audio import ms_to_samples
from callscribe.domain.call import Call, CallState, Role
from callscribe.domain.language import UNKNOWN
from callscribe.domain.transcript import Final, Partial, utterance_id
from callscribe.domain.utterance import Transcript, Utterance
from callscribe.text.assist_patterns import first_place
from callscribe.text.assist_rules import (
    EmotionCondition,
    NamedRule,
    PatternCondition,
    Phrased,
    SilenceCondition,
    TalkOverCondition,
)
from callscribe.text.phrases import BREATH_MS, Run, SpokenWords, breaths, spoken_words
from callscribe.text.rule_set import RuleSet
from callscribe.text.scoring import SPEAKERS

NO_RULES = RuleSet.of(())
UTTERANCES_KEPT = 2
"""Of a channel, before the newest: a phrase may go on from one to the next."""
SPANS_KEPT = 2
TRAIL_MS = 700
"""The end of a partial may be so far behind the end of its speech."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a rule holds. Samples of the call."""

    key: UUID | int
    start: int
    heard: int
    channel: int | None = None
    utterance_id: UUID | None = None


@dataclass(slots=True)
class _Span:
    start: int
    end: int
    settled: bool
    """Whether its final has told its end."""


@dataclass(frozen=True, slots=True)
class _Looked:
    """What phrases were looked for in, the newest utterance of a channel, and for whom."""

    utterance_id: UUID
    views: tuple[tuple[str, ...], ...]
    """Its words, as they were spoken and in figures."""
    role: Role
    language: str


@dataclass(slots=True)
class _Channel:
    rules: RuleSet
    """As they were when the newest utterance began."""
    said: list[Utterance] = field(default_factory=list)
    """The newest utterance, as far as it is committed, and those before it that its words may go on from."""
    cut: dict[UUID, SpokenWords] = field(default_factory=dict)
    """Their words."""
    looked: _Looked | None = None
    spans: list[_Span] = field(default_factory=list)
    language: str = UNKNOWN
    """Of the newest final."""


class CallAssist:
    """What the rules make of one call. `rules` of each method: those that there are now, also for other calls."""

    def __init__(self, call: Call, language: str = UNKNOWN) -> None:
        """`language`: BCP 47 tag of the call's trunk, or UNKNOWN: then each channel's finals tell."""
        self.call = call
        """As it is known now: roles and pauses count."""
        self._language = language
        self._channels: dict[int, _Channel] = {}
        self._seen: set[tuple[str, UUID | int]] = set()
        """Names of rules, and places where they held, whether a card was given or not."""
        self._given: dict[str, int] = {}
        """By rule: sample up to which the call was heard when it gave its last card."""
        self._quiet_since = 0

    def partial(self, partial: Partial, rules: RuleSet) -> tuple[AssistCard, ...]:
        """What is committed now."""
        if not (partial.committed or partial.tentative):
            return ()
        self._spoken(partial.channel, _Span(partial.start, partial.end, False))
        cards = list(self._talk_over(rules))
        share = len(partial.committed) / (len(partial.committed) + len(partial.tentative))
        end = partial.start + int((partial.end - partial.start) * share)
        language = self._language_of(partial.channel)
        said = Final(partial.channel, partial.start, end, partial.committed, 0.0, "", language)
        if self._take(said, rules):
            cards += self._words(said, partial.end)
        return tuple(cards)

    def final(self, final: Final, rules: RuleSet) -> tuple[AssistCard, ...]:
        """As it is told."""
        self._spoken(final.channel, _Span(final.start, final.end, True))
        cards = list(self._talk_over(rules))
        self._channel(final.channel).language = final.language
        if self._take(final, rules):
            cards += self._words(final, final.end)
        cards += self._emotion(final, rules)
        return tuple(cards)

    def understood(self, offset: int, rules: RuleSet) -> tuple[AssistCard, ...]:
        """Up to this sample of every channel all was told that was said there: a silence may have lasted long enough.

        What is paused is no silence, for nobody knows it.
        """
        if any(pause.end is None for pause in self.call.pauses):
            return ()
        quiet_since = max((self._quiet_since, *(pause.end or 0 for pause in self.call.pauses)))
        cards: list[AssistCard] = []
        for named in self._fitting(rules.about(SilenceCondition), self._language):
            if not isinstance(named.rule.when, SilenceCondition):
                continue
            until = quiet_since + int(named.rule.when.seconds * self.call.sample_rate)
            if until <= offset:
                cards += self._give(named, _Place(quiet_since, quiet_since, until))
        return tuple(cards)

    def _channel(self, index: int) -> _Channel:
        return self._channels.setdefault(index, _Channel(NO_RULES))

    def _language_of(self, channel: int) -> str:
        return self._channel(channel).language if self._language == UNKNOWN else self._language

    def _fitting(self, rules: Iterable[NamedRule], language: str) -> Iterator[NamedRule]:
        return (named for named in rules if named.rule.is_for(self.call.trunk, language))

    def _role(self, channel: int) -> Role:
        return next((each.role for each in self.call.channels if each.index == channel), Role.UNKNOWN)

    def _spoken(self, channel: int, span: _Span) -> None:
        self._quiet_since = max(self._quiet_since, span.end)
        others = [each for each in self._channel(channel).spans if each.start != span.start]
        self._channel(channel).spans = [*others, span][-SPANS_KEPT:]

    def _take(self, said: Final, rules: RuleSet) -> bool:
        """Take what is known of an utterance now; False where that is nothing new."""
        channel = self._channel(said.channel)
        newest = channel.said[-1].final if channel.said else None
        if newest is not None and newest.start == said.start:
            if newest.text == said.text and newest.spoken == said.spoken and newest.language == said.language:
                return False
            channel.said.pop()
        elif newest is not None and newest.start > said.start:
            # It was held back until its rest was known, and the next has begun.
            channel.said = []
        elif channel.rules != rules:
            channel.rules, channel.said = rules, []
        elif newest is not None and said.start - newest.end > ms_to_samples(BREATH_MS, self.call.sample_rate):
            channel.said = []
        name = utterance_id(self.call.id, said.channel, said.start)
        channel.said = [*channel.said[-UTTERANCES_KEPT:], Utterance(name, said)]
        return bool(said.text)

    def _words(self, said: Final, heard: int) -> Iterator[AssistCard]:
        channel, role, language = self._channel(said.channel), self._role(said.channel), self._language_of(said.channel)
        utterance = channel.said[-1]
        for named in self._fitting(channel.rules.about(PatternCondition), language):
            known = (named.name, utterance.id) in self._seen
            if isinstance(named.rule.when, PatternCondition) and role in SPEAKERS[named.rule.speaker] and not known:
                yield from self._pattern(named, named.rule.when.pattern, utterance, heard)
        yield from self._phrases(channel, said.channel, heard)

    def _phrases(self, channel: _Channel, index: int, heard: int) -> Iterator[AssistCard]:
        role, language = self._role(index), self._language_of(index)
        wanted = {
            number: named
            for number, named in enumerate(channel.rules.rules)
            if isinstance(named.rule.when, Phrased)
            and role in SPEAKERS[named.rule.speaker]
            and named.rule.is_for(self.call.trunk, language)
        }
        if not wanted:
            return
        found = {
            (number, run[at].start_ms, run[at].utterance.id)
            for run, fresh in self._runs(channel, role, language)
            for number, at in channel.rules.phrases.places(run, fresh, wanted)
        }
        for number, start_ms, utterance in sorted(found):
            start = ms_to_samples(start_ms, self.call.sample_rate)
            yield from self._give(wanted[number], _Place(utterance, start, heard, index, utterance))

    def _runs(self, channel: _Channel, role: Role, language: str) -> Iterator[tuple[Run, int]]:
        """What is said in the newest breath, and the first of its words that was not looked at before for these."""
        breath = breaths(self._cut(channel))[-1]
        newest, looked = breath[-1], channel.looked
        views = [[each.spoken for each in breath], [each.figures for each in breath]]
        words = tuple(tuple(word.token.text for word in view[-1]) for view in views)
        channel.looked = _Looked(newest.utterance.id, words, role, language)
        runs: list[Run] = []
        for number, view in enumerate(views):
            run = tuple(word for each in view for word in each)
            fresh = len(run) - len(view[-1])
            if looked is None or (looked.role, looked.language) != (role, language):
                fresh = 0
            elif looked.utterance_id == newest.utterance.id:
                same = takewhile(
                    lambda pair: pair[0] == pair[1], zip(words[number], looked.views[number], strict=False)
                )
                fresh += sum(1 for _ in same)
            if run not in runs:
                runs.append(run)
                yield run, fresh

    def _cut(self, channel: _Channel) -> list[SpokenWords]:
        """The words of what is said; those that are known are not cut again."""
        transcript = Transcript(self.call, CallState.ACTIVE, None, ())
        words = []
        for said in (each for each in channel.said if each.text):
            known = channel.cut.get(said.id)
            words.append(known if known and known.utterance is said else spoken_words(transcript, said))
        channel.cut = {each.utterance.id: each for each in words}
        return words

    def _pattern(self, named: NamedRule, pattern: str, said: Utterance, heard: int) -> Iterator[AssistCard]:
        final = said.final
        for text in dict.fromkeys((final.text, final.spoken or final.text)):
            first = first_place(pattern, text)
            if first is not None:
                start = final.start + (final.end - final.start) * first // len(text)
                yield from self._give(named, _Place(said.id, start, heard, final.channel, said.id))

    def _emotion(self, final: Final, rules: RuleSet) -> Iterator[AssistCard]:
        name = utterance_id(self.call.id, final.channel, final.start)
        for named in self._fitting(rules.about(EmotionCondition), self._language_of(final.channel)):
            heard_by = self._role(final.channel) in SPEAKERS[named.rule.speaker]
            if isinstance(named.rule.when, EmotionCondition) and final.emotion in named.rule.when.emotions and heard_by:
                yield from self._give(named, _Place(name, final.start, final.end, final.channel, name))

    def _talk_over(self, rules: RuleSet) -> Iterator[AssistCard]:
        fitting = self._fitting(rules.about(TalkOverCondition), self._language)
        wanted = [(each, each.rule.when) for each in fitting]
        bounds = [(each, when.seconds) for each, when in wanted if isinstance(when, TalkOverCondition)]
        for start, end in self._at_once() if bounds else ():
            for named, seconds in bounds:
                if end - start >= seconds * self.call.sample_rate:
                    yield from self._give(named, _Place(start, start, end))

    def _at_once(self) -> Iterator[tuple[int, int]]:
        """Where two sides speak. A role is a side; a channel of neither role is one of its own."""
        trail = ms_to_samples(TRAIL_MS, self.call.sample_rate)
        spans = [
            (self._side(channel), span.start, span.end - (0 if span.settled else trail))
            for channel, known in self._channels.items()
            for span in known.spans
        ]
        for number, (side, start, end) in enumerate(spans):
            for other, begun, ended in spans[number + 1 :]:
                if side != other and max(start, begun) < min(end, ended):
                    yield max(start, begun), min(end, ended)

    def _side(self, channel: int) -> Role | int:
        role = self._role(channel)
        return role if role in (Role.AGENT, Role.CUSTOMER) else channel

    def _give(self, named: NamedRule, place: _Place) -> Iterator[AssistCard]:
        """Its card, unless it has held there already, or has given one so recently."""
        if (named.name, place.key) in self._seen:
            return
        self._seen.add((named.name, place.key))
        rule, last = named.rule, self._given.get(named.name)
        soon = rule.cool_down_s * self.call.sample_rate
        if last is not None and (rule.once or (soon and place.heard - last < soon)):
            return
        self._given[named.name] = place.heard
        yield AssistCard(
            id=card_id(self.call.id, named.name, place.key),
            rule=named.name,
            version=named.version,
            title=rule.title,
            text=rule.text,
            link=rule.link,
            severity=rule.severity,
            start=min(place.start, place.heard),
            heard=place.heard,
            channel=place.channel,
            utterance_id=place.utterance_id,
        )


def replay(transcript: Transcript, length: int, rules: RuleSet, language: str = UNKNOWN) -> tuple[AssistCard, ...]:
    """The cards that the rules would have given on a call of so many samples, from its finals alone.

    A card about words comes with the end of its utterance here; live, as soon as they are committed.
    """
    assist = CallAssist(transcript.call, language)
    cards: list[AssistCard] = []
    finals = sorted((utterance.final for utterance in transcript.utterances), key=lambda final: final.end)
    for number, final in enumerate(finals):
        cards += assist.understood(min(each.start for each in finals[number:]), rules)
        cards += assist.final(final, rules)
    cards += assist.understood(length, rules)
    return tuple(cards)
