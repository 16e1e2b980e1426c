"""Where the words of a search stand in a text. Pure: the database's index must find just what this finds."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from callscribe.domain.search import AllOf, AnyOf, Near, Not, Phrase, Term, Word
from callscribe.text.tokens import tokens


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for one token of a text."""

    text: str
    """A token."""
    prefix: bool = False
    fuzzy: bool = False


Spellings = Mapping[Slot, Collection[str]]
"""The tokens that a slot stands for. Fuzzy slots need it; others speak for themselves."""

Span = tuple[int, int]
"""First token, and the one behind the last."""


def slots(part: Word | Phrase) -> tuple[Slot, ...]:
    """What must follow each other. A word may be several tokens; of a prefix the last one is open."""
    if isinstance(part, Phrase):
        return tuple(slot for word in part.words for slot in slots(word))
    found = [token.text for token in tokens(part.text)]
    closed = [Slot(text, fuzzy=part.fuzzy) for text in found[:-1]]
    return (*closed, *(Slot(text, part.prefix, part.fuzzy) for text in found[-1:]))


def all_slots(term: Term) -> Iterator[Slot]:
    """Those of all words of a term, excluded ones too."""
    match term:
        case Word() | Phrase():
            yield from slots(term)
        case Near(first, second, _):
            yield from (*slots(first), *slots(second))
        case Not(excluded):
            yield from all_slots(excluded)
        case AllOf(terms) | AnyOf(terms):
            for part in terms:
                yield from all_slots(part)


def spans(term: Term, text: Sequence[str], spellings: Spellings) -> list[Span]:
    """Where wanted words stand in a text of these tokens, in order. What is excluded stands nowhere."""
    return sorted(set(_spans(term, text, spellings)))


def _spans(term: Term, text: Sequence[str], spellings: Spellings) -> Iterable[Span]:
    match term:
        case Word() | Phrase():
            return _sequences(slots(term), text, spellings)
        case Near(first, second, distance):
            ones, others = (_sequences(slots(part), text, spellings) for part in (first, second))
            return [span for one in ones for other in others if _close(one, other, distance) for span in (one, other)]
        case AllOf(terms) | AnyOf(terms):
            return [span for part in terms for span in _spans(part, text, spellings)]
        case Not():
            return []


def _close(one: Span, other: Span, distance: int) -> bool:
    """A word directly behind another one has the distance 1. What overlaps is not near."""
    return 1 <= other[0] - one[1] + 1 <= distance or 1 <= one[0] - other[1] + 1 <= distance


def _sequences(wanted: Sequence[Slot], text: Sequence[str], spellings: Spellings) -> list[Span]:
    if not wanted:
        return []
    places = range(len(text) - len(wanted) + 1)
    return [(at, at + len(wanted)) for at in places if _stands(wanted, text[at : at + len(wanted)], spellings)]


def _stands(wanted: Sequence[Slot], words: Sequence[str], spellings: Spellings) -> bool:
    return all(_fits(slot, word, spellings) for slot, word in zip(wanted, words, strict=True))


def _fits(slot: Slot, word: str, spellings: Spellings) -> bool:
    if slot.prefix:
        return word.startswith(slot.text)
    return word == slot.text or (slot.fuzzy and word in spellings.get(slot, ()))
