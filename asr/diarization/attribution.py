"""Whose the words of a channel are: a diariser's turns brought together with utterances. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from asr.diarization.turns import Turn
from callscribe.domain.audio import ms_to_samples
from callscribe.domain.speaker import SpeakerTurn
from callscribe.domain.utterance import Utterance
from callscribe.text.speakers import TimedUnit, timed_units

ONSET_MS = 250
"""What of a word tells whose it is: engines let the word before a pause last into it, or up to the next word."""
OVERLAP_MS = 300
"""Speech of two at once within a turn from which on it counts as overlapped: a diariser's bounds are not exact."""


def attribute(utterances: Sequence[Utterance], turns: Sequence[Turn], rate: int) -> tuple[Utterance, ...]:
    """A channel's utterances with who says their words, by their starts; none where the diariser heard nobody.

    `turns` are of the channel's audio at `rate` Hz from the start of the call. A word is theirs whose speech covers
    most of its beginning; where nobody's does, theirs who speak nearest. An utterance is cut between words of different
    speakers.
    """
    if not turns:
        return ()
    numbers: dict[int, int] = {}
    overlaps = tuple(_overlaps(sorted(turns, key=lambda turn: turn.start)))
    found = []
    for utterance in sorted(utterances, key=lambda utterance: utterance.final.start):
        cut = []
        for speaker, start, end in _cut(utterance, turns, ms_to_samples(ONSET_MS, rate)):
            both = sum(_shared(start, end, *overlap) for overlap in overlaps)
            number = numbers.setdefault(speaker, len(numbers) + 1)
            cut.append(SpeakerTurn(number, start, end, overlapped=both >= ms_to_samples(OVERLAP_MS, rate)))
        found.append(replace(utterance, turns=tuple(cut)))
    return tuple(found)


def _cut(utterance: Utterance, turns: Sequence[Turn], onset: int) -> Iterator[tuple[int, int, int]]:
    """The utterance as speaker, start and end of each stretch without a change."""
    final = utterance.final
    units = timed_units(utterance) or (TimedUnit(0, final.start, final.end),)
    speakers = list(_speakers([replace(unit, end=min(unit.end, unit.start + onset)) for unit in units], turns))
    changes = [at for at in range(1, len(units)) if speakers[at] != speakers[at - 1]]
    bounds = [final.start, *(_bound(units[at - 1], units[at]) for at in changes), final.end]
    for at, (start, end) in zip([0, *changes], pairwise(bounds), strict=True):
        yield speakers[at], start, max(start, end)


def _speakers(units: Sequence[TimedUnit], turns: Sequence[Turn]) -> Iterator[int]:
    """Who says each unit; of several who cover it alike, who said the one before."""
    speaker = -1
    near = [turn for turn in turns if _shared(units[0].start, units[-1].end, turn.start, turn.end)] or turns
    for unit in units:
        covered: dict[int, float] = {}
        for turn in near:
            shared = _shared(unit.start, unit.end, turn.start, turn.end)
            covered[turn.speaker] = covered.get(turn.speaker, 0.0) + shared
        if any(covered.values()):
            speaker = max(covered, key=lambda each: (covered[each], each == speaker))
        else:
            speaker = min(near, key=lambda turn: max(turn.start - unit.middle, unit.middle - turn.end)).speaker
        yield speaker


def _bound(before: TimedUnit, after: TimedUnit) -> int:
    """The middle of the pause between two units."""
    return round(min(max((before.end + after.start) / 2, before.middle), after.middle))


def _overlaps(turns: Sequence[Turn]) -> Iterator[tuple[int, int]]:
    """Where two speak at once; `turns` by their starts."""
    for number, turn in enumerate(turns):
        for other in turns[number + 1 :]:
            if other.start >= turn.end:
                break
            if other.speaker != turn.speaker:
                yield other.start, min(turn.end, other.end)


def _shared(start: float, end: float, other_start: float, other_end: float) -> float:
    return max(0.0, min(end, other_end) - max(start, other_start))
