"""What of a conversation's last utterances must be masked. Pure.

Digits are joined over fillers, marks and the borders of a channel's utterances into runs; the run's checksum, its shape
and the nearest word that tells of a number, by whoever said it, decide what it is. What repeats a part of a number that
was found, on any channel, is of the same kind.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, pairwise

from callscribe.domain.redaction import RedactionKind
from callscribe.text.reading import vocabulary
from callscribe.text.redaction import numbers
from callscribe.text.redaction.cues import PERHAPS_OTHER, cue_after, cue_before, is_stray
from callscribe.text.redaction.emails import emails
from callscribe.text.redaction.moments import LEADS, tells_time
from callscribe.text.redaction.phrases import OTHER
from callscribe.text.redaction.places import Finding, places
from callscribe.text.redaction.symbols import (
    DIGITS_BEFORE_STRAYS,
    FILLERS,
    MOST_STRAYS,
    Item,
    Line,
    Token,
    runs,
    tokens_of,
)

PAUSE_S = 15.0
"""How long somebody may pause within a number."""
_REPEATED = 3
"""Digits that are taken for a part of a number that was found."""
_WHOLE = 7
"""Digits of a number that may be repeated in parts."""
_FEWEST_BY_CUE = {
    RedactionKind.CARD: 4,
    RedactionKind.ACCOUNT: 4,
    RedactionKind.PHONE: 6,
    RedactionKind.NATIONAL_ID: 4,
    RedactionKind.SECURITY_CODE: 3,
    RedactionKind.EXPIRY: 2,
}
"""Digits that are a number of the kind where somebody has just said that one follows."""
_MOST_BY_CUE = {RedactionKind.SECURITY_CODE: 6, RedactionKind.EXPIRY: 8}
_SHORT = (RedactionKind.SECURITY_CODE, RedactionKind.EXPIRY)
_LONG = 10
"""Digits that are taken for a card's or a telephone number where nothing tells of them."""
_LONGER = 12
_QUANTITY = 7
"""Digits up to which a unit behind them makes them one."""
_UNITS = vocabulary(
    "dollars dollar bucks pounds euros euro cents pence percent am pm p o'clock minutes minute hours hour days day"
    " weeks months years degrees miles kilos kilometers items boxes people street avenue road points shares units"
    " transactions payments customers users employees members messages visits bottles pieces pages copies seats rooms"
    " 元 块 毛 点 岁 年 月 日 号 分 秒 个 度 楼 层 室"
)
_YEAR = re.compile(r"(?:19|20)\d\d")
_MONTHS = vocabulary(
    "january february march april may june july august september october november december jan feb mar apr jun jul aug"
    " sep sept oct nov dec"
)


@dataclass(frozen=True, slots=True)
class Run:
    """Digits of a channel that belong together."""

    items: tuple[Item, ...]
    tokens: tuple[Token, ...]
    """All of the channel."""

    @property
    def characters(self) -> str:
        return "".join(item.characters for item in self.items)

    @property
    def first(self) -> Token:
        return self.tokens[self.items[0].first]

    @property
    def last(self) -> Token:
        return self.tokens[self.items[-1].end - 1]

    @property
    def at_end(self) -> bool:
        """Whether nothing but fillers follows, and what may be misheard of more: it may go on."""
        rest = [token.text for token in self.tokens[self.items[-1].end :] if token.text not in FILLERS]
        misheard = len(rest) <= MOST_STRAYS and len(self.characters) >= DIGITS_BEFORE_STRAYS
        return not rest or (misheard and all(map(is_stray, rest)))

    def by_line(self) -> "Iterator[Run]":
        """What of it each line has."""
        for _, items in groupby(self.items, key=lambda item: self.tokens[item.first].line):
            yield Run(tuple(items), self.tokens)

    def finding(self, kind: str) -> Finding:
        first = self.items[0].first
        month = kind == RedactionKind.EXPIRY and first and self.tokens[first - 1].text in _MONTHS
        inside = [self.tokens[first - 1]] if month else []
        for line in self.by_line():
            inside += self.tokens[line.items[0].first : line.items[-1].end]
        return Finding(kind, self.characters, places(inside))


