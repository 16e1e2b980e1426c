"""Words that people put where the recogniser wrote something else: what a hotword list may lack. Pure.

A hotword has to be rare: words that are common are left out, because preferring them makes more errors than it mends.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from uuid import UUID

from callscribe.domain.corrected import CorrectedUtterance
from callscribe.domain.language import UNBROKEN, joined, units
from callscribe.text.word_errors import normalise

LONGEST = 4
"""Words, or characters of a script without blanks: what is longer was said anew rather than heard wrong."""
EXAMPLES = 5
_EDGES = re.compile(r"^\W+|\W+$")
_ENDS = re.compile(r"[.?!。？！]\W*$")
_UNBROKEN = re.compile(rf"[{UNBROKEN}]+")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A word or phrase for a hotword list."""

    text: str
    """As people wrote it most often."""
    count: int
    """Utterances into which people put it."""
    calls: int
    """Different calls of these."""
    heard: tuple[str, ...]
    """What the recogniser had written there, the most frequent first."""
    examples: tuple[UUID, ...]
    """Some of the utterances, the newest first."""


@dataclass(frozen=True, slots=True)
class _Place:
    written: str
    heard: str
    said: CorrectedUtterance


def suggest(
    corrected: Iterable[CorrectedUtterance],
    listed: Collection[str],
    is_common: Callable[[str], bool],
    least_calls: int,
) -> tuple[Suggestion, ...]:
    """What people put in on at least `least_calls` calls, and no list has; what most calls need comes first.

    `corrected` come newest first; `listed` are texts of hotwords; `is_common` tells of a word in lower case.
    """
    known = {normalise(text) for text in listed}
    places: dict[str, list[_Place]] = defaultdict(list)
    for said in corrected:
        for written, heard in _replaced(said, is_common):
            places[normalise(written)].append(_Place(written, heard, said))
    found = [_suggestion(each) for key, each in places.items() if key and key not in known]
    wanted = [each for each in found if each.calls >= least_calls]
    return tuple(sorted(wanted, key=lambda each: (-each.calls, -each.count, each.text)))


def _suggestion(places: Sequence[_Place]) -> Suggestion:
    utterances = list(dict.fromkeys(place.said.utterance_id for place in places))
    heard = Counter(place.heard for place in places if place.heard)
    return Suggestion(
        text=Counter(place.written for place in places).most_common(1)[0][0],
        count=len(utterances),
        calls=len({place.said.call_id for place in places}),
        heard=tuple(text for text, _ in heard.most_common(EXAMPLES)),
        examples=tuple(utterances[:EXAMPLES]),
    )


def _replaced(said: CorrectedUtterance, is_common: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    """What stands where the live text has something else, each with that."""
    heard, written = units(said.live), units(said.text)
    matcher = SequenceMatcher(None, [*map(normalise, heard)], [*map(normalise, written)], autojunk=False)
    for kind, start, end, first, last in matcher.get_opcodes():
        if kind == "replace" and last - first <= LONGEST:
            for begin, stop in _candidates(written, first, last, is_common):
                yield _bare(written[begin:stop]), _bare(heard[start:end])


def _candidates(
    written: Sequence[str], first: int, last: int, is_common: Callable[[str], bool]
) -> Iterator[tuple[int, int]]:
    """Where in the text a hotword may stand.

    One character of a script without blanks is no word: with which neighbor it is one, other calls tell.
    """
    if all(_UNBROKEN.match(text) for text in written[first:last]):
        around = ((first, last),) if last - first > 1 else ((first - 1, last), (first, last + 1))
        yield from (
            (begin, stop)
            for begin, stop in around
            if begin >= 0 and stop <= len(written) and all(map(_UNBROKEN.match, written[begin:stop]))
        )
        return
    telling = [place for place in range(first, last) if _is_telling(written, place, is_common)]
    if len(telling) > 1 or (telling and not _is_plain(written[telling[0]], is_common)):
        yield telling[0], telling[-1] + 1


def _is_telling(written: Sequence[str], place: int, is_common: Callable[[str], bool]) -> bool:
    """Not common, or a name: a capital within a sentence."""
    opens = place == 0 or _ENDS.search(written[place - 1]) is not None
    return not _is_plain(written[place], is_common) or (not opens and _EDGES.sub("", written[place])[:1].isupper())


def _is_plain(text: str, is_common: Callable[[str], bool]) -> bool:
    word = _EDGES.sub("", text)
    return not any(map(str.isalpha, word)) or is_common(word.lower())


def _bare(texts: Sequence[str]) -> str:
    return _EDGES.sub("", joined(*texts))
