"""Hotwords as FunASR's clients write them, in any of the forms that are about. Pure."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from callscribe.domain.hotword import MAX_HOTWORD_CHARACTERS, MAX_HOTWORDS, MAX_WEIGHT, Hotword

_USUAL_WEIGHT = 20.0
"""What FunASR's examples give a word of ordinary importance."""
_LEAST_WEIGHT = 0.05
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
_COMMAS = re.compile("[,，、;；]")


def told_hotwords(written: object) -> tuple[Hotword, ...]:
    """The value of a `hotwords` field, as it was decoded from JSON.

    It may be an object of words and weights, such an object within a string, a list, a string of lines, or a string
    with commas or blanks between the words; weights may be strings. A FunASR weight of 20 is a weight of 1 here, one
    that is not above 0 leaves the word out. What is no hotword is left out too; of a word that comes twice the last
    weight counts.
    """
    found = dict(islice(_pairs(written), MAX_HOTWORDS))
    return tuple(Hotword(text, _scaled(weight)) for text, weight in found.items() if weight > 0)


def _scaled(weight: float) -> float:
    return min(max(weight / _USUAL_WEIGHT, _LEAST_WEIGHT), MAX_WEIGHT)


def _pairs(written: object) -> Iterator[tuple[str, float]]:
    """Words that can be hotwords, each with its weight as FunASR counts it."""
    for raw, weight in _all_pairs(written):
        text = " ".join(raw.split())
        if text and text.isprintable() and len(text) <= MAX_HOTWORD_CHARACTERS:
            yield text, weight


def _all_pairs(written: object) -> Iterator[tuple[str, float]]:
    if isinstance(written, Mapping):
        yield from ((str(text), _weight(weight)) for text, weight in written.items())
    elif isinstance(written, list):
        yield from (_last_number_apart(entry) for entry in written if isinstance(entry, str))
    elif isinstance(written, str):
        within = _json_within(written)
        yield from _of_text(written) if within is None else _all_pairs(within)


def _json_within(text: str) -> dict[str, object] | list[object] | None:
    """The object or list that the text is when read as JSON."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def _of_text(text: str) -> Iterable[tuple[str, float]]:
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > 1:
        return map(_last_number_apart, lines)
    if _COMMAS.search(text):
        return map(_last_number_apart, _COMMAS.split(text))
    return _between_blanks(text)


def _last_number_apart(entry: str) -> tuple[str, float]:
    """ "session border 20" as a phrase and its weight."""
    phrase, _, last = entry.strip().rpartition(" ")
    return (phrase, _weight(last)) if phrase and _NUMBER.fullmatch(last) else (entry, _USUAL_WEIGHT)


def _between_blanks(text: str) -> Iterator[tuple[str, float]]:
    """Words with blanks between; a number behind a word is its weight."""
    word = ""
    for token in text.split():
        if word and _NUMBER.fullmatch(token):
            yield word, _weight(token)
            word = ""
        else:
            if word:
                yield word, _USUAL_WEIGHT
            word = token
    if word:
        yield word, _USUAL_WEIGHT


def _weight(written: object) -> float:
    """A weight, be it a number or a string; the usual one where it is neither."""
    if isinstance(written, bool):
        return _USUAL_WEIGHT
    if isinstance(written, int | float):
        # Written out, a whole number beyond any float is infinite; as it is, it raises.
        return float(str(written)) if written == written else _USUAL_WEIGHT
    if isinstance(written, str) and _NUMBER.fullmatch(written.strip()):
        return float(written)
    return _USUAL_WEIGHT
