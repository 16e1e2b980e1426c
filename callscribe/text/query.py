"""The query language of a search, read by recursive descent.

    query  = any                         what one utterance must hold
    any    = all *("OR" all)
    all    = 1*(["AND"] part)
    part   = ["-" / "NOT"] (near / "(" any ")") / field
    near   = words ["NEAR" ["/" number] words]
    words  = word ["*" / "~"] / DQUOTE 1*(word ["*"]) DQUOTE
    field  = name ":" value              holds for the whole search, see callscribe.text.search_fields

Operators are written in capitals; in quotes they are words. Punctuation that is no operator is passed over.
"""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto

from callscribe.domain.errors import QueryError
from callscribe.domain.search import AllOf, AnyOf, Near, Not, Phrase, SearchFilter, Term, Word
from callscribe.text.search_fields import FIELDS, QUOTES, read_field, render_fields
from callscribe.text.tokens import tokens

MAX_TEXT_CHARACTERS = 32_768
"""Of a query with its operators and conditions, as render_query may write it."""
MAX_CHARACTERS = 2_000
"""Of its words together, which are the same however it is written."""
MAX_WORDS = 50
MAX_DEPTH = 10
NEAR_WORDS = 8
"""The distance of NEAR without a number."""
MAX_NEAR_WORDS = 100
MIN_ALIKE_CHARACTERS = 4
"""Of words that may be spelled otherwise unasked: shorter ones resemble too many."""

LEXEME = re.compile(
    rf"""(?P<blank>\s+)
    | (?P<open>[(（]) | (?P<close>[)）])
    | [{QUOTES}](?P<phrase>[^{QUOTES}]*)[{QUOTES}]
    | (?P<unclosed>[{QUOTES}])
    | (?P<minus>-+)(?=[^\s)）-])
    | (?P<name>[A-Za-z]+):(?: [{QUOTES}](?P<quoted>[^{QUOTES}]*)[{QUOTES}] | (?P<value>[^\s()（）{QUOTES}]+) )
    | (?P<chunk>[^\s()（）{QUOTES}]+)""",
    re.VERBOSE,
)
"""Matches at every place of any text."""


class Kind(Enum):
    """Of a lexeme."""

    WORDS = auto()
    FIELD = auto()
    OPEN = auto()
    CLOSE = auto()
    NOT = auto()
    AND = auto()
    OR = auto()
    NEAR = auto()
    END = auto()


OPERATORS = {"NOT": Kind.NOT, "AND": Kind.AND, "OR": Kind.OR, "NEAR": Kind.NEAR}


@dataclass(frozen=True, slots=True)
class Query:
    """What was asked for."""

    term: Term | None
    """None where there are conditions only."""
    conditions: SearchFilter


@dataclass(frozen=True, slots=True)
class _Lexeme:
    kind: Kind
    place: int
    text: str = ""
    """As it was typed."""
    words: tuple[Word, ...] = ()
    field: str = ""
    value: str = ""
    distance: int = 0


def parse_query(text: str, now: datetime, fields: Mapping[str, Sequence[str]] | None = None) -> Query:
    """What a query asks for, with further fields that were given beside it, by their names.

    `now` is the aware time that `7d` counts back from. Raises QueryError, which names the place and the cure.
    """
    if len(text) > MAX_TEXT_CHARACTERS:
        raise QueryError(f"a query has at most {MAX_TEXT_CHARACTERS:,} characters, this one {len(text):,}")
    parser = _Parser(tuple(_lexemes(text)), now)
    for name, values in (fields or {}).items():
        for value in values:
            parser.read_field(_Lexeme(Kind.FIELD, -1, field=name, value=value))
    return parser.parse()


def render_query(query: Query) -> str:
    """The query as text, which parse_query reads as this query."""
    return " ".join((*([] if query.term is None else [_rendered(query.term)]), *render_fields(query.conditions)))


def spelled_alike(query: Query) -> Query | None:
    """The query with its words also as they might be spelled; None where that changes nothing."""
    term = None if query.term is None else _alike(query.term)
    return None if term == query.term else replace(query, term=term)


def _alike(term: Term) -> Term:
    match term:
        case Word(text, prefix=False):
            return replace(term, fuzzy=len(text) >= MIN_ALIKE_CHARACTERS and text.isalpha() and len(tokens(text)) == 1)
        case AllOf(terms):
            return AllOf(tuple(_alike(part) for part in terms))
        case AnyOf(terms):
            return AnyOf(tuple(_alike(part) for part in terms))
        case _:
            return term


