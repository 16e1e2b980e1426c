"""Masks in place of what was found: in the text of a final or revision, in its words and all else that repeats them.
Pure."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from string import Formatter
from typing import TypeVar

from callscribe.domain.audio import ms_to_samples
from callscribe.domain.redaction import Redaction, RedactionKind, kinds_of
from callscribe.domain.transcript import Final, Revision, Word
from callscribe.text.redaction.numbers import is_card
from callscribe.text.redaction.symbols import Line, spells

DEFAULT_MASK = "[{kind}]"
LAST = 4
"""Digits of a card's, an account's or a telephone number that a mask may keep."""
GUESS_MS = 1_000
"""What is masked around words that an engine gave no times for."""
OTHER_ENGINE_MS = 150
"""By how much the word times of two engines may differ."""
_KEEPING = (RedactionKind.CARD, RedactionKind.ACCOUNT, RedactionKind.PHONE)
_KEEPING_FROM = 8
"""Digits of a number of which the last may be kept: of fewer they would be half of it."""

Text = TypeVar("Text", Final, Revision)


@dataclass(frozen=True, slots=True)
class RedactionPolicy:
    """What of a trunk's calls is masked, and how."""

    kinds: frozenset[RedactionKind] = frozenset()
    """Empty: nothing is."""
    mask: str = DEFAULT_MASK
    """What stands there instead: `{kind}` and `{last4}` are filled in."""

    @classmethod
    def of(cls, names: Iterable[str], mask: str = DEFAULT_MASK) -> "RedactionPolicy":
        """As a trunk's settings say it. Raises ValueError for names of no kind and for masks that cannot be filled."""
        try:
            fields = {name for _, name, _, _ in Formatter().parse(mask) if name is not None}
        except ValueError:
            fields = {"{"}
        if not mask.strip() or not fields <= {"kind", "last4"}:
            raise ValueError("redaction_mask must be a text in which {kind} and {last4} may stand, and no other braces")
        return cls(kinds_of(names), mask)

    def mask_of(self, kind: str, characters: str) -> str:
        """What stands in place of a number of these digits."""
        keeps = kind in _KEEPING and len(characters) >= _KEEPING_FROM
        keeps = keeps and (kind != RedactionKind.CARD or is_card(characters))
        text = self.mask.format(kind=kind, last4=characters[-LAST:] if keeps else "")
        return re.sub(r" +(?=\W)| +$", "", text)


@dataclass(frozen=True, slots=True)
class Masked:
    """A stretch of one text, and what stands there instead."""

    start: int
    """Its first character."""
    end: int
    """After its last."""
    kind: str
    mask: str


def masked_text(text: str, stretches: Sequence[Masked]) -> str:
    """The text with every stretch masked; `stretches` as `disjoint` gives them."""
    pieces, end = [], 0
    for stretch in stretches:
        pieces += [text[end : stretch.start], stretch.mask]
        end = stretch.end
    return "".join([*pieces, text[end:]])


def disjoint(stretches: Iterable[Masked]) -> tuple[Masked, ...]:
    """The stretches in their order; those that overlap are one, of the kind of the longest."""
    merged: list[Masked] = []
    for stretch in sorted(stretches, key=lambda found: (found.start, -found.end)):
        if merged and stretch.start < merged[-1].end:
            before = merged[-1]
            longest = max(before, stretch, key=lambda found: found.end - found.start)
            merged[-1] = replace(longest, start=before.start, end=max(before.end, stretch.end))
        else:
            merged.append(stretch)
    return tuple(merged)


def masked(said: Text, span: tuple[int, int], stretches: Sequence[Masked], rate: int) -> Text:
    """The final or revision with these stretches of its text masked everywhere in it, and told in `redactions`.

    `span`: its first sample, and the one after its last, for where its engine gave no word times; `rate` in Hz. The
    words of a stretch become one, with the times of all of them.
    """
    if not stretches:
        return said
    words = said.words
    owners = [_owner(place, stretches) for place in _word_places(said.text, words)]
    told: list[Redaction] = [
        _redaction(
            found, [word for word, owner in zip(words, owners, strict=True) if owner == n], len(said.text), span, rate
        )
        for n, found in enumerate(stretches)
    ]
    text = masked_text(said.text, stretches)
    corrections = tuple(c for c in said.corrections if c.phrase in text and not spells(Line(0, 0.0, 0.0, c.heard)))
    return replace(
        said,
        text=text,
        words=tuple(_masked_words(words, owners, stretches)),
        spoken="",
        corrections=corrections,
        redactions=tuple(sorted((*said.redactions, *told), key=lambda found: found.start)),
    )


