"""Words of a channel as the digits, letters and joints that they spell, over the borders of utterances. Pure."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from callscribe.text.chinese_numbers import DIGITS as CHINESE_DIGITS
from callscribe.text.english_numbers import TEENS, TENS, UNITS
from callscribe.text.reading import Word, split_words, vocabulary
from callscribe.text.redaction.moments import is_day
from callscribe.text.redaction.phrases import Cue, cues_in

FILLERS = vocabulary(
    "ah and dash er erm go hmm hyphen i mean mhm next no ok okay right so sorry space slash that's then uh uhhuh um"
    " wait yeah yep yes 嗯 呃 啊 哦 杠 然 后 是 的 好 对"
)
"""What may be said between the digits of one number, by whoever reads it out or somebody who listens."""
_ZEROS = {"zero": "0", "oh": "0", "o": "0", "nought": "0", "naught": "0", "nil": "0", "null": "0"}
_ONES = {**_ZEROS, **{word: str(value) for word, value in UNITS.items()}, "niner": "9", "fife": "5"}
_CHINESE = {**{sign: str(value) for sign, value in CHINESE_DIGITS.items()}, "洞": "0", "拐": "7", "勾": "9"}
_TWO_DIGITS = {**{word: str(value) for word, value in TEENS.items()}, **{word: str(v) for word, v in TENS.items()}}
_HOMOPHONES: Mapping[str, str] = {
    "to": "2", "too": "2", "tu": "2", "for": "4", "fore": "4", "won": "1", "ate": "8", "free": "3", "tree": "3",
    "owe": "0", "sicks": "6",
}  # fmt: skip
"""What recognisers write for a digit; only taken for one between two that are."""
MOST_STRAYS = 2
"""Words that a recogniser may make of a digit."""
DIGITS_BEFORE_STRAYS = 4
_DIGITS_AFTER_STRAYS = 3
_MISHEARD_IN_A_ROW = 3
_REPEATS = {"double": 2, "triple": 3, "treble": 3, "quadruple": 4}
_MAGNITUDES = vocabulary("thousand million billion 十 百 千 万 亿 萬 億")
_NOT_JOINING = re.compile(r"[$£€¥￥%:：°#]")
"""Marks that make a quantity, a price or a time of figures."""
_DATE = re.compile(
    r"(?<![\d-])(?:(?:19|20)\d\d[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:19|20)?\d\d)(?![\d-])"
)
_CODE = re.compile(r"[A-Z]{1,6}\d+[A-Z\d]*|\d+[A-Z][A-Z\d]*|[A-Z]{4,6}")
"""A group of letters and digits as it is written, in capitals."""
_FEW_LETTERS = re.compile(r"[A-Z]{2,3}")
"""The same of letters alone, where figures stand beside it: NL 62 ABN A44."""

NUMBER_WORDS = frozenset((*_ONES, *_TWO_DIGITS))
_SPELLING = frozenset((*_ONES, *_CHINESE, *_TWO_DIGITS, "at", "dot", "艾"))
_NOT_SURELY_NUMBERS = frozenset(("one", *_ZEROS))
_SPELLING_SIGN = re.compile(r"[\d@]")


def _is_number(word: str) -> bool:
    known = word in NUMBER_WORDS or word in _CHINESE
    return word.isdigit() or (known and word not in _NOT_SURELY_NUMBERS)


@dataclass(frozen=True)
class Line:
    """An utterance, or what of it was heard so far."""

    channel: int
    start_s: float
    """From the call's start."""
    end_s: float
    text: str

    @cached_property
    def words(self) -> tuple[Word, ...]:
        return split_words(self.text)

    @cached_property
    def dates(self) -> tuple[tuple[int, int], ...]:
        """Where there are dates in figures."""
        return tuple(found.span() for found in _DATE.finditer(self.text) if is_day(self.text, found))

    @cached_property
    def cues(self) -> tuple[Cue, ...]:
        return cues_in(self.text)

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """Where words stand that are surely of a number."""
        return tuple(word.start for word in self.words if _is_number(word.text))

    def is_date(self, word: Word) -> bool:
        return any(start <= word.start < end for start, end in self.dates)


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a channel and where it stands."""

    line: int
    """Index of its line."""
    word: Word
    written: str
    """As it stands in the text."""
    dated: bool = False
    """Whether it is a part of a date in figures."""

    @property
    def text(self) -> str:
        """In small letters."""
        return self.word.text


@dataclass(frozen=True, slots=True)
class Item:
    """Characters and the tokens that spell them."""

    characters: str
    """Digits 0 to 9, and capital letters where these were asked for."""
    first: int
    """Index of the first token."""
    end: int
    """Index after the last."""


def spells(line: Line) -> bool:
    """Whether there is anything in it that a number or an address is made of: most lines have nothing."""
    return any(word.text in _SPELLING or _SPELLING_SIGN.search(word.gap + word.text) for word in line.words)


def tokens_of(lines: Sequence[Line], channel: int, begin: int = 0) -> tuple[Token, ...]:
    """The words of a channel's lines in their order, from the line with index `begin` on."""
    return tuple(
        Token(index, word, line.text[word.start : word.end], line.is_date(word))
        for index, line in enumerate(lines)
        if index >= begin and line.channel == channel
        for word in line.words
    )


