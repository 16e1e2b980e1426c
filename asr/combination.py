"""Two engines' texts of one utterance as one: the second engine's words, and where they differ the surer ones.

After ROVER (Fiscus, "A post-processing system to yield reduced word error rates", ASRU 1997), with an engine that is
better on the whole, so that the other must be surer by a margin to be believed. Pure.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from uuid import UUID

from asr.joining import left_open, uncapitalised
from asr.second_pass import SecondPassText
from callscribe.domain.transcript import Final, Revision, Word
from callscribe.text.word_errors import normalise

_MARGIN = 1.0
"""Log odds by which the first engine must be surer: fitted to the even-numbered telephone prompts, clean, 40 dB lower
and in white noise at 10 dB; 0.75 to 1.25 do as well."""
_MARKS = ".,;:?!…"


def revision_of(final: Final, utterance_id: UUID, second: SecondPassText, engine: str) -> Revision:
    """What both passes say together; `engine` is the second's name, places are samples from the start of the call.

    Where a language has no blanks between words, or a text no words, it is the second text alone.
    """
    revision = Revision(
        utterance_id, second.text, second.confidence, engine, "second-pass", second.words, cost=second.cost
    )
    if len(second.text.split()) != len(second.words):
        return revision
    words = combined(final.words, second.words)
    if words == second.words:
        return revision
    taken = normalise(" ".join(word.text for word in words if word not in second.words))
    return replace(
        revision,
        text=" ".join(word.text for word in words),
        confidence=sum(word.confidence for word in words) / len(words),
        words=words,
        corrections=tuple(one for one in final.corrections if f" {normalise(one.phrase)} " in f" {taken} "),
    )


def combined(first: Sequence[Word], second: Sequence[Word]) -> tuple[Word, ...]:
    """The second text's words; where the first has others in their place, and is surer of them, those.

    Words that only one of the texts has are the second's choice.
    """
    words: list[Word] = []
    matcher = SequenceMatcher(None, _bare(first), _bare(second), autojunk=False)
    for kind, start, end, second_start, second_end in matcher.get_opcodes():
        theirs, ours = first[start:end], second[second_start:second_end]
        if kind == "replace" and _log_odds(theirs) > _log_odds(ours) + _MARGIN:
            opens = not start or not left_open(first[start - 1].text)
            words += _fitted(theirs, ours, after=words, opens=opens)
        else:
            words += ours
    return tuple(words)


def _bare(words: Sequence[Word]) -> list[str]:
    return [normalise(word.text) for word in words]


def _log_odds(words: Sequence[Word]) -> float:
    """Of the chance that a word of these is right."""
    chance = sum(word.confidence for word in words) / len(words)
    chance = min(max(chance, 1e-4), 1.0 - 1e-4)
    return math.log(chance / (1.0 - chance))


def _fitted(theirs: Sequence[Word], ours: Sequence[Word], *, after: Sequence[Word], opens: bool) -> list[Word]:
    """Their words with our marks at the end, and a capital only where our sentence begins, or where theirs did not."""
    text = ours[-1].text
    marks = text[len(text.rstrip(_MARKS)) :]
    words = [*theirs[:-1], replace(theirs[-1], text=theirs[-1].text.rstrip(_MARKS) + marks)]
    if not after or not left_open(after[-1].text):
        words[0] = replace(words[0], text=words[0].text[:1].upper() + words[0].text[1:])
    elif opens:
        words[0] = replace(words[0], text=uncapitalised(words[0].text))
    return words