def find(lines: Sequence[Line], kinds: Collection[RedactionKind]) -> tuple[Finding, ...]:
    """What of these kinds the lines hold; `lines` of all channels, in the order in which they were said."""
    found: list[Finding] = []
    rest: list[Run] = []
    for channel in sorted({line.channel for line in lines}):
        of_channel, unknown = _find_in(lines, tokens_of(lines, channel), kinds)
        found += of_channel
        rest += unknown
    return (*found, *_repeated(rest, found))


def find_more(
    lines: Sequence[Line], tokens: tuple[Token, ...], kinds: Collection[RedactionKind], known: Sequence[Finding]
) -> tuple[Finding, ...]:
    """The same of some words of one channel, where `known` is what was found before."""
    found, rest = _find_in(lines, tokens, kinds)
    return (*found, *_repeated(rest, (*known, *found)))


def _find_in(
    lines: Sequence[Line], tokens: tuple[Token, ...], kinds: Collection[RedactionKind]
) -> tuple[list[Finding], list[Run]]:
    """What the words of a channel hold, and numbers of which nothing tells what they are."""
    found: list[Finding] = list(emails(lines, tokens)) if RedactionKind.EMAIL in kinds else []
    rest: list[Run] = []
    for run in runs_of(lines, tokens):
        kind = _kind_of(lines, run)
        if kind and kind in kinds:
            found.append(run.finding(kind))
        elif kind is None:
            rest.append(run)
    if RedactionKind.ACCOUNT in kinds:
        found += _ibans(lines, tokens)
    return found, rest


def runs_of(lines: Sequence[Line], tokens: tuple[Token, ...]) -> Iterator[Run]:
    """The runs of one channel; one that pauses too long is two."""
    for items in runs(tokens, is_stray=is_stray):
        begin = 0
        for at, (before, after) in enumerate(pairwise(items), 1):
            ended, goes_on = lines[tokens[before.end - 1].line], lines[tokens[after.first].line]
            if ended is not goes_on and goes_on.start_s - ended.end_s > PAUSE_S:
                yield Run(items[begin:at], tokens)
                begin = at
        yield Run(items[begin:], tokens)


def _kind_of(lines: Sequence[Line], run: Run) -> str | None:
    """A RedactionKind or OTHER; None where nothing tells."""
    digits, cue = run.characters, cue_before(lines, run.first) or cue_after(lines, run.last)
    if is_counted(run):
        return cue if cue == RedactionKind.EXPIRY else OTHER
    if _holds_card(run):
        return RedactionKind.CARD
    if cue not in _SHORT and tells_time(_read_out(run), _word_before(run), of_phone=cue == RedactionKind.PHONE):
        return OTHER
    if cue and cue not in (OTHER, PERHAPS_OTHER):
        kind = RedactionKind(cue)
        if _FEWEST_BY_CUE[kind] <= len(digits) <= _MOST_BY_CUE.get(kind, len(digits)):
            return kind
    if _is_international(lines, run):
        return RedactionKind.PHONE
    if cue == OTHER or _are_years(run):
        return OTHER
    return _by_shape(lines, run) or (None if cue == PERHAPS_OTHER else _by_length(run))


def _word_before(run: Run) -> str:
    """In its utterance; "" where it begins with the run."""
    first = run.items[0].first
    before = run.tokens[first - 1] if first else None
    return before.text if before and before.line == run.first.line else ""


def _read_out(run: Run) -> list[str]:
    """Its groups of figures, and the words between them that a day or a time follows."""
    heard: list[str] = []
    for at, item in enumerate(run.items):
        between = run.tokens[run.items[at - 1].end : item.first] if at else ()
        heard += [token.text for token in between if token.text in LEADS]
        said = run.tokens[item.first].text
        heard.append(said if said in LEADS else item.characters)
    return heard


