"""Word n-grams with back-off, from a file in ARPA's format, as SRILM, KenLM's lmplz and others write it.

The format is that of SRILM's manual, ngram-format(5); the back-off is Katz's ("Estimation of probabilities from sparse
data for the language model component of a speech recognizer", IEEE Transactions on Acoustics, Speech and Signal
Processing 35, 1987).
"""

import gzip
import math
import re
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from callscribe.domain.errors import EngineUnavailable
from callscribe.domain.language import units
from callscribe.text.word_errors import DIGITS

BEGIN, END, UNKNOWN_WORD = "<s>", "</s>", "<unk>"
SUFFIXES = (".arpa", ".arpa.gz")
"""Of the files' names."""
_COUNT = re.compile(r"ngram\s+(\d+)\s*=\s*(\d+)")
_SECTION = re.compile(r"\\(\d+)-grams:")
_MARKS = re.compile(r"[^\w'’]|_")
_MOST_ORDERS = 10


class _Malformed(Exception):
    """A line that does not belong into the format."""


@dataclass(frozen=True, slots=True)
class _Table:
    """The n-grams of one length, 16 bytes each, sorted by key."""

    keys: NDArray[np.uint64]
    """Row of an n-gram's first words in the table before, times the number of words, plus its last word."""
    log10: NDArray[np.float32]
    backoff: NDArray[np.float32]
    """Logarithm to base 10 of what is left for words that do not follow."""

    def row(self, key: int) -> int | None:
        row = int(np.searchsorted(self.keys, np.uint64(key)))
        return row if row < len(self.keys) and int(self.keys[row]) == key else None


class NgramModel:
    """Probabilities of texts, word by word, each given the words before it; a LanguageModel."""

    def __init__(self, words: dict[str, int], tables: Sequence[_Table]) -> None:
        """`words` has the number of each word, from 0, which is its row in the first table."""
        self._words, self._tables = words, tables
        listed = [row for word, row in words.items() if word != BEGIN]
        # Where a file has no unknown words, one is as rare as the rarest that it has.
        self._rarest = float(tables[0].log10[listed].min()) if listed else 0.0

    def log_probabilities(self, texts: Sequence[str]) -> tuple[float, ...]:
        """As a LanguageModel's: of each text as a sentence of its own, from <s> to </s>."""
        return tuple(self._log10(text) * math.log(10.0) for text in texts)

    def _log10(self, text: str) -> float:
        begin, end = ([self._words[mark]] if mark in self._words else [] for mark in (BEGIN, END))
        sentence = [*begin, *self._rows_of(text), *end]
        reach = len(self._tables) - 1
        return sum(
            self._log10_after(sentence[max(0, place - reach) : place], sentence[place])
            for place in range(len(begin), len(sentence))
        )

    def _log10_after(self, history: Sequence[int | None], word: int | None) -> float:
        """Of a word, given those before it, of which the nearest stands last."""
        if word is None:
            word = self._words.get(UNKNOWN_WORD)
        penalty = 0.0
        for start in range(len(history)):
            context = self._row(history[start:])
            if context is None:
                continue
            order = len(history) - start
            found = self._tables[order].row(context * len(self._words) + word) if word is not None else None
            if found is not None:
                return penalty + float(self._tables[order].log10[found])
            penalty += float(self._tables[order - 1].backoff[context])
        return penalty + (self._rarest if word is None else float(self._tables[0].log10[word]))

    def _row(self, words: Sequence[int | None]) -> int | None:
        """Row of an n-gram in the table of its length; None: it is not listed."""
        row: int | None = None
        for order, word in enumerate(words):
            number = self._words.get(UNKNOWN_WORD) if word is None else word
            if number is None:
                return None
            row = number if order == 0 else self._tables[order].row((row or 0) * len(self._words) + number)
            if row is None:
                return None
        return row

    def _rows_of(self, text: str) -> Iterator[int | None]:
        """The words of a text as this model writes them; None for one that it does not know."""
        for unit in units(text.replace("-", " ")):
            word = _MARKS.sub("", unit).strip("'’")
            if word:
                yield from self._spelled(word)

    def _spelled(self, word: str) -> Iterator[int | None]:
        plain = word.replace("’", "'")
        bare = plain.replace("'", "")
        for spelling in (plain, plain.lower(), plain.upper(), bare.lower(), bare.upper()):
            if spelling in self._words:
                yield self._words[spelling]
                return
        if word.isascii() and word.isdigit():
            said = [DIGITS[int(digit)] for digit in word]
            yield from (self._words.get(one, self._words.get(one.upper())) for one in said)
        else:
            yield None


