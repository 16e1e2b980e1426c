"""Hotwords in a text file or CSV: what is read, and what is skipped and why. Pure."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from callscribe.domain.hotword import MAX_HOTWORD_CHARACTERS, MAX_HOTWORDS, MAX_WEIGHT, Hotword

_HEADINGS = ("word", "words", "hotword", "hotwords", "text", "phrase", "term", "name")
_UNCLOSED = "its quotation marks do not close, so it and what follows is left out"
_QUOTED = re.compile(r'"[^"]*"')
_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class SkippedLine:
    """A line that gave no hotword."""

    line: int
    """1 for the first."""
    text: str
    why: str
    """For people, without a full stop."""


@dataclass(frozen=True, slots=True)
class HotwordFile:
    """What a file holds."""

    words: tuple[Hotword, ...]
    """Each once, in the file's order."""
    skipped: tuple[SkippedLine, ...]
    """Empty lines and comments are none."""


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    text: str
    weight: str
    """As it is written; "" where there is none."""


def read_text(text: str) -> HotwordFile:
    """One word or phrase a line, where a tab or comma follows with a weight after it. "#" begins a comment line."""
    lines = enumerate(text.removeprefix(_BYTE_ORDER_MARK).splitlines(), 1)
    return _read(_row(line, written) for line, written in lines if written.strip() and not written.startswith("#"))


def read_csv(text: str) -> HotwordFile:
    """The first column is the word or phrase, the second its weight; "," or ";" or tab between, a heading or none."""
    lines = io.StringIO(text.removeprefix(_BYTE_ORDER_MARK), newline="").readlines()
    mark = _mark(lines)
    reader = csv.reader(lines, delimiter=mark, strict=True)
    read: list[tuple[int, list[str]]] = []
    broken: tuple[SkippedLine, ...] = ()
    try:
        read.extend((reader.line_num, row) for row in reader)
    except csv.Error:
        last = read[-1][0] if read else 0
        broken = (SkippedLine(last + 1, lines[last].strip(), _UNCLOSED),)
    rows = [(line, row) for line, row in read if any(cell.strip() for cell in row)]
    if rows and rows[0][1][0].strip().lower() in _HEADINGS:
        rows = rows[1:]
    found = _read(_Row(line, row[0], _weight(row, mark)) for line, row in rows)
    return HotwordFile(found.words, found.skipped + broken)


def _mark(lines: Sequence[str]) -> str:
    """What stands between cells: what most lines have; of two the one that is rarer within words."""
    return max("\t;,", key=lambda mark: sum(mark in _QUOTED.sub("", line) for line in lines))


def _weight(row: Sequence[str], mark: str) -> str:
    """As it is written, but with a point: where ";" stands between cells a comma may stand before decimals."""
    weight = row[1].strip() if len(row) > 1 else ""
    return weight if mark == "," else weight.replace(",", ".")


def write_text(words: Sequence[Hotword]) -> str:
    """As `read_text` reads it; a weight of 1 is left out unless a comma in the text would be taken for its mark."""
    return "".join(
        f"{word.text}\t{word.weight:g}\n" if word.weight != 1.0 or "," in word.text else f"{word.text}\n"
        for word in words
    )


def write_csv(words: Sequence[Hotword]) -> str:
    """As `read_csv` reads it, with a heading."""
    written = io.StringIO(newline="")
    csv.writer(written).writerows([("word", "weight"), *((word.text, f"{word.weight:g}") for word in words)])
    return written.getvalue()


def _row(line: int, written: str) -> _Row:
    mark = max(written.rfind("\t"), written.rfind(","))
    if mark < 0:
        return _Row(line, written, "")
    return _Row(line, written[:mark], written[mark + 1 :].strip())


def _read(rows: Iterable[_Row]) -> HotwordFile:
    words: dict[str, Hotword] = {}
    skipped = []
    for row in rows:
        text = " ".join(row.text.split())
        why = _fault(text, row.weight, words)
        if why:
            skipped.append(SkippedLine(row.line, text, why))
        else:
            words[text] = Hotword(text, float(row.weight or 1.0))
    return HotwordFile(tuple(words.values()), tuple(skipped))


def _fault(text: str, weight: str, before: dict[str, Hotword]) -> str:
    """Why it gives no hotword; "": it does."""
    if not text:
        return "there is no word"
    if len(text) > MAX_HOTWORD_CHARACTERS:
        return f"it has {len(text)} characters; {MAX_HOTWORD_CHARACTERS} are allowed"
    if not text.isprintable():
        return "it holds characters that cannot be printed"
    if text in before:
        return "it stands in the file before"
    if len(before) == MAX_HOTWORDS:
        return f"a list has at most {MAX_HOTWORDS} words"
    return _fault_of_weight(weight)


def _fault_of_weight(weight: str) -> str:
    if not weight:
        return ""
    try:
        number = float(weight)
    except ValueError:
        return f"{weight!r} is no weight"
    return "" if 0 < number <= MAX_WEIGHT else f"a weight is above 0 and at most {MAX_WEIGHT:g}"
