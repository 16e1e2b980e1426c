"""Word times as FunASR's messages carry them: milliseconds from the start of the audio. Pure."""

import re
from collections.abc import Iterable, Iterator, Sequence

from callscribe.domain.audio import samples_to_ms
from callscribe.domain.language import units
from callscribe.domain.transcript import Final, Word
from callscribe.live.funasr.protocol import StampedSentence

Times = tuple[tuple[int, int], ...]

_MARKS_BEHIND = re.compile(r"[,.?!;:，。？！；：、…]+$")
_LETTERS = re.compile("[A-Za-z]+")
_PAGE_BREAKS = re.compile("[。？，、?. ,]")


def word_times(words: Iterable[Word], rate: int) -> Times:
    """Start and end of each word, which are told in samples at `rate` Hz."""
    return tuple((samples_to_ms(word.start, rate), samples_to_ms(word.end, rate)) for word in words)


def page_follows(text: str, times: Times) -> bool:
    """Whether FunASR's browser page finds a time for everything in the text: where it does not, it shows nothing.

    It takes the text apart at blanks and some marks, and counts one time for a piece of Latin letters, but one for each
    character of any other: with "it's" or "4" before the last word it may look beyond the end.
    """
    place = 0
    for piece in filter(None, _PAGE_BREAKS.split(text)):
        if place >= len(times):
            return False
        place += 1 if _LETTERS.fullmatch(piece) else len(piece)
    return True


def stamped_sentences(final: Final, rate: int) -> tuple[StampedSentence, ...]:
    """The words of a final with their times, cut behind each mark."""
    found = zip(_written(final), word_times(final.words, rate), strict=True)
    return tuple(_sentence(words) for words in _up_to_marks(found))


_Timed = tuple[str, tuple[int, int]]


def _written(final: Final) -> Sequence[str]:
    """The words with the marks that the text has behind them, where the two can be laid beside each other."""
    written = units(final.spoken or final.text)
    return written if len(written) == len(final.words) else [word.text for word in final.words]


def _up_to_marks(words: Iterable[_Timed]) -> Iterator[Sequence[_Timed]]:
    sentence: list[_Timed] = []
    for word in words:
        sentence.append(word)
        if _MARKS_BEHIND.search(word[0]):
            yield sentence
            sentence = []
    if sentence:
        yield sentence


def _sentence(words: Sequence[_Timed]) -> StampedSentence:
    mark = _MARKS_BEHIND.search(words[-1][0])
    times = tuple(time for _, time in words)
    return StampedSentence(
        text=" ".join(_MARKS_BEHIND.sub("", text) for text, _ in words),
        mark=mark.group() if mark else "",
        start=times[0][0],
        end=times[-1][1],
        times=times,
    )