def masked_where(
    final: Final, redactions: Sequence[Redaction], policy: RedactionPolicy, rate: int, around_ms: int = OTHER_ENGINE_MS
) -> Final:
    """The final with its words masked that were said at those times, or so near to them, and number words next to
    these. All of it is masked where it has no word times, or no word at one of them."""
    places = tuple(_word_places(final.text, final.words))
    around = ms_to_samples(around_ms, rate)
    stretches = []
    for told in redactions:
        then = [
            n for n, word in enumerate(final.words) if word.start < told.end + around and told.start - around < word.end
        ]
        start, end = 0, len(final.text)
        if then:
            first, last = _with_numbers_around(final.words, then[0], then[-1])
            start, end = places[first][0], places[last][1]
        if end > start:
            stretches.append(Masked(start, end, told.kind, policy.mask_of(told.kind, "")))
    return masked(final, (final.start, final.end), disjoint(stretches), rate)


def _with_numbers_around(words: Sequence[Word], first: int, last: int) -> tuple[int, int]:
    """The same words with those that spell digits, directly before and after them."""
    while first and _is_of_number(words[first - 1]):
        first -= 1
    while last + 1 < len(words) and _is_of_number(words[last + 1]):
        last += 1
    return first, last


def _is_of_number(word: Word) -> bool:
    return spells(Line(0, 0.0, 0.0, word.text))


def _owner(place: tuple[int, int], stretches: Sequence[Masked]) -> int | None:
    """Which stretch a word belongs to."""
    overlapping = (n for n, found in enumerate(stretches) if place[0] < found.end and found.start < place[1])
    return next(overlapping, None)


def _word_places(text: str, words: Sequence[Word]) -> Iterator[tuple[int, int]]:
    """Where in the text each word stands; of one that is written otherwise, all that it may stand for."""
    lowered = text.lower()
    found: list[tuple[int, int] | None] = []
    at = 0
    for word in words:
        known = word.text.lower().strip()
        start = lowered.find(known, at) if known else -1
        # Far away it is another one.
        near = 0 <= start <= at + 2 * len(known) + 24
        found.append((start, start + len(known)) if near else None)
        at = start + len(known) if near else at
    ends = [place for place in found if place]
    before = 0
    for place in found:
        if place:
            ends.pop(0)
            before = place[1]
        yield place or (before, max(before + 1, ends[0][0] if ends else len(text)))


def _masked_words(words: Sequence[Word], owners: Sequence[int | None], stretches: Sequence[Masked]) -> Iterator[Word]:
    open_by: int | None = None
    pending: Word | None = None
    for word, owner in zip(words, owners, strict=True):
        if pending is not None and owner == open_by:
            confidence = min(pending.confidence, word.confidence)
            pending = replace(pending, end=max(pending.end, word.end), confidence=confidence)
            continue
        if pending is not None:
            yield pending
        pending, open_by = None, owner
        if owner is None:
            yield word
        else:
            pending = replace(word, text=stretches[owner].mask)
    if pending is not None:
        yield pending


def _redaction(found: Masked, words: Sequence[Word], length: int, span: tuple[int, int], rate: int) -> Redaction:
    """When the stretch was said: as its words were. Without words, its share of `length` characters, and more."""
    if words:
        return Redaction(str(found.kind), min(word.start for word in words), max(word.end for word in words))
    (start, end), around = span, ms_to_samples(GUESS_MS, rate)
    first = start + (end - start) * found.start // max(length, 1)
    last = start + (end - start) * found.end // max(length, 1)
    return Redaction(str(found.kind), max(start, first - around), min(end, last + around))
