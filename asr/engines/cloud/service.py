"""What a speech service on the network does for an engine."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

from asr.completeness import judges, wants_more
from asr.joining import uncapitalised
from callscribe.domain.hotword import Hotword
from callscribe.domain.language import joined, units

USUAL_CONFIDENCE = 0.8
"""Of what a service tells no confidence of."""


@dataclass(frozen=True, slots=True)
class Request:
    """How audio is to be heard."""

    languages: tuple[str, ...]
    """Tags as the service writes them; where there are several it finds out which is spoken."""
    hotwords: tuple[Hotword, ...] = ()


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word, or a character of a script without blanks. Places are samples of what was sent."""

    text: str
    start: int
    end: int
    confidence: float
    """0 to 1."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What a service has understood of a stretch of audio."""

    text: str = ""
    confidence: float = 0.0
    """0 to 1: of the text."""
    words: tuple[HeardWord, ...] = ()
    """One a unit of the text (`callscribe.domain.language.units`); empty where not all have times."""
    language: str = ""
    """Tag of what was spoken, where the service was to find out."""
    billed_s: float | None = None
    """Seconds that the service says it bills; None: it does not say."""


NOTHING = Heard()
_GUESSED = " .,"


class Service(Protocol):
    """A speech service. Used on one event loop.

    All raise EngineUnavailable where nothing will help until somebody acts (credentials, quota, settings), with what to
    do, and RecognitionError where it may work the next time.
    """

    name: str
    """As `recognizer.engine` has it."""
    longest_s: float
    """Length that one request may have."""

    async def listen(self, request: Request, audio: AsyncIterator[bytes], tell: Callable[[Heard], None]) -> Heard:
        """Hear PCM16 (ENGINE_RATE, little endian, mono) as it comes, tell what is understood so far, and return what it
        was when it ends."""
        ...

    async def recognize(self, request: Request, pcm: bytes) -> Heard:
        """As `listen`, of audio that is there already."""
        ...

    def allowed_s(self, length_s: float) -> float:
        """Time that `recognize` may take beyond what an answer takes: some services want audio no faster than so."""
        ...

    async def close(self) -> None:
        """End all connections."""
        ...


def together(parts: Sequence[tuple[int, Heard]], language: str) -> Heard:
    """What was heard of stretches of one utterance, each with its first sample there, as one; `language` is the tag of
    what was spoken unless they tell it."""
    told = [(first, heard) for first, heard in parts if units(heard.text)]
    if not told:
        return NOTHING
    sizes = [len(units(heard.text)) for _, heard in told]
    text = ""
    words: list[HeardWord] = []
    for first, heard in told:
        part = heard.text
        if _goes_on(text, heard.language or language):
            text, part = text.rstrip(_GUESSED), uncapitalised(part)
        text = joined(text, part)
        words += (replace(word, start=first + word.start, end=first + word.end) for word in heard.words)
    return Heard(
        text=text,
        confidence=sum(size * heard.confidence for size, (_, heard) in zip(sizes, told, strict=True)) / sum(sizes),
        words=placed(text, words) if all(heard.words for _, heard in told) else (),
        language=told[sizes.index(max(sizes))][1].language,
    )


def _goes_on(text: str, language: str) -> bool:
    """True where a text, because of a pause, was given an end that it has not."""
    return judges(language) and (wants_more(text) or text.rstrip(_GUESSED)[-1:].isdigit())


def placed(text: str, words: Sequence[HeardWord]) -> tuple[HeardWord, ...]:
    """The words as units of the text, which is written with other blanks, capitals and marks than they; empty where it
    is another text."""
    letters = [letter for word in words for letter in _letters(word)]
    found: list[HeardWord] = []
    position = 0
    for unit in units(text):
        bare = bared(unit)
        spelled = letters[position : position + len(bare)]
        if not bare or bare != "".join(letter.text for letter in spelled):
            return ()
        confidence = min(letter.confidence for letter in spelled)
        found.append(HeardWord(unit, spelled[0].start, spelled[-1].end, confidence))
        position += len(bare)
    return tuple(found) if position == len(letters) else ()


def bared(text: str) -> str:
    """Letters and figures only, in small letters."""
    return "".join(filter(str.isalnum, text.casefold()))


def _letters(word: HeardWord) -> list[HeardWord]:
    """Its letters, which share its time evenly."""
    bare = bared(word.text)
    edges = [word.start + (word.end - word.start) * place // max(len(bare), 1) for place in range(len(bare) + 1)]
    return [HeardWord(letter, *edge, word.confidence) for letter, edge in zip(bare, pairwise(edges), strict=True)]
