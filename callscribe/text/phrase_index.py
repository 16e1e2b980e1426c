"""Many phrases looked for at once in words that keep coming. Pure.

What is looked for is found by its first word, so that a word costs little however many phrases there are, and only
where a word has come that was not there before.
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from callscribe.text.phrases import Form, Run, alike, match, slips

_WORDS_KEPT = 4096
"""Heard words of which is remembered what begins with them, over all calls."""


class _Wanted(NamedTuple):
    number: int
    form: Form
    words: int
    """That it spans at most."""


class PhraseIndex:
    """Sets of phrases by the words that begin them. It may be shared by calls, and is made in a thread."""

    def __init__(self, sets: Sequence[Iterable[Form]]) -> None:
        """Of each set the forms that `forms_of` made."""
        self._exact: dict[str, list[_Wanted]] = {}
        self._inexact: dict[int, dict[tuple[str, int], list[_Wanted]]] = {}
        """By the letters that a word may have, then by first word and distance."""
        self._longest = 0
        for number, forms in enumerate(sets):
            for form in forms:
                self._add(_Wanted(number, form, sum(map(len, form.parts)) + form.gap * (len(form.parts) - 1)))
        self._begun_by = lru_cache(maxsize=_WORDS_KEPT)(self._beginning)

    def places(self, run: Run, fresh: int, numbers: Container[int]) -> Iterator[tuple[int, int]]:
        """Number of the set and first word of each place that could not be found before the word `fresh` came.

        `numbers`: sets that are looked for.
        """
        failed: dict[int, set[tuple[int, int]]] = {}
        for at in range(max(fresh - self._longest + 1, 0), len(run)):
            for wanted in self._begun_by(run[at].token.text):
                if at + wanted.words <= fresh or wanted.number not in numbers:
                    continue
                end = match(wanted.form, run, at, failed.setdefault(id(wanted), set()))
                if end is not None and end > fresh:
                    yield wanted.number, at

    def _add(self, wanted: _Wanted) -> None:
        self._longest = max(self._longest, wanted.words)
        first, distance = wanted.form.parts[0][0], wanted.form.distance
        most = slips(first, distance)
        if not most:
            self._exact.setdefault(first, []).append(wanted)
        for letters in range(len(first) - most, len(first) + most + 1) if most else ():
            self._inexact.setdefault(letters, {}).setdefault((first, distance), []).append(wanted)

    def _beginning(self, word: str) -> tuple[_Wanted, ...]:
        """What may begin with the word."""
        near = (
            wanted
            for (first, distance), each in self._inexact.get(len(word), {}).items()
            if alike(first, word, distance)
            for wanted in each
        )
        return (*self._exact.get(word, ()), *near)
