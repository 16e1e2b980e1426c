"""Phrases found in what a recogniser heard: across utterances, with gaps, and however numbers are written. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from callscribe.domain.measures import Span, speech_of
from callscribe.domain.scores import Evidence
from callscribe.domain.utterance import Transcript, Utterance
from callscribe.text.scorecard import GAP, WantedPhrase
from callscribe.text.tokens import Token, tokens
from callscribe.text.written import written

GAP_WORDS = 8
"""Words that a gap stands for at most."""
BREATH_MS = 2000
"""A phrase goes on in a speaker's next utterance when that begins within this."""
LETTERS_PER_SLIP = 4
"""A word must have so many letters for each that may differ."""


class Heard(NamedTuple):
    """A word as it was heard."""

    utterance: Utterance
    text: str
    """That it is of."""
    token: Token
    start_ms: int


Run = tuple[Heard, ...]
"""Words of one channel without a longer breath between."""


class SpokenWords(NamedTuple):
    """An utterance's words."""

    utterance: Utterance
    spoken: Run
    """With numbers as they were spoken."""
    figures: Run
    speech: Span


class Form(NamedTuple):
    """A phrase as it may have been written: the words before, between and behind its gaps."""

    parts: tuple[tuple[str, ...], ...]
    distance: int
    """Letters in which a word may differ, one for each LETTERS_PER_SLIP that it has at most."""
    gap: int
    """Words that a gap stands for at most."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What one channel said, once with numbers as they were spoken, and once in figures."""

    channel: int
    runs: tuple[Run, ...]


def streams(transcript: Transcript, channels: Iterable[int]) -> tuple[Stream, ...]:
    """The words of each channel's newest texts."""
    return tuple(Stream(channel, tuple(_runs(transcript, channel))) for channel in channels)


def find(phrases: Iterable[WantedPhrase], heard: Iterable[Stream]) -> tuple[Evidence, ...]:
    """Everywhere that one of the phrases is said, in the order of time."""
    each = (forms_of(tuple(phrase.text.split(GAP)), phrase.distance, GAP_WORDS) for phrase in phrases)
    forms = tuple(dict.fromkeys(form for forms in each for form in forms))
    found: list[Evidence] = []
    for run in (run for stream in heard for run in stream.runs):
        places = _places(run)
        found += [_evidence(run[start:end]) for form in forms for start, end in _matches(form, run, places)]
    return tuple(sorted(dict.fromkeys(found), key=lambda evidence: (evidence.start_ms, -len(evidence.quote))))


def match(form: Form, run: Run, at: int, failed: set[tuple[int, int]] | None = None) -> int | None:
    """The word behind the last where the phrase begins at `at`, by the shortest gaps.

    `failed`: for all places of a form in a run, so that none of its parts is tried twice at a word.
    """
    return _match(form, 0, run, at, set() if failed is None else failed)


