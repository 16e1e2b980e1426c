"""A text that a person wrote in place of an utterance's, and what stands where it is taken back. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from callscribe.domain.language import units
from callscribe.domain.transcript import PERSON, UNDONE, Final, Revision, Word
from callscribe.domain.utterance import Utterance
from callscribe.text.word_errors import normalise

LONGEST = 2_000
"""Words that a person's text has at most, unless the machine's has more; of a script without blanks, characters."""
COMPARED = 100_000
"""Pairs of words, of one text and the other, up to which it is worth its time to look for those that both have."""


def longest(utterance: Utterance) -> int:
    """How many words a person's text of it may have (callscribe.domain.language.units)."""
    said = max(len(units(text)) for text in (utterance.final.text, machine_text(utterance).text))
    return max(said, min(LONGEST, 4 * said + 200))


def corrected(utterance: Utterance, text: str, by: str) -> Revision:
    """The person's text as a revision; its words have the times of those that they stand in for."""
    written = " ".join(text.split())
    said = utterance.final
    times = retimed(written, utterance.words or said.words, (said.start, said.end))
    return Revision(utterance.id, written, 1.0, "", PERSON, words=times, redactions=utterance.newest.redactions, by=by)


def undone(utterance: Utterance, by: str) -> Revision:
    """What the machine had written last, as a revision that takes a person's text back."""
    heard = machine_text(utterance)
    if isinstance(heard, Revision):
        return replace(heard, reason=UNDONE, cost=0.0, by=by)
    return Revision(
        utterance_id=utterance.id,
        text=heard.text,
        confidence=heard.confidence,
        engine=heard.engine,
        reason=UNDONE,
        words=heard.words,
        spoken=heard.spoken,
        corrections=heard.corrections,
        hotword_lists=heard.hotword_lists,
        redactions=heard.redactions,
        by=by,
    )


def machine_text(utterance: Utterance) -> Final | Revision:
    """The newest text that no person wrote."""
    made = [revision for revision in utterance.revisions if not revision.by]
    return made[-1] if made else utterance.final


def retimed(text: str, words: Sequence[Word], span: tuple[int, int]) -> tuple[Word, ...]:
    """The words of `text` with places in time from `words`, another text of the same sound; none where these are none.

    Words that both have keep their times. Others share the time of the words in whose place they stand, by their
    letters, or the gap that they stand in; `span` is the utterance's. Of a script without blanks each character is one.
    Texts too long to be compared (COMPARED) share the whole time.
    """
    heard = [part for word in words for part in _parts(word)]
    if not heard:
        return ()
    written = units(text)
    if len(heard) * len(written) > COMPARED:
        return tuple(_shared(written, heard[0].start, max(word.end for word in heard)))
    matcher = SequenceMatcher(None, _bare(word.text for word in heard), _bare(written), autojunk=False)
    return tuple(
        word
        for kind, start, end, first, last in matcher.get_opcodes()
        for word in (
            _kept(written[first:last], heard[start:end])
            if kind == "equal"
            else _shared(written[first:last], *_room(heard, start, end, span))
        )
    )


def _bare(texts: Iterable[str]) -> list[str]:
    return [normalise(text) for text in texts]


def _parts(word: Word) -> Iterator[Word]:
    """The word by its characters where its script has no blanks, by its words where there are several."""
    return _shared(units(word.text), word.start, word.end)


def _kept(texts: Sequence[str], heard: Sequence[Word]) -> Iterator[Word]:
    return (replace(word, text=text, confidence=1.0) for text, word in zip(texts, heard, strict=True))


def _room(heard: Sequence[Word], start: int, end: int, span: tuple[int, int]) -> tuple[int, int]:
    """Where the words from `start` to `end` stand; where that is none, what lies between their neighbours."""
    if start < end:
        return heard[start].start, max(word.end for word in heard[start:end])
    begin = heard[start - 1].end if start else min(span[0], heard[0].start)
    return begin, max(begin, heard[start].start if start < len(heard) else span[1])


def _shared(texts: Sequence[str], start: int, end: int) -> Iterator[Word]:
    """The words one after the other, each with a part of the time that goes by its letters."""
    total = sum(map(len, texts))
    done = 0
    for text in texts:
        begin = start + (end - start) * done // total
        done += len(text)
        yield Word(text, begin, start + (end - start) * done // total, 1.0)