def _are_years(run: Run) -> bool:
    """Whether it is a row of years, or of spans from one to another: no issuer's digits begin like these."""
    items = (item for item in run.items if run.tokens[item.first].text != "to")
    return all(_YEAR.fullmatch(item.characters) for item in items)


def _by_shape(lines: Sequence[Line], run: Run) -> str | None:
    digits = run.characters
    if numbers.is_chinese_id(digits) or re.fullmatch(r"\d{3}-\d\d-\d{4}", _written(lines, run)):
        return RedactionKind.NATIONAL_ID
    if numbers.is_telephone(digits) or re.fullmatch(r"[2-9]\d\d-\d{4}", _written(lines, run)):
        return RedactionKind.PHONE
    return RedactionKind.CARD if numbers.like_card(digits) else None


def _by_length(run: Run) -> str | None:
    """What a number that nothing else tells of rather is than nothing."""
    digits = run.characters
    if len(digits) > 19:
        return RedactionKind.CARD
    if len(digits) >= _LONG:
        # Longer than national numbers are, it is rather what was heard of a card's.
        return RedactionKind.CARD if len(digits) >= _LONGER and digits[0] in "23456" else RedactionKind.PHONE
    return None


def _holds_card(run: Run) -> bool:
    """Whether some of its items in a row are a card's number; date and code may follow."""
    items = run.items
    for begin in range(len(items)):
        digits = ""
        for item in items[begin:]:
            digits += item.characters
            if numbers.is_card(digits):
                return True
            if len(digits) > 19:
                break
    return False


def is_counted(run: Run) -> bool:
    """Whether its unit or currency follows or stands before it."""
    end = run.items[-1].end
    follows = run.tokens[end] if end < len(run.tokens) else None
    counted = follows is not None and follows.line == run.last.line and follows.word.joined and follows.text in _UNITS
    marked = re.search(r"[$£€¥￥]\s*$", run.first.word.gap) is not None
    return (counted or marked) and len(run.characters) <= _QUANTITY


def _is_international(lines: Sequence[Line], run: Run) -> bool:
    """Whether a plus stands before it, or is said."""
    before = run.tokens[run.items[0].first - 1].text if run.items[0].first else ""
    return 8 <= len(run.characters) <= 15 and (run.first.word.gap.endswith("+") or before in ("plus", "加"))


def _written(lines: Sequence[Line], run: Run) -> str:
    """As it stands in the text, "" where it lies in several."""
    first, last = run.first, run.last
    return lines[first.line].text[first.word.start : last.word.end] if first.line == last.line else ""


def _ibans(lines: Sequence[Line], tokens: tuple[Token, ...]) -> Iterator[Finding]:
    """Of letters and digits: what ends a row of items and has the checksum, or what follows the word and is as long."""
    for items in runs(tokens, letters=True):
        run = Run(items, tokens)
        if len(run.characters) < 15 or run.characters.isdigit():
            continue
        for begin in range(len(items)):
            characters = ""
            for end, item in enumerate(items[begin:], begin + 1):
                characters += item.characters
                if numbers.is_iban(characters):
                    yield Run(items[begin:end], tokens).finding(RedactionKind.ACCOUNT)
        if cue_before(lines, run.first) == RedactionKind.ACCOUNT:
            yield run.finding(RedactionKind.ACCOUNT)


def _repeated(rest: Sequence[Run], found: Sequence[Finding]) -> Iterator[Finding]:
    """Runs that nothing told of and that are a part of what was found."""
    whole = [finding for finding in found if len(finding.characters) >= _WHOLE]
    for part in chain.from_iterable(run.by_line() for run in rest):
        known = (finding for finding in whole if part.characters in finding.characters)
        if len(part.characters) >= _REPEATED and (finding := next(known, None)):
            yield part.finding(finding.kind)
