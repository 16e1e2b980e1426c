"""Which words of the texts the open words of a search stand for."""

from collections.abc import Iterator, Mapping
from itertools import pairwise

from sqlalchemy import String, Text, any_, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from callscribe.domain.search import Term
from callscribe.text.matching import Slot, all_slots
from storage.lexemes import LONGEST
from storage.models import SearchWordRow
from storage.search_index import is_kept

MAX_ALIKE = 24
"""Words that are spelled like one, the nearest first."""
MAX_BEGUN = 64
"""A prefix of at most so many words stands for these: the index skips through single words, not through prefixes."""
MAX_COMPARED = 1000
"""Words with the most trigrams in common whose spelling is compared."""
LEAST_SIMILARITY = 0.15
"""In trigrams, of words in which two mistakes are allowed."""
SHORT = 5
"""Characters of a word in which one mistake is allowed, and not two.

One letter in its middle changes nearly all trigrams of such a word: what it might be is looked for letter by letter.
"""

LAST_CHARACTER = "\U0010ffff"


def spellings(session: Session, term: Term) -> Mapping[Slot, tuple[str, ...]]:
    """The words of the fuzzy slots, and those of prefixes that few words begin with."""
    found = {slot: words for slot in set(all_slots(term)) if (words := _words_of(session, slot)) is not None}
    return {slot: words[:MAX_ALIKE] if slot.fuzzy else words for slot, words in found.items()}


def is_open(term: Term, known: Mapping[Slot, tuple[str, ...]]) -> bool:
    """Whether the term has a prefix that stands for too many words to name them."""
    return any(slot.prefix and slot not in known for slot in all_slots(term))


def distance(one: str, other: str, limit: int) -> int:
    """How many letters were left out, put in, replaced, or changed places with the next one (Damerau 1964, each letter
    once); more than `limit`: limit + 1."""
    if _letters_apart(one, other) > limit:
        return limit + 1
    before: list[int] = []
    above = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, against in enumerate(other, 1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (letter != against))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == against:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
        before, above = above, row
    return min(above[-1], limit + 1)


def _letters_apart(one: str, other: str) -> int:
    """How many letters of the one the other lacks, or the other way round: words are no nearer to each other."""
    left = other
    for letter in one:
        left = left.replace(letter, "", 1)
    return max(len(left), len(left) + len(one) - len(other))


def _words_of(session: Session, slot: Slot) -> tuple[str, ...] | None:
    """None where the slot is to be taken as it is."""
    if slot.prefix:
        return _begun(session, slot.text)
    return tuple(_alike(session, slot.text)) if slot.fuzzy else None


def _begun(session: Session, prefix: str) -> tuple[str, ...] | None:
    if not is_kept(prefix):
        return None
    word = SearchWordRow.word
    query = select(word).where(word >= prefix[:LONGEST], word < prefix[:LONGEST] + LAST_CHARACTER)
    found = tuple(session.scalars(query.limit(MAX_BEGUN + 1)))
    return found if len(found) <= MAX_BEGUN else None


def _alike(session: Session, word: str) -> Iterator[str]:
    """The word itself, then those that are spelled alike, the nearest first."""
    yield word
    if not is_kept(word):
        return
    mistakes = 1 if len(word) <= SHORT else 2
    known = SearchWordRow.word
    length = func.char_length(known).between(len(word) - mistakes, len(word) + mistakes)
    if mistakes == 1:
        near = select(known).where(known.like(any_(cast(_patterns(word), ARRAY(Text)))), length).order_by(known)
    elif _has_trigrams(session, word):
        session.execute(select(func.set_config("pg_trgm.similarity_threshold", str(LEAST_SIMILARITY), True)))
        similar = select(known).where(known.op("%")(cast(word, String)), length)
        near = similar.order_by(func.similarity(known, word).desc(), known).limit(MAX_COMPARED)
    else:
        near = (
            select(known)
            .where(known.like(any_(cast(_pieces(word, mistakes + 1), ARRAY(Text)))), length)
            .order_by(known)
        )
    compared = sorted(
        (distance(word, other, mistakes), place, other) for place, other in enumerate(session.scalars(near))
    )
    yield from (other for far, _, other in compared if 0 < far <= mistakes)


def _patterns(word: str) -> list[str]:
    """What LIKE takes for the word with a letter replaced, put in, left out, or changing places with the next one."""
    parts = [(word[:place], word[place:]) for place in range(len(word) + 1)]
    replaced = [f"{before}_{after[1:]}" for before, after in parts if after]
    longer = [f"{before}_{after}" for before, after in parts]
    shorter = [before + after[1:] for before, after in parts if after]
    swapped = [before + after[1] + after[0] + after[2:] for before, after in parts if len(after) > 1]
    return replaced + longer + shorter + swapped


def _pieces(word: str, number: int) -> list[str]:
    """What LIKE takes for words with one of the word's pieces: a mistake fewer than there are pieces spares one.

    Only two letters that change places across an edge spoil two of them.
    """
    edges = [len(word) * piece // number for piece in range(number + 1)]
    return [f"%{word[first:last]}%" for first, last in pairwise(edges)]


def _has_trigrams(session: Session, word: str) -> bool:
    """Whether pg_trgm takes the word's letters for such, of which the locale "C" has only those of ASCII."""
    return bool(session.scalar(select(func.cardinality(func.show_trgm(word)))))
