"""Texts as Postgres' full text search keeps them, and terms as it asks for them.

Tokens come from callscribe.text.tokens, never from a dictionary of the server's: both sides must cut alike. What is
known of an utterance ("=trunk=main", "=day=2026-11-21") is a lexeme beside them, so that one index answers for both.
No token has an equals sign.
"""

from collections.abc import Iterable, Sequence
from datetime import date

from callscribe.domain.errors import QueryError
from callscribe.domain.search import AllOf, AnyOf, Near, Not, Phrase, Term, Word
from callscribe.text.matching import Slot, Spellings, slots
from callscribe.text.tokens import tokens

LONGEST = 200
"""Characters of a token that are compared. Postgres keeps 2,046 bytes."""
TOKENS = 7000
"""Of a text and of its spoken form each; Postgres keeps positions up to 16,383."""
GAP = 1000
"""Positions between a text and its spoken form: more than any distance that is asked for."""
MAX_COMPARISONS = 5_000
"""Of words at distances, for all NEAR of a search: Postgres makes each of them in each text that has both sides."""
NOWHERE = "="
"""No text has it."""


def forms(text: str, spoken: str) -> tuple[list[str], list[str]]:
    """The tokens of a text and of its spoken form ("" where it is the same)."""
    cut, said = ([token.text[:LONGEST] for token in tokens(form)[:TOKENS]] for form in (text, spoken))
    return cut, said


def text_vector(forms: Iterable[Sequence[str]], facts: Iterable[str] = ()) -> str:
    """A tsvector of these tokens and of facts. No phrase reaches from one form into the next."""
    places: dict[str, list[int]] = {}
    first = 1
    for form in forms:
        for place, token in enumerate(form, first):
            places.setdefault(token, []).append(place)
        first += len(form) + GAP
    words = [f"{_quoted(word)}:{','.join(map(str, found))}" for word, found in places.items()]
    return " ".join((*words, *map(_quoted, facts)))


def fact(name: str, value: str) -> str:
    """A lexeme that tells something of an utterance. It begins as no token does, so that no prefix finds it."""
    return f"={name}={value}"[:LONGEST]


def days(said: date) -> tuple[str, str, str]:
    """Facts that tell when something was said: its day, its month and its year, in UTC."""
    return fact("day", f"{said:%Y-%m-%d}"), fact("month", f"{said:%Y-%m}"), fact("year", f"{said:%Y}")


def any_fact(facts: Iterable[str]) -> str:
    """A tsquery for what has one of these facts."""
    return " | ".join(map(_quoted, facts))


def term_query(term: Term, spellings: Spellings) -> str:
    """A tsquery for a text that holds the term.

    Raises QueryError where its NEAR compare more than MAX_COMPARISONS words at distances.
    """
    if _comparisons(term, spellings) > MAX_COMPARISONS:
        raise QueryError(
            "NEAR stands for too many combinations of words; write a smaller distance, or words without ~ and *"
        )
    return _query(term, spellings)


def words_query(term: Term, spellings: Spellings) -> str:
    """A tsquery for a text that has the words of the term, wherever they stand: the index answers for these alone.

    Each text that holds the term meets it. "" where the term asks for none.
    """
    return _words(term, spellings) or ""


def _words(term: Term, spellings: Spellings) -> str | None:
    match term:
        case Word() | Phrase():
            return _each(slots(term), spellings)
        case Near(first, second, _):
            return _each((*slots(first), *slots(second)), spellings)
        case Not(excluded):
            return None if _has_places(excluded) else f"!({_query(excluded, spellings)})"
        case AllOf(terms):
            wanted = [words for part in terms if (words := _words(part, spellings)) is not None]
            return _joined("&", wanted) or None
        case AnyOf(terms):
            each = [_words(part, spellings) for part in terms]
            return None if None in each else _joined("|", filter(None, each))


def _each(wanted: Sequence[Slot], spellings: Spellings) -> str:
    return _joined("&", dict.fromkeys(_slot(slot, spellings) for slot in wanted)) or _quoted(NOWHERE)


def _has_places(term: Term) -> bool:
    """Whether it matters where its words stand."""
    match term:
        case Word() | Phrase():
            return len(slots(term)) > 1
        case Near():
            return True
        case Not(excluded):
            return _has_places(excluded)
        case AllOf(terms) | AnyOf(terms):
            return any(map(_has_places, terms))


def _comparisons(term: Term, spellings: Spellings) -> int:
    match term:
        case Near(first, second, distance):
            wanted = (*slots(first), *slots(second))
            return 2 * distance * sum(len(spellings.get(slot, (slot.text,))) for slot in wanted)
        case Not(excluded):
            return _comparisons(excluded, spellings)
        case AllOf(terms) | AnyOf(terms):
            return sum(_comparisons(part, spellings) for part in terms)
        case _:
            return 0


def _query(term: Term, spellings: Spellings) -> str:
    match term:
        case Word() | Phrase():
            return _sequence(term, spellings)
        case Near(first, second, distance):
            one, other = _sequence(first, spellings), _sequence(second, spellings)
            pairs = ((one, other), (other, one))
            # Words that are both in a text stand near to each other more often than far.
            near = _joined("|", (f"({a}) <{gap}> ({b})" for gap in range(1, distance + 1) for a, b in pairs))
            # Most texts lack one of the two, which is known before any distance is looked at.
            return _joined("&", (one, other, near))
        case Not(excluded):
            return f"!({_query(excluded, spellings)})"
        case AllOf(terms):
            return _joined("&", (_query(part, spellings) for part in terms))
        case AnyOf(terms):
            return _joined("|", (_query(part, spellings) for part in terms))


def _sequence(part: Word | Phrase, spellings: Spellings) -> str:
    return _joined("<->", (_slot(slot, spellings) for slot in slots(part))) or _quoted(NOWHERE)


def _slot(slot: Slot, spellings: Spellings) -> str:
    if slot in spellings:
        return _joined("|", map(_quoted, spellings[slot])) or _quoted(NOWHERE)
    return _quoted(slot.text[:LONGEST]) + (":*" if slot.prefix else "")


def _joined(operator: str, parts: Iterable[str]) -> str:
    return f" {operator} ".join(f"({part})" for part in parts)


def _quoted(lexeme: str) -> str:
    doubled = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{doubled}'"
