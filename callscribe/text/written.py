"""Inverse text normalisation: numbers, money, dates, times and telephone numbers written as people write them. Pure.

A language is a reader: at a word it tells how many words from there are one thing, and how that is written. What no
reading takes whole stays as it was spoken: "one of them", "twenty four seven", "nine eleven". A reading only ever
stands for the words that it took, and the spoken form is kept beside the written one.

docs/architecture.md tells why the rules are our own.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from callscribe.domain.language import primary
from callscribe.domain.transcript import Final, Revision
from callscribe.text import chinese, english
from callscribe.text.reading import Reading, Word, split_words

_READERS: Mapping[str, Callable[[Sequence[Word], int], Reading]] = {
    "en": english.read,
    "zh": chinese.read,
    "yue": chinese.read,
}
"""By ISO 639 code."""

Text = TypeVar("Text", Final, Revision)


def written(text: str, language: str, keep: Sequence[str] = ()) -> str:
    """The text with its numbers in figures; as it is in a language without rules.

    `language` is a BCP 47 tag. Phrases of `keep` stay as they are: whoever gave them said how they are written.
    """
    read = _READERS.get(primary(language))
    if read is None:
        return text
    pieces, end = [], 0
    kept = tuple(_places(text, keep))
    for start, stop, figures in _edits(split_words(text), read):
        if not any(start < last and first < stop for first, last in kept):
            pieces += [text[end:start], figures]
            end = stop
    return "".join([*pieces, text[end:]])


def write(said: Text, language: str) -> Text:
    """The final or revision with its text in figures and what was spoken beside it; once written it stays so."""
    if said.spoken:
        return said
    text = written(said.text, language, [correction.phrase for correction in said.corrections])
    return said if text == said.text else replace(said, text=text, spoken=said.text)


def _edits(words: Sequence[Word], read: Callable[[Sequence[Word], int], Reading]) -> Iterator[tuple[int, int, str]]:
    """First character, character after the last, and what is written there instead."""
    at = 0
    while at < len(words):
        reading = read(words, at)
        if reading.text is not None:
            yield words[at].start, words[at + reading.words - 1].end, reading.text
        at += reading.words


def _places(text: str, phrases: Sequence[str]) -> Iterator[tuple[int, int]]:
    for phrase in phrases:
        start = text.find(phrase) if phrase else -1
        while start >= 0:
            yield start, start + len(phrase)
            start = text.find(phrase, start + len(phrase))
