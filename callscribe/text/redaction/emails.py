"""E-mail addresses, written (RFC 5322 dot-atoms) or spoken: "john dot smith at example dot com". Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from callscribe.domain.redaction import RedactionKind
from callscribe.text.reading import vocabulary
from callscribe.text.redaction.cues import email_before
from callscribe.text.redaction.places import Finding, places
from callscribe.text.redaction.symbols import NUMBER_WORDS, Line, Token

_JOINTS = {"dot": ".", "point": ".", "period": ".", "点": ".", "underscore": "_", "dash": "-", "hyphen": "-",
           "minus": "-", "plus": "+", "at": "@", "圈": "@"}  # fmt: skip
_WRITTEN = re.compile(r"\s*([.@_+-])\s*")
_DOMAINS = vocabulary(
    "com org net edu gov mil info biz io ai app dev co uk us ca au nz ie de fr es it nl be ch at se no dk fi pl cz pt"
    " ru cn hk tw jp kr sg in br mx za eu me tv"
)
_NOT_BEFORE_AT = vocabulary(
    "us look looking website site page online visit store shop me it is are be here them now available meet see office"
    " call check go found find"
)
"""Plain words before "at" that make no address of what follows: "look at example dot com"."""
_NOT_NAMES = vocabulary(
    "is it's its address email mail emails e as to at the my your and yes yeah sure okay ok um uh so that's that"
    " be send write under use me us on for a an 是 箱"
)
_NAME_WORDS = 4
"""Plain words that are a name before "at", where somebody spoke of an address."""


@dataclass(frozen=True, slots=True)
class _Symbol:
    """A word, or a joint (one of . _ - + @) as which a word or a mark stands."""

    text: str
    joint: bool
    first: int
    """Index of the first token; of a mark, of the token after it."""
    end: int
    """Index after the last token; of a mark, the same as `first`."""

    @property
    def written(self) -> bool:
        """Whether it is a mark."""
        return self.first == self.end


def emails(lines: Sequence[Line], tokens: Sequence[Token]) -> Iterator[Finding]:
    """The addresses among the words of a channel."""
    symbols = tuple(_symbols(tokens))
    for at, symbol in enumerate(symbols):
        if symbol.text != "@":
            continue
        end = _domain_end(symbols, at + 1)
        begin = _name_begin(lines, tokens, symbols, at)
        if end is None or begin is None:
            continue
        inside = tokens[symbols[begin].first : symbols[end - 1].end]
        yield Finding(RedactionKind.EMAIL, "".join(found.text for found in symbols[begin:end]), places(inside))


def unfinished(lines: Sequence[Line], tokens: Sequence[Token]) -> int | None:
    """Index of the token with which an address may begin that the last words are a part of."""
    symbols = tuple(_symbols(tokens))
    if not symbols:
        return None
    ats = [at for at, symbol in enumerate(symbols) if symbol.text == "@"]
    if ats and len(symbols) - ats[-1] <= _NAME_WORDS + 2 and _domain_end(symbols, ats[-1] + 1) is None:
        begin = _name_begin(lines, tokens, symbols, ats[-1])
        return None if begin is None else symbols[begin].first
    begin = _chain_begin(symbols, len(symbols) - symbols[-1].joint)
    spelled = [symbol for symbol in symbols[begin:] if len(symbol.text) == 1]
    return symbols[begin].first if len(spelled) > 2 or (len(spelled) and symbols[-1].joint) else None


def _symbols(tokens: Sequence[Token]) -> Iterator[_Symbol]:
    at = 0
    while at < len(tokens):
        token = tokens[at]
        mark = _WRITTEN.fullmatch(token.word.gap)
        close = mark is not None and not token.word.gap.endswith(" ")
        if mark and close and at:
            yield _Symbol(mark[1], True, at, at)
        if token.text == "艾" and at + 1 < len(tokens) and tokens[at + 1].text == "特":
            yield _Symbol("@", True, at, at + 2)
            at += 2
            continue
        joint = _JOINTS.get(token.text)
        yield _Symbol(joint or token.text, joint is not None, at, at + 1)
        at += 1


def _domain_end(symbols: Sequence[_Symbol], at: int) -> int | None:
    """Index after the domain that begins there, after an @: names with dots between, the last a top-level domain. After
    a written @ and dot any name may be that."""
    end, length, written = None, 0, symbols[at - 1].written
    while at < len(symbols) and symbols[at].text != "@" and length <= 24:
        if symbols[at].text == ".":
            last = _top_level_end(symbols, at + 1) or (_written_end(symbols, at) if written else None)
            end = last if last else end
            at, length = (last, length) if last else (at + 1, 0)
            if last and not (last < len(symbols) and symbols[last].text == "."):
                return end
            continue
        if end is not None:
            return end
        length += 1 if len(symbols[at].text) == 1 else 6
        at += 1
    return end


def _written_end(symbols: Sequence[_Symbol], dot: int) -> int | None:
    following = symbols[dot + 1 : dot + 2]
    fits = symbols[dot].written and any(len(name.text) > 1 and name.text.isalpha() for name in following)
    return dot + 2 if fits else None


def _top_level_end(symbols: Sequence[_Symbol], at: int) -> int | None:
    if at < len(symbols) and symbols[at].text in _DOMAINS:
        return at + 1
    text = ""
    for end in range(at, min(at + 4, len(symbols))):
        if len(symbols[end].text) != 1 or symbols[end].joint:
            return None
        text += symbols[end].text
        following = symbols[end + 1] if end + 1 < len(symbols) else None
        if text in _DOMAINS and (following is None or following.joint or len(following.text) > 1):
            return end + 1
    return None


def _name_begin(lines: Sequence[Line], tokens: Sequence[Token], symbols: Sequence[_Symbol], at: int) -> int | None:
    """Index of the symbol with which the part before the @ begins; None where it is no address."""
    if at == 0 or symbols[at - 1].joint:
        return None
    written = symbols[at].written
    begin = _chain_begin(symbols, at)
    spoken_of = email_before(lines, tokens[symbols[at].first if not written else symbols[at].first - 1])
    if written or not spoken_of:
        plain = at - begin == 1 and symbols[begin].text.isalpha() and len(symbols[begin].text) > 1
        return None if plain and not written and symbols[begin].text in _NOT_BEFORE_AT else begin
    words = 0
    while begin and words < _NAME_WORDS and not symbols[begin - 1].joint and symbols[begin - 1].text not in _NOT_NAMES:
        begin, words = begin - 1, words + 1
    return begin


def _chain_begin(symbols: Sequence[_Symbol], end: int) -> int:
    """Where the row of names begins that ends before `end`: with joints between, or spelled."""
    begin = max(end - 1, 0)
    while begin:
        before = symbols[begin - 1]
        if before.joint and before.text != "@" and begin > 1 and not symbols[begin - 2].joint:
            begin -= 2
        elif _is_spelled(before) and (before.text not in ("a", "i") or _is_spelled(symbols[begin])):
            begin -= 1
        else:
            break
    # A name may have a number behind it: "robert seven two at".
    named = begin and _is_number(symbols[begin]) and not symbols[begin - 1].joint
    return begin - 1 if named and symbols[begin - 1].text not in _NOT_NAMES else begin


def _is_spelled(symbol: _Symbol) -> bool:
    return not symbol.joint and symbol.text.isascii() and (len(symbol.text) == 1 or _is_number(symbol))


def _is_number(symbol: _Symbol) -> bool:
    return symbol.text.isdigit() or symbol.text in NUMBER_WORDS