def _rendered(term: Term, *, inside: bool = False) -> str:
    """`inside`: in parentheses where it is of several parts."""
    match term:
        case Word(text, prefix, fuzzy):
            sign = "*" if prefix else "~" if fuzzy else ""
            plain = fuzzy or (text.isalnum() and (prefix or text not in OPERATORS))
            return f"{text}{sign}" if plain else f'"{text}{sign}"'
        case Phrase(words):
            return '"' + " ".join(word.text + "*" * word.prefix for word in words) + '"'
        case Near(first, second, distance):
            text = f"{_rendered(first)} NEAR/{distance} {_rendered(second)}"
        case Not(excluded):
            return f"-{_rendered(excluded, inside=True)}"
        case AllOf(terms):
            text = " ".join(_rendered(part, inside=isinstance(part, AnyOf)) for part in terms)
        case AnyOf(terms):
            text = " OR ".join(_rendered(part) for part in terms)
    return f"({text})" if inside else text


def _lexemes(text: str) -> Iterator[_Lexeme]:
    """Ends with Kind.END. Raises QueryError."""
    for match in LEXEME.finditer(text):
        place = match.start()
        match match.lastgroup:
            case "open":
                yield _Lexeme(Kind.OPEN, place, match[0])
            case "close":
                yield _Lexeme(Kind.CLOSE, place, match[0])
            case "minus":
                yield _Lexeme(Kind.NOT, place, match[0])
            case "unclosed":
                raise _mistake(place, match[0], 'the phrase is not closed; put a " at its end')
            case "phrase":
                yield from _phrase(match["phrase"], place)
            case "quoted" | "value":
                yield _Lexeme(Kind.FIELD, place, match[0], field=match["name"].lower(), value=match[match.lastgroup])
            case "chunk":
                yield from _chunk(match[0], place)
    yield _Lexeme(Kind.END, len(text))


def _phrase(text: str, place: int) -> Iterator[_Lexeme]:
    words = tuple(word for chunk in text.split() for word in _word(chunk, place))
    if not words:
        raise _mistake(place, f'"{text}"', "there is no word between the quotes; write one, or leave them out")
    yield _Lexeme(Kind.WORDS, place, f'"{text}"', tuple(replace(word, fuzzy=False) for word in words))


def _chunk(text: str, place: int) -> Iterator[_Lexeme]:
    operator, _, number = text.partition("/")
    if operator in OPERATORS and (operator == "NEAR" or not number):
        distance = NEAR_WORDS
        if operator == "NEAR" and "/" in text:
            if not re.fullmatch("[0-9]{1,3}", number) or not 1 <= int(number) <= MAX_NEAR_WORDS:
                raise _mistake(place, text, f"NEAR/ takes a number of words from 1 to {MAX_NEAR_WORDS}")
            distance = int(number)
        yield _Lexeme(OPERATORS[operator], place, text, distance=distance)
        return
    if text[:-1].lower() in FIELDS and text.endswith(":"):
        raise _mistake(place, text, "needs a value right behind the colon")
    if words := _word(text, place):
        yield _Lexeme(Kind.WORDS, place, text, words)
    elif text[-1] in "*~":
        raise _mistake(place, text, f"{text[-1]} stands right behind a word")


def _word(text: str, place: int) -> tuple[Word, ...]:
    """The word in a text without blanks; empty where there is none."""
    found = tokens(text)
    if not found:
        return ()
    typed = text[found[0].start : found[-1].end]
    if "*" in typed:
        raise _mistake(place, text, "* stands at the end of a word only")
    return (Word(typed, text.endswith("*"), text.endswith("~")),)


def _mistake(place: int, text: str, cure: str) -> QueryError:
    where = "at the end" if not text else f"at character {place + 1}, {text}"
    return QueryError(f"{where}: {cure}", place)