def slips(wanted: str, distance: int) -> int:
    """Letters in which a word may differ from it."""
    return min(distance, len(wanted) // LETTERS_PER_SLIP)


def alike(wanted: str, heard: str, distance: int) -> bool:
    """Whether a heard word is a wanted one."""
    if wanted == heard:
        return True
    most = slips(wanted, distance)
    if not most or abs(len(wanted) - len(heard)) > most:
        return False
    # Each letter that one has and the other has not takes a slip: most words are told apart by that alone.
    one, other = _letters(wanted), _letters(heard)
    if (one & ~other).bit_count() > most or (other & ~one).bit_count() > most:
        return False
    return _near(wanted, heard, most)


def forms_of(parts: tuple[str, ...], distance: int, gap: int) -> tuple[Form, ...]:
    """A phrase whose parts may have `gap` words between them: as it stands, and with the numbers in it as figures.

    `distance`: letters in which a word may differ. Which rules read numbers does not depend on the call: a phrase is of
    its rule's language, and a language's rules leave other scripts alone.
    """
    writers: tuple[Callable[[str], str], ...] = (
        str,
        lambda part: written(part, "en"),
        lambda part: written(part, "zh"),
    )
    written_parts = (tuple(tokens(write(part)) for part in parts) for write in writers)
    forms = (tuple(tuple(token.text for token in part) for part in each) for each in written_parts)
    return tuple(Form(form, distance, gap) for form in dict.fromkeys(forms))


def spoken_words(transcript: Transcript, utterance: Utterance) -> SpokenWords:
    """The words of an utterance's newest text, which has some."""
    spoken, figures = (tuple(_heard(transcript, utterance, view)) for view in (_spoken, _figures))
    return SpokenWords(utterance, spoken, figures, speech_of(transcript, utterance))


def breaths(said: Iterable[SpokenWords]) -> Sequence[Sequence[SpokenWords]]:
    """One channel's utterances, those together that phrases may go on in."""
    found: list[list[SpokenWords]] = []
    for words in said:
        if not found or words.speech.start - found[-1][-1].speech.end > BREATH_MS:
            found.append([])
        found[-1].append(words)
    return found


def _runs(transcript: Transcript, channel: int) -> Iterator[Run]:
    said = (utterance for utterance in transcript.utterances if utterance.final.channel == channel and utterance.text)
    for breath in breaths(spoken_words(transcript, utterance) for utterance in said):
        spoken = tuple(word for each in breath for word in each.spoken)
        figures = tuple(word for each in breath for word in each.figures)
        yield spoken
        if figures != spoken:
            yield figures


def _spoken(utterance: Utterance) -> str:
    return utterance.newest.spoken or utterance.text


def _figures(utterance: Utterance) -> str:
    return utterance.text if utterance.newest.spoken else written(utterance.text, utterance.final.language)


def _heard(transcript: Transcript, utterance: Utterance, view: Callable[[Utterance], str]) -> Iterator[Heard]:
    """The words of a text with their starts: those of the words that an engine timed where they are the same, else by
    their place in the text."""
    text = view(utterance)
    timed = [word.start for word in utterance.words for _ in tokens(word.text)]
    cut, span = tokens(text), speech_of(transcript, utterance)
    for number, token in enumerate(cut):
        if len(timed) == len(cut):
            start_ms = transcript.ms(timed[number])
        else:
            start_ms = span.start + span.length * token.start // len(text)
        yield Heard(utterance, text, token, start_ms)


def _places(run: Run) -> Mapping[str, Sequence[int]]:
    """Where each of its words stands."""
    places: dict[str, list[int]] = {}
    for place, heard in enumerate(run):
        places.setdefault(heard.token.text, []).append(place)
    return places


def _matches(form: Form, run: Run, places: Mapping[str, Sequence[int]]) -> Iterator[tuple[int, int]]:
    """First word and the one behind the last of each place, none of which overlap."""
    first, behind = form.parts[0][0], 0
    if slips(first, form.distance):
        begun = sorted(place for text, found in places.items() if alike(first, text, form.distance) for place in found)
    else:
        begun = [*places.get(first, ())]
    for at in begun:
        end = match(form, run, at) if at >= behind else None
        if end is not None:
            yield at, end
            behind = end


def _match(form: Form, number: int, run: Run, at: int, failed: set[tuple[int, int]]) -> int | None:
    """As `match`, where the part of this number begins at `at`."""
    if (number, at) in failed:
        return None
    part = form.parts[number]
    end = at + len(part)
    found = None
    if end <= len(run) and all(
        alike(wanted, heard.token.text, form.distance) for wanted, heard in zip(part, run[at:end], strict=True)
    ):
        last = number + 1 == len(form.parts)
        ends = (_match(form, number + 1, run, end + skipped, failed) for skipped in range(form.gap + 1))
        found = end if last else next((each for each in ends if each is not None), None)
    if found is None:
        failed.add((number, at))
    return found


@lru_cache(maxsize=8192)
def _letters(word: str) -> int:
    """Those that it has, a bit for each; some share one."""
    bits = 0
    for letter in word:
        bits |= 1 << ord(letter) % 64
    return bits


@lru_cache(maxsize=4096)
def _near(one: str, other: str, slips: int) -> bool:
    return _differing(one, other) <= slips


def _differing(one: str, other: str) -> int:
    """Letters to put in, take out or change (Levenshtein)."""
    row = list(range(len(other) + 1))
    for number, letter in enumerate(one, start=1):
        diagonal, row[0] = row[0], number
        for place, compared in enumerate(other, start=1):
            diagonal, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, diagonal + (letter != compared))
    return row[-1]


def _evidence(words: Run) -> Evidence:
    """Quoted is what stands from the first word to the last, of each utterance that it is in."""
    quotes: dict[UUID, tuple[str, int, int]] = {}
    for word in words:
        text, start, _ = quotes.get(word.utterance.id, (word.text, word.token.start, 0))
        quotes[word.utterance.id] = text, start, word.token.end
    quote = " ".join(text[start:end] for text, start, end in quotes.values())
    return Evidence(words[0].start_ms, words[0].utterance.id, quote)
