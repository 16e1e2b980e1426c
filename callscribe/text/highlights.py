"""What a page shows of an utterance that a search found: the words to mark, and when the first of them was said."""

from collections.abc import Sequence
from difflib import SequenceMatcher

from callscribe.domain.search import Term
from callscribe.domain.transcript import Word
from callscribe.text.matching import Span, Spellings, spans
from callscribe.text.tokens import tokens


def highlights(term: Term, text: str, spellings: Spellings) -> tuple[Span, ...]:
    """The (start, end) of what to mark, in characters of the text, in order and apart from each other."""
    cut = tokens(text)
    marked: list[Span] = []
    for first, behind in spans(term, [token.text for token in cut], spellings):
        start, end = cut[first].start, cut[behind - 1].end
        if marked and start <= marked[-1][1]:
            marked[-1] = (marked[-1][0], max(end, marked[-1][1]))
        else:
            marked.append((start, end))
    return tuple(marked)


def first_said(term: Term, text: str, words: Sequence[Word], spellings: Spellings) -> Word | None:
    """The first wanted word as it was said; None where no word times tell.

    Words are as they were spoken. Where only the text matches ("200" for "two hundred"), what both have in common
    before that place tells.
    """
    if not words:
        return None
    said = [(token.text, word) for word in words for token in tokens(word.text)]
    spoken = [text for text, _ in said]
    found = spans(term, spoken, spellings)
    if found:
        return said[found[0][0]][1]
    written = [token.text for token in tokens(text)]
    marked = spans(term, written, spellings)
    if not marked or not said:
        return None
    return said[min(_aligned(written, spoken, marked[0][0]), len(said) - 1)][1]


def _aligned(written: list[str], spoken: list[str], place: int) -> int:
    """Where in `spoken` the token at `place` of `written` begins: behind the last one that both have before it."""
    behind = 0
    for block in SequenceMatcher(None, written, spoken, autojunk=False).get_matching_blocks():
        if block.a < place:
            behind = block.b + min(block.size, place - block.a)
    return behind
