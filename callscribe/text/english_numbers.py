"""English number words and what they are worth. Each function reads from a word on, as far as it can. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from callscribe.text.reading import Word, follows


def _counted(words: str, first: int, step: int = 1) -> Mapping[str, int]:
    return {word: first + place * step for place, word in enumerate(words.split())}


UNITS = _counted("one two three four five six seven eight nine", 1)
TEENS = _counted("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen", 10)
TENS = _counted("twenty thirty forty fifty sixty seventy eighty ninety", 20, 10)
SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9}
ZEROS = ("zero", "oh", "o", "nought")
"""The letter is what engines write for the word."""
ORDINAL_UNITS = _counted("first second third fourth fifth sixth seventh eighth ninth", 1)
_ORDINAL_TEENS = _counted(
    "tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth", 10
)
_ORDINAL_TENS = _counted("twentieth thirtieth fortieth fiftieth sixtieth seventieth eightieth ninetieth", 20, 10)
_REPEATS = {"double": 2, "triple": 3}
_BELOW_HUNDRED = {**UNITS, **TEENS, **TENS}
_NUMBERS = {*_BELOW_HUNDRED, *SCALES, "hundred", "zero"}
_CENTURIES = range(16, 21)
_YEARS = range(1600, 2100)


@dataclass(frozen=True, slots=True)
class Number:
    """A number and the words that it takes."""

    words: int
    value: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures and the words that they take."""

    words: int
    text: str
    single: bool = False
    """Whether they were said one by one."""


def run_length(words: Sequence[Word], at: int) -> int:
    """How many words from `at` on belong to numbers and follow each other directly.

    What is read must be such a run, whole: a part of it is something else.
    """
    end = at
    while end < len(words) and (end == at or words[end].joined) and _in_run(words, end, end > at):
        end += 1
    return end - at


def _in_run(words: Sequence[Word], at: int, begun: bool) -> bool:
    word = words[at].text
    if word in _NUMBERS:
        return True
    more = follows(words, at + 1, _NUMBERS) or follows(words, at + 1, ZEROS)
    match word:
        case "oh" | "o" | "nought":
            return begun or more
        case "point":
            return begun and more
        case "and":
            return begun and _adds(words, at)
        case "a":
            return not begun and (follows(words, at + 1, SCALES) or follows(words, at + 1, ("hundred",)))
    return word in _REPEATS and more


def _adds(words: Sequence[Word], at: int) -> bool:
    """Whether the "and" at `at` joins parts of one number, and not two numbers: "one hundred and two hundred"."""
    before = words[at - 1].text
    if before not in SCALES and before != "hundred":
        return False
    rest = _below_thousand(words, at + 1) if follows(words, at + 1, _NUMBERS) else None
    if rest is None:
        return False
    if before == "hundred":
        return rest.value < 100
    return not follows(words, at + 1 + rest.words, SCALES)


def below_hundred(words: Sequence[Word], at: int) -> Number | None:
    """1 to 99."""
    word = words[at].text if at < len(words) else ""
    if word in TENS and follows(words, at + 1, UNITS):
        return Number(2, TENS[word] + UNITS[words[at + 1].text])
    return Number(1, _BELOW_HUNDRED[word]) if word in _BELOW_HUNDRED else None


def _below_thousand(words: Sequence[Word], at: int) -> Number | None:
    """1 to 999, and beyond it what is said in hundreds: "seventeen hundred"."""
    article = at < len(words) and words[at].text == "a"
    head = Number(1, 1) if article else below_hundred(words, at)
    if head is None or not follows(words, at + head.words, ("hundred",)):
        return head
    end = at + head.words + 1
    begin = end + follows(words, end, ("and",))
    rest = below_hundred(words, begin) if follows(words, begin, _BELOW_HUNDRED) else None
    if rest is None or follows(words, begin + rest.words, ("hundred",)):
        return Number(end - at, head.value * 100)
    return Number(begin + rest.words - at, head.value * 100 + rest.value)


