"""How English words sound, roughly, by their letters, Chinese ones by their pinyin, and how far two of them are apart.

Own rules in the manner of Metaphone (Philips, "Hanging on the Metaphone", Computer Language 7, 1990), but vowels stay,
at half the weight of consonants. The distance is that of Wagner and Fischer ("The string-to-string correction problem",
JACM 21, 1974) with costs for which sounds that a telephone confuses are near each other.
"""

import re
from functools import lru_cache

from asr.pinyin import is_han, pinyin_sounds

CLASSES = ("aeiou", "pbfvw", "tdT", "szSCJ", "kg", "mn", "lr", "y", "h")
"""Sounds of a class may stand for each other at less than full cost. S is sh, C ch, J as in judge, T th."""
_COSTS = (0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.25)
"""Of a sound of each class that is there or not."""
_WITHIN_CLASS, _VOICING = 0.5, 0.2
_PAIRS = frozenset(("pb", "fv", "td", "kg", "sz", "SC", "CJ", "SJ"))
"""The same sound with voice and without, or nearly."""
_CLASS_OF = {sound: number for number, sounds in enumerate(CLASSES) for sound in sounds}

_FIGURES = dict(enumerate(("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")))
_RULES = (
    (r"\b(?:kn|gn|pn)", "n"),
    (r"\bwr", "r"),
    (r"\bps", "s"),
    (r"\bx", "z"),
    (r"sch", "sk"),
    (r"tch|ch(?![rl])", "C"),
    (r"sh|[tsc]i(?=o[nu]|a[ln])", "S"),
    (r"th", "T"),
    (r"ph", "f"),
    (r"(?<=[aeiou])gh(?=t|\b)", ""),
    (r"wh", "w"),
    (r"d?g(?=[eiy])|j", "J"),
    (r"m[bn]\b", "m"),
    (r"ng(?=k|\b)", "n"),
    (r"s?c(?=[eiy])", "s"),
    (r"qu(?=e\b)|ck|ch|c|k", "k"),
    (r"qu?", "kw"),
    (r"x", "ks"),
    (r"(?<=[aeiouy])[wh](?![aeiouy])", ""),
    (r"(?<=[^aeiouy\s])e\b", ""),
    (r"y(?=[aeiou])", "y"),
    (r"ee|ea|ei|ey|ie|i|y", "i"),
    (r"oo|ou|ue|ew|eu|u", "u"),
    (r"oa|au|o", "o"),
    (r"ai|a", "a"),
    (r"[a-z]", r"\g<0>"),
)
"""What letters sound like: the first rule that fits goes."""
_LETTERS = re.compile("|".join(f"({pattern})" for pattern, _ in _RULES))
_DOUBLED = re.compile(r"(.)\1+")


@lru_cache(maxsize=20_000)
def sounds_of(word: str) -> str:
    """The sounds of a word, one character each; nothing for what has no letter and no figure."""
    if is_han(word):
        return pinyin_sounds(word)
    figured = re.sub("[0-9]", lambda figure: _FIGURES[int(figure.group())], word.lower())
    spelled = re.sub("[^a-z]", "", figured)
    heard = _LETTERS.sub(lambda found: _RULES[(found.lastindex or 1) - 1][1].replace(r"\g<0>", found.group()), spelled)
    return _DOUBLED.sub(r"\1", heard)


def weight_of(sounds: str) -> float:
    """How much there is to hear: consonants count 1, vowels half."""
    return sum(_COSTS[_CLASS_OF[sound]] for sound in sounds)


def class_counts(sounds: str) -> tuple[int, ...]:
    """How many sounds of each class but h: half of what two words differ here is a lower bound of their distance."""
    return tuple(sum(sound in kind for sound in sounds) for kind in CLASSES[:-1])


def distance(one: str, other: str, limit: float) -> float:
    """The least cost of edits that turn one's sounds into the other's; `limit` or more where it is not below it."""
    row = [0.0]
    for sound in other:
        row.append(row[-1] + _COSTS[_CLASS_OF[sound]])
    for sound in one:
        gone = _COSTS[_CLASS_OF[sound]]
        above, row = row, [row[0] + gone]
        for place, rival in enumerate(other):
            come = _COSTS[_CLASS_OF[rival]]
            row.append(min(above[place] + _exchange(sound, rival), above[place + 1] + gone, row[place] + come))
        if min(row) >= limit:
            return limit
    return row[-1]


@lru_cache(maxsize=1024)
def _exchange(one: str, other: str) -> float:
    if one == other:
        return 0.0
    if one + other in _PAIRS or other + one in _PAIRS:
        return _VOICING
    kinds = _CLASS_OF[one], _CLASS_OF[other]
    costs = [_COSTS[kind] for kind in kinds]
    return _WITHIN_CLASS * max(costs) if kinds[0] == kinds[1] else max(costs)
