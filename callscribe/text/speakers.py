"""An utterance's text cut where its speaker changes. What is cut is the newest text, whoever wrote it. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from callscribe.domain.language import units
from callscribe.domain.speaker import SpeakerTurn
from callscribe.domain.transcript import Final, Revision, Word
from callscribe.domain.utterance import Utterance
from callscribe.text.word_errors import normalise


@dataclass(frozen=True, slots=True)
class Piece:
    """What one speaker says of an utterance."""

    turn: SpeakerTurn
    text: str
    """Part of the utterance's text, never empty."""


@dataclass(frozen=True, slots=True)
class TimedUnit:
    """A word of a text, or a character of a script without blanks, and when it was said."""

    place: int
    """Index in the text of its first character."""
    start: float
    """Samples from the start of the call."""
    end: float
    """Samples from the start of the call, exclusive."""

    @property
    def middle(self) -> float:
        return (self.start + self.end) / 2


def pieces(utterance: Utterance) -> tuple[Piece, ...]:
    """The utterance's text by its speakers, in order; empty where they were not told apart. Together the pieces are the
    whole text. A turn of which the text has nothing gives no piece."""
    if not utterance.turns:
        return ()
    text = utterance.text
    timed = timed_units(utterance)
    bounds = [turn.end for turn in utterance.turns[:-1]]
    places = [next((unit.place for unit in timed if unit.middle >= bound), len(text)) for bound in bounds]
    spans = zip([0, *places], [*places, len(text)], strict=True)
    cut = [text[start:end].strip() for start, end in spans]
    return tuple(Piece(turn, part) for turn, part in zip(utterance.turns, cut, strict=True) if part)


def timed_units(utterance: Utterance) -> tuple[TimedUnit, ...]:
    """When each word of the newest text was said.

    What is written as an engine heard it has the engine's times, the newest that there are. What stands between (a
    figure, a person's correction) shares the time between evenly, and so does a text without any times.
    """
    text = utterance.text
    written = units(text)
    heard = [unit for word in _heard(utterance) for unit in _spread(word)]
    matcher = SequenceMatcher(None, _folded(written), _folded([word.text for word in heard]), autojunk=False)
    timed: list[TimedUnit] = []
    place, last = 0, float(utterance.final.start)
    spoken: list[tuple[float, float]]
    for _, first, end, heard_first, heard_end in matcher.get_opcodes():
        after = heard[heard_end].start if heard_end < len(heard) else utterance.final.end
        spoken = [(word.start, word.end) for word in heard[heard_first:heard_end]]
        if len(spoken) != end - first:
            start, until = (spoken[0][0], spoken[-1][1]) if spoken else (last, max(last, after))
            spoken = list(_shares(start, until, end - first))
        for unit, (start, until) in zip(written[first:end], spoken, strict=True):
            place = text.index(unit, place)
            timed.append(TimedUnit(place, start, until))
            place += len(unit)
        last = spoken[-1][1] if spoken else last
    return tuple(timed)


def _heard(utterance: Utterance) -> Sequence[Word]:
    readings: list[Final | Revision] = [*reversed(utterance.revisions), utterance.final]
    return next((reading.words for reading in readings if reading.words), ())


def _spread(word: Word) -> Iterator[Word]:
    """A word of several units as one word for each."""
    parts = units(word.text)
    for part, (start, end) in zip(parts, _shares(word.start, word.end, len(parts)), strict=True):
        yield Word(part, round(start), round(end), word.confidence)


def _shares(start: float, end: float, count: int) -> Iterator[tuple[float, float]]:
    for number in range(count):
        yield start + (end - start) * number / count, start + (end - start) * (number + 1) / count


def _folded(words: Sequence[str]) -> list[str]:
    return [normalise(word) or word for word in words]