class _Parser:
    """One descent over the lexemes of a query."""

    def __init__(self, lexemes: tuple[_Lexeme, ...], now: datetime) -> None:
        self._lexemes = lexemes
        self._next = 0
        self._now = now
        self._conditions = SearchFilter()

    def parse(self) -> Query:
        """The whole query. Raises QueryError."""
        words = [word.text for lexeme in self._lexemes for word in lexeme.words]
        if len(words) > MAX_WORDS:
            raise QueryError(f"a query has at most {MAX_WORDS} words, this one {len(words)}")
        if (letters := sum(map(len, words))) > MAX_CHARACTERS:
            raise QueryError(f"the words of a query have at most {MAX_CHARACTERS:,} characters, these {letters:,}")
        while self._peek().kind is Kind.FIELD:
            self.read_field(self._take())
        if self._peek().kind is Kind.END and self._conditions != SearchFilter():
            if self._conditions.older:
                raise QueryError("in:any looks for words in texts that were replaced; write words, or leave it out")
            return Query(None, self._conditions)
        term = self._any(0)
        if self._peek().kind is Kind.CLOSE:
            raise self._unexpected("there is no ( that it closes; leave it out")
        return Query(term, self._conditions)

    def read_field(self, lexeme: _Lexeme) -> None:
        """Add a condition. Raises QueryError."""
        name = lexeme.field
        try:
            self._conditions = read_field(self._conditions, name, lexeme.value, self._now)
        except ValueError as error:
            message = f"{name}: {error}"
        except KeyError:
            near = difflib.get_close_matches(name, FIELDS, 1)
            meant = f"{near[0]}:" if near else "one of " + ", ".join(f"{field}:" for field in FIELDS)
            message = f"there is no condition {name}:; write {meant}, or put it in quotes to look for the word"
        else:
            return
        place = lexeme.place
        raise QueryError(message) if place < 0 else QueryError(f"at character {place + 1}: {message}", place)

    def _peek(self) -> _Lexeme:
        return self._lexemes[self._next]

    def _take(self) -> _Lexeme:
        self._next += 1
        return self._lexemes[self._next - 1]

    def _unexpected(self, cure: str) -> QueryError:
        return _mistake(self._peek().place, self._peek().text, cure)

    def _missing(self) -> QueryError:
        return self._unexpected("a word is missing here; write what to look for")

    def _any(self, depth: int) -> Term:
        branches = [self._all(depth)]
        while self._peek().kind is Kind.OR:
            self._take()
            branches.append(self._all(depth))
        terms = [part for branch in branches for part in (branch.terms if isinstance(branch, AnyOf) else (branch,))]
        return terms[0] if len(terms) == 1 else AnyOf(tuple(terms))

    def _all(self, depth: int) -> Term:
        first = self._peek()
        terms: list[Term] = []
        while self._peek().kind not in (Kind.END, Kind.CLOSE, Kind.OR):
            if self._peek().kind is Kind.FIELD:
                if depth:
                    raise self._unexpected("a condition holds for the whole search; move it out of the parentheses")
                self.read_field(self._take())
                continue
            if self._peek().kind is Kind.AND and terms:
                self._take()
                if self._peek().kind in (Kind.END, Kind.CLOSE, Kind.OR):
                    raise self._missing()
                continue
            found = self._part(depth)
            terms += found.terms if isinstance(found, AllOf) else (found,)
        if not terms:
            raise self._missing()
        if all(isinstance(term, Not) for term in terms):
            raise _mistake(first.place, first.text, "say what is to be found, too, not only what is not")
        return terms[0] if len(terms) == 1 else AllOf(tuple(terms))

    def _part(self, depth: int) -> Term:
        if self._peek().kind is Kind.NOT:
            self._take()
            return Not(self._plain(depth))
        return self._plain(depth)

    def _plain(self, depth: int) -> Term:
        match self._peek().kind:
            case Kind.OPEN:
                return self._parenthesized(depth + 1)
            case Kind.WORDS:
                return self._near()
            case Kind.FIELD:
                raise self._unexpected("a condition cannot be turned round; only words can be left out")
            case _:
                raise self._missing()

    def _parenthesized(self, depth: int) -> Term:
        opened = self._take()
        if depth > MAX_DEPTH:
            raise _mistake(opened.place, opened.text, f"parentheses go {MAX_DEPTH} deep at most")
        term = self._any(depth)
        if self._peek().kind is not Kind.CLOSE:
            raise _mistake(opened.place, opened.text, "the parenthesis is not closed; put a ) where it ends")
        self._take()
        if self._peek().kind is Kind.NEAR:
            raise self._unexpected("NEAR joins words and phrases, not parentheses")
        return term

    def _near(self) -> Term:
        first = self._words()
        if self._peek().kind is not Kind.NEAR:
            return first
        distance = self._take().distance
        if self._peek().kind is not Kind.WORDS:
            raise self._unexpected("NEAR joins two words or phrases; write the second")
        second = self._words()
        if self._peek().kind is Kind.NEAR:
            raise self._unexpected("NEAR joins two; write a NEAR b, b NEAR c as two parts")
        return Near(first, second, distance)

    def _words(self) -> Word | Phrase:
        words = self._take().words
        return words[0] if len(words) == 1 else Phrase(words)