def cardinal(words: Sequence[Word], at: int) -> Number | None:
    """0 to 999,999,999,999: "two thousand and six", "seventeen hundred", "a hundred and five"."""
    if words[at].text == "zero":
        return Number(1, 0)
    total, end = 0, at
    for scale in (10**9, 10**6, 10**3, 1):
        begin = end + (total > 0 and follows(words, end, ("and",)))
        group = _below_thousand(words, begin) if begin == at or follows(words, begin, _BELOW_HUNDRED) else None
        if group is None or _scale(words, begin + group.words) != scale:
            continue
        total += group.value * scale
        end = begin + group.words + (scale > 1)
    return Number(end - at, total) if total else None


def _scale(words: Sequence[Word], at: int) -> int:
    return SCALES[words[at].text] if follows(words, at, SCALES) else 1


def decimal(words: Sequence[Word], at: int) -> Figures | None:
    """Reads "three point one four", "zero point two five"; with more points a version: "two point one point three"."""
    whole = cardinal(words, at)
    if whole is None:
        return None
    text, end = str(whole.value), at + whole.words
    while follows(words, end, ("point",)):
        part = _fraction(words, end + 1)
        if part is None:
            return None
        text, end = f"{text}.{part.text}", end + 1 + part.words
    return Figures(end - at, text) if "." in text else None


def _fraction(words: Sequence[Word], at: int) -> Figures | None:
    """Digits one by one, or one number below a hundred."""
    end, text = at, ""
    while follows(words, end, UNITS) or follows(words, end, ZEROS):
        text += str(UNITS.get(words[end].text, 0))
        end += 1
    if text:
        return Figures(end - at, text)
    number = below_hundred(words, at)
    return Figures(number.words, str(number.value)) if number else None


def ordinal(words: Sequence[Word], at: int) -> Number | None:
    """First to ninety-ninth."""
    word = words[at].text if at < len(words) else ""
    if word in TENS and follows(words, at + 1, ORDINAL_UNITS):
        return Number(2, TENS[word] + ORDINAL_UNITS[words[at + 1].text])
    value = {**ORDINAL_UNITS, **_ORDINAL_TEENS, **_ORDINAL_TENS}.get(word)
    return Number(1, value) if value else None


def year(words: Sequence[Word], at: int) -> Number | None:
    """1600 to 2099 in two halves ("nineteen oh five") or as a cardinal ("two thousand and six"); a whole run."""
    run = run_length(words, at)
    if not run:
        return None
    century = below_hundred(words, at)
    if century and century.value in _CENTURIES:
        rest = two_digits(words, at + century.words)
        if rest and century.words + rest.words == run:
            return Number(run, century.value * 100 + rest.value)
    number = cardinal(words, at)
    return number if number and number.words == run and number.value in _YEARS else None


def two_digits(words: Sequence[Word], at: int) -> Number | None:
    """The second half of a year or a time that follows the first directly: "thirty", "oh five"."""
    if follows(words, at, ZEROS) and follows(words, at + 1, UNITS):
        return Number(2, UNITS[words[at + 1].text])
    number = below_hundred(words, at) if follows(words, at, _BELOW_HUNDRED) else None
    return number if number and number.value > 9 else None


def digits(words: Sequence[Word], at: int) -> Figures | None:
    """A whole run as digits, each word as it is written: "four oh two", "double four seven", "twenty two forty"."""
    run, text, single, end = run_length(words, at), "", True, at
    while end < at + run:
        part = _digits(words, end)
        if part is None:
            return None
        text, single, end = text + part.text, single and part.single, end + part.words
    return Figures(run, text, single) if run else None


def _digits(words: Sequence[Word], at: int) -> Figures | None:
    word = words[at].text
    if word in ZEROS:
        return Figures(1, "0", single=True)
    if word in _REPEATS and (follows(words, at + 1, UNITS) or follows(words, at + 1, ZEROS)):
        return Figures(2, str(UNITS.get(words[at + 1].text, 0)) * _REPEATS[word], single=True)
    if word in UNITS and follows(words, at + 1, ("hundred",)):
        return Figures(2, f"{UNITS[word]}00")
    number = below_hundred(words, at)
    return Figures(number.words, str(number.value), single=word in UNITS) if number else None
