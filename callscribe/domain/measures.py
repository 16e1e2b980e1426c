"""What is measured of a call by who spoke when. Pure; times are milliseconds from the call's start.

An interruption is simultaneous speech after which the other side has the floor: "simple" in the terms of N. Ferguson
(Simultaneous speech, interruptions and dominance, 1977) and G. Beattie (Turn-taking and interruption in political
interviews, 1982), whom A. Gravano and J. Hirschberg follow on telephone-like speech (A Corpus-Based Study of
Interruptions in Spoken Dialogue, Interspeech 2012). They also ask whether what was broken off was complete; times do
not tell that, so bounds stand for it: one side begins a turn while the other speaks, they speak at once for at least
OVERLAP_MS (less is an early answer), the other stops within YIELD_MS, and who began goes on for at least FLOOR_MS, past
the other's end (less is a sign of listening, such as "mhm").
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise

from callscribe.domain.call import Call, ChannelHold, Role
from callscribe.domain.language import units
from callscribe.domain.utterance import Transcript, Utterance

TURN_PAUSE_MS = 500
"""Speech of one side that is nearer than this is one turn."""
OVERLAP_MS = 200
YIELD_MS = 2000
FLOOR_MS = 1000


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a call."""

    start: int
    end: int
    """Exclusive."""

    @property
    def length(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class ChannelMeasures:
    """What one channel did."""

    channel: int
    """Its index."""
    role: Role
    speech_ms: int
    words: int
    """Of the newest texts as they were spoken; characters, in scripts without blanks."""
    interruptions: tuple[int, ...] = ()
    """Where it began to interrupt the other side."""

    @property
    def words_per_minute(self) -> float | None:
        """Words in a minute of its own speech; None where it said nothing."""
        return round(self.words * 60_000 / self.speech_ms, 1) if self.speech_ms else None


@dataclass(frozen=True, slots=True)
class CallMeasures:
    """What a call was like."""

    channels: tuple[ChannelMeasures, ...]
    longest_silence: Span
    """In which no channel speaks, from the call's first sample to its last; where recording is paused nobody knows."""
    overtalk_ms: int
    """For how long more than one side speaks, or more than one of the speakers that were told apart on a channel."""

    hold_ms: int | None = None
    """For how long a channel was on hold by signalling; None where telephony could not tell."""
    longest_hold: Span | None = None
    """The first of the longest, empty where there was none; None as before."""

    @property
    def agent_speech_ms(self) -> int:
        return self.speech_of(Role.AGENT)

    @property
    def customer_speech_ms(self) -> int:
        return self.speech_of(Role.CUSTOMER)

    @property
    def talk_ratio(self) -> float | None:
        """The agent's share of what both speak, 0 to 1; None where neither does, or one of them has no channel."""
        both = self.agent_speech_ms + self.customer_speech_ms
        heard = self.of(Role.AGENT) and self.of(Role.CUSTOMER)
        return round(self.agent_speech_ms / both, 4) if both and heard else None

    @property
    def sides(self) -> int:
        """Those that channels tell apart: a role is a side, a channel of neither role is one of its own."""
        return len({_side(channel.channel, channel.role) for channel in self.channels})

    @property
    def interruptions(self) -> int:
        return sum(len(channel.interruptions) for channel in self.channels)

    def of(self, role: Role) -> tuple[ChannelMeasures, ...]:
        """The channels of a role."""
        return tuple(channel for channel in self.channels if channel.role is role)

    def speech_of(self, role: Role) -> int:
        return sum(channel.speech_ms for channel in self.of(role))

    def words_per_minute(self, role: Role) -> float | None:
        """As ChannelMeasures has it, of all channels of a role."""
        spoken = self.speech_of(role)
        return round(sum(channel.words for channel in self.of(role)) * 60_000 / spoken, 1) if spoken else None


def measure(transcript: Transcript, length_ms: int, holds: Iterable[ChannelHold] | None = None) -> CallMeasures:
    """The measures of a call that lasted so long, by the newest texts. `holds`: None where nobody knows of any."""
    call = transcript.call
    roles = _roles(call, transcript.utterances)
    said = {channel: _speech(transcript, channel) for channel in roles}
    sides: dict[Role | int, list[Span]] = {}
    for channel, spans in said.items():
        sides.setdefault(_side(channel, roles[channel]), []).extend(spans)
    turns = {side: _joined(spans, TURN_PAUSE_MS) for side, spans in sides.items()}
    channels = tuple(
        ChannelMeasures(
            channel=channel,
            role=role,
            speech_ms=_length(said[channel]),
            words=sum(_words(spoken) for spoken in transcript.utterances if spoken.final.channel == channel),
            interruptions=tuple(
                turn.start
                for turn in _joined(said[channel], TURN_PAUSE_MS)
                if any(_interrupts(turn, others) for side, others in turns.items() if side != _side(channel, role))
            ),
        )
        for channel, role in roles.items()
    )
    every = [span for spans in sides.values() for span in spans]
    at_once = (span for one, other in combinations(sides.values(), 2) for span in _shared(one, other))
    held = None if holds is None else _held(transcript, holds)
    return CallMeasures(
        channels=channels,
        longest_silence=_longest_gap([*every, *_paused(transcript, length_ms)], length_ms),
        overtalk_ms=_length(_joined([*at_once, *_overlapped(transcript)])),
        hold_ms=None if held is None else _length(held),
        longest_hold=None if held is None else max(held, key=lambda span: span.length, default=Span(0, 0)),
    )


def speech_of(transcript: Transcript, utterance: Utterance) -> Span:
    """Where the utterance is spoken: from its first word to its last where their times are known."""
    final, words = utterance.final, utterance.words or utterance.final.words
    start = max(final.start, words[0].start) if words else final.start
    end = min(final.end, words[-1].end) if words else final.end
    return Span(transcript.ms(start), transcript.ms(max(start, end)))


def _roles(call: Call, utterances: Iterable[Utterance]) -> dict[int, Role]:
    known = {channel.index: channel.role for channel in call.channels}
    heard = {utterance.final.channel for utterance in utterances}
    return {channel: known.get(channel, Role.UNKNOWN) for channel in sorted(known.keys() | heard)}


def _side(channel: int, role: Role) -> Role | int:
    return role if role in (Role.AGENT, Role.CUSTOMER) else channel


def _speech(transcript: Transcript, channel: int) -> tuple[Span, ...]:
    """Of utterances whose text no revision took away."""
    spoken = (said for said in transcript.utterances if said.final.channel == channel and said.text.strip())
    return _joined(speech_of(transcript, said) for said in spoken)


def _overlapped(transcript: Transcript) -> Iterator[Span]:
    """Where more than one of a channel's speakers speak."""
    for utterance in transcript.utterances:
        for turn in utterance.turns:
            if turn.overlapped and utterance.text.strip():
                yield Span(transcript.ms(turn.start), transcript.ms(turn.end))


def _words(utterance: Utterance) -> int:
    return len(units(utterance.newest.spoken or utterance.text))


def _paused(transcript: Transcript, length_ms: int) -> Iterator[Span]:
    for pause in transcript.call.pauses:
        end = length_ms if pause.end is None else transcript.ms(pause.end)
        yield Span(transcript.ms(pause.start), end)


def _held(transcript: Transcript, holds: Iterable[ChannelHold]) -> tuple[Span, ...]:
    return _joined(Span(transcript.ms(hold.start), transcript.ms(hold.end)) for hold in holds)


def _joined(spans: Iterable[Span], gap: int = 0) -> tuple[Span, ...]:
    """In order, and as one what overlaps or is at most `gap` apart."""
    joined: list[Span] = []
    for span in sorted(spans, key=lambda span: span.start):
        if joined and span.start - joined[-1].end <= gap:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return tuple(joined)


def _length(spans: Iterable[Span]) -> int:
    return sum(span.length for span in spans)


def _shared(some: Iterable[Span], others: Collection[Span]) -> Iterator[Span]:
    for one in some:
        for other in others:
            if one.start < other.end and other.start < one.end:
                yield Span(max(one.start, other.start), min(one.end, other.end))


def _longest_gap(spans: Iterable[Span], length_ms: int) -> Span:
    """The first of the longest."""
    edged = (Span(0, 0), *_joined(spans), Span(length_ms, length_ms))
    gaps = (Span(before.end, after.start) for before, after in pairwise(edged) if after.start > before.end)
    return max(gaps, key=lambda gap: gap.length, default=Span(0, 0))


def _interrupts(turn: Span, others: Iterable[Span]) -> bool:
    return turn.length >= FLOOR_MS and any(
        other.start < turn.start and other.end < turn.end and OVERLAP_MS <= other.end - turn.start <= YIELD_MS
        for other in others
    )