def read_arpa(path: Path) -> NgramModel:
    """The model of a file in ARPA's format, which may be gzip's: 16 bytes an n-gram, and more for each different word.

    Raises EngineUnavailable, in one sentence, for a file that is none or cannot be read.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            return _Reading(file).model()
    except _Malformed as error:
        raise EngineUnavailable(f"{path} is no language model in ARPA's format: {error}") from error
    except UnicodeDecodeError as error:
        raise EngineUnavailable(
            f"{path} is no language model in ARPA's format: it is no text (binary ones of KenLM's are not read)"
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise EngineUnavailable(f"the language model {path} cannot be read: {error}") from error


class _Reading:
    """A file on its way to a model."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = ((number, line.strip()) for number, line in enumerate(lines, 1))
        self._words: dict[str, int] = {}
        self._tables: list[_Table] = []

    def model(self) -> NgramModel:
        """Raises _Malformed."""
        counts = self._counts()
        for order in range(1, len(counts) + 1):
            self._read(order, counts[order - 1])
        if self._next() != "\\end\\":
            raise _Malformed(_displaced("\\end\\", len(counts)))
        return NgramModel(self._words, self._tables)

    def _next(self) -> str:
        """The next line that has something on it. Raises _Malformed at the end."""
        for _, line in self._lines:
            if line:
                return line
        raise _Malformed("it ends too early")

    def _counts(self) -> list[int]:
        """How many n-grams there are of each length; what stands before them is for people."""
        if not any(line == "\\data\\" for _, line in self._lines):
            raise _Malformed(r"\data\ is missing")
        counts: list[int] = []
        while (line := self._next()) != "\\1-grams:":
            told = _COUNT.fullmatch(line)
            if told is None or int(told[1]) != len(counts) + 1 or len(counts) == _MOST_ORDERS:
                raise _Malformed(f"{line[:40]!r} where a count belongs")
            counts.append(int(told[2]))
        if not counts or not counts[0]:
            raise _Malformed("it has no words")
        return counts

    def _read(self, order: int, count: int) -> None:
        if order > 1 and self._next() != f"\\{order}-grams:":
            raise _Malformed(_displaced(f"\\{order}-grams:", order - 1))
        numbers, log10, backoff = array("q"), array("f"), array("f")
        for _ in range(count):
            place, line = next(((place, line) for place, line in self._lines if line), (0, ""))
            try:
                probability, *rest = line.split()
                log10.append(float(probability))
                backoff.append(float(rest[order]) if len(rest) > order else 0.0)
                words = rest[:order]
                numbers.extend(self._number(word, order) for word in words)
                if len(words) != order or len(rest) > order + 1:
                    raise ValueError
            except (ValueError, KeyError):
                raise _Malformed(
                    f"line {place} is no {order}-gram of its words" if place else "it ends too early"
                ) from None
        if order == 1 and len(self._words) != count:
            raise _Malformed("a word stands in it twice")
        self._tables.append(self._table(np.frombuffer(numbers, np.int64).reshape(count, order), log10, backoff))

    def _number(self, word: str, order: int) -> int:
        """Raises KeyError for a word of a longer n-gram that is not among the first."""
        if order == 1:
            return self._words.setdefault(word, len(self._words))
        return self._words[word]

    def _table(self, numbers: NDArray[np.int64], log10: Sequence[float], backoff: Sequence[float]) -> _Table:
        """Raises _Malformed for an n-gram whose first words are none of the table before."""
        keys = numbers[:, 0].astype(np.uint64)
        for order in range(1, numbers.shape[1]):
            if order > 1:
                keys = self._rows(order, keys)
            keys = keys * np.uint64(len(self._words)) + numbers[:, order].astype(np.uint64)
        sorting = np.argsort(keys, kind="stable")
        return _Table(keys[sorting], np.asarray(log10, np.float32)[sorting], np.asarray(backoff, np.float32)[sorting])

    def _rows(self, order: int, keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Rows of n-grams by their keys. Raises _Malformed where one is not listed."""
        listed = self._tables[order - 1].keys
        rows = np.minimum(np.searchsorted(listed, keys), max(0, len(listed) - 1))
        if len(keys) and (not len(listed) or not np.array_equal(listed[rows], keys)):
            raise _Malformed(f"the first words of a {order + 1}-gram are not among the {order}-grams")
        return rows.astype(np.uint64)


def _displaced(line: str, order: int) -> str:
    return f"{line} is missing, or there are more {order}-grams than it tells"