def runs(
    tokens: Sequence[Token], *, letters: bool = False, is_stray: Callable[[str], bool] | None = None
) -> Iterator[tuple[Item, ...]]:
    """Every longest row of items with nothing but fillers between; with `letters`, spelled ones count too.

    Within many digits a word or two may stand that are none, as where a recogniser misheard: those that `is_stray`.
    """
    run: list[Item] = []
    at = 0
    while at < len(tokens):
        item = _item(tokens, at, run, letters)
        if item is not None:
            if run and not _joins(tokens, run[-1].end, item.first):
                yield tuple(run)
                run = []
            run.append(item)
            at = item.end
            continue
        if run and tokens[at].text not in FILLERS:
            strays = _strays(tokens, at, run) if is_stray else 0
            if strays and is_stray and all(is_stray(token.text) for token in tokens[at : at + strays]):
                at += strays
                continue
            yield tuple(run)
            run = []
        at += 1
    if run:
        yield tuple(run)


def _strays(tokens: Sequence[Token], at: int, run: Sequence[Item]) -> int:
    """How many words stand there between digits on both sides; 0: they are no interruption."""
    if sum(len(item.characters) for item in run) < DIGITS_BEFORE_STRAYS:
        return 0
    for strays in range(1, MOST_STRAYS + 1):
        following, place = "", at + strays
        while place < len(tokens) and len(following) < _DIGITS_AFTER_STRAYS:
            item = _item(tokens, place, run, letters=False)
            if item is None:
                break
            following, place = following + item.characters, item.end
        if len(following) >= _DIGITS_AFTER_STRAYS:
            return strays
    return 0


def _joins(tokens: Sequence[Token], end: int, first: int) -> bool:
    """Whether the marks from the token at `end` to that at `first` leave one number."""
    return not any(_NOT_JOINING.search(tokens[at].word.gap) for at in range(end, first + 1))


def _item(tokens: Sequence[Token], at: int, run: Sequence[Item], letters: bool) -> Item | None:
    """What is spelled from the token on, None where it is no digit."""
    token = tokens[at]
    if token.dated:
        return None
    if figures := _figures(token.text):
        return Item(figures, at, at + 1)
    if letters and (code := _letters(token) or _few_letters(tokens, at)):
        return Item(code, at, at + 1)
    after = tokens[at + 1].text if at + 1 < len(tokens) else ""
    if token.text in _REPEATS and (one := _one(after) or (_HOMOPHONES.get(after) if run else None)):
        return Item(one * _REPEATS[token.text], at, at + 2)
    one = _ONES.get(token.text) or _CHINESE.get(token.text)
    if one and after not in _MAGNITUDES and not _is_magnitude(tokens, at):
        hundred = after == "hundred"
        return Item(one + "00" if hundred else one, at, at + 1 + hundred)
    if token.text in _TWO_DIGITS:
        return _two_digits(tokens, at, after)
    if token.text in _HOMOPHONES and run and (run[-1].end == at or len(run) > 1) and _goes_on(tokens, at + 1):
        return Item(_HOMOPHONES[token.text], at, at + 1)
    return None


def _goes_on(tokens: Sequence[Token], at: int) -> bool:
    """Whether a digit follows, behind more of what sounds like one."""
    for token in tokens[at : at + _MISHEARD_IN_A_ROW]:
        if token.text not in _HOMOPHONES:
            return _figures_or_word(token.text)
    return False


def _is_magnitude(tokens: Sequence[Token], at: int) -> bool:
    """Whether it counts what stands before: 二十五."""
    return at > 0 and tokens[at].word.joined and tokens[at - 1].text in "十百千万亿萬億"


def _two_digits(tokens: Sequence[Token], at: int, after: str) -> Item | None:
    text = tokens[at].text
    if text in TENS and after in UNITS:
        following = tokens[at + 2].text if at + 2 < len(tokens) else ""
        return None if following in _MAGNITUDES else Item(str(TENS[text] + UNITS[after]), at, at + 2)
    if after in _MAGNITUDES:
        return None
    hundred = after == "hundred"
    return Item(_TWO_DIGITS[text] + "00" * hundred, at, at + 1 + hundred)


def _letters(token: Token) -> str | None:
    if len(token.text) == 1 and token.text.isascii() and token.text.isalpha():
        return token.text.upper()
    return token.written if _CODE.fullmatch(token.written) else None


def _few_letters(tokens: Sequence[Token], at: int) -> str | None:
    """Such a group next to one with a figure in it."""
    written = tokens[at].written
    if not _FEW_LETTERS.fullmatch(written) or tokens[at].text in FILLERS:
        return None
    beside = (*tokens[max(0, at - 1) : at], *tokens[at + 1 : at + 2])
    return written if any(map(str.isdigit, "".join(token.text for token in beside))) else None


def _figures(text: str) -> str | None:
    """Figures of any script as those of ASCII."""
    return "".join(str(unicodedata.digit(sign)) for sign in text) if text.isdigit() else None


def _one(text: str) -> str | None:
    """What one word says that is one digit."""
    return _ONES.get(text) or _CHINESE.get(text) or _single(text)


def _single(text: str) -> str | None:
    return _figures(text) if len(text) == 1 else None


def _figures_or_word(text: str) -> bool:
    return bool(_figures(text) or text in _ONES or text in _TWO_DIGITS or text in _REPEATS)
