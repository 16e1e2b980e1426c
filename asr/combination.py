"""Two engines' texts of one utterance as one: the second engine's words, and where they differ the better ones.

Which those are both engines have weighed (asr/weighing.py); how sure each is of its own counts too. Where they have
not, the surer words are believed, after ROVER (Fiscus, "A post-processing system to yield reduced word error rates",
ASRU 1997), with a second engine that is better on the whole, so that the first must be surer by a margin. Pure.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from asr.differences import Difference, differences
from asr.second_pass import SecondPassText
from callscribe.domain.hotword import Hotword
from callscribe.domain.transcript import Final, Revision, Word
from callscribe.text.word_errors import normalise

_MARGIN = 1.0
"""Log odds by which the first engine must be surer: fitted to the even-numbered telephone prompts, clean, 40 dB lower
and in white noise at 10 dB; 0.75 to 1.25 do as well."""
_CONFIDENCE = 0.5
"""What these log odds count beside what was weighed (asr/weighing.py, fitted with it); 0.5 to 1 do as well."""


def revision_of(
    final: Final, utterance_id: UUID, second: SecondPassText, engine: str, hotwords: Sequence[Hotword] = ()
) -> Revision:
    """What both passes say together; `engine` is the second's name, places are samples from the start of the call.

    `hotwords` are those that the first engine was told. Where a language has no blanks between words, or a text no
    words, it is the second text alone.
    """
    revision = Revision(
        utterance_id, second.text, second.confidence, engine, "second-pass", second.words, cost=second.cost
    )
    if not second.in_words:
        return revision
    words = combined(final.words, second, hotwords)
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


def combined(first: Sequence[Word], second: SecondPassText, hotwords: Sequence[Hotword] = ()) -> tuple[Word, ...]:
    """The second text's words; where the first has others in their place, and these are better, those.

    Words that only one of the texts has are the second's choice.
    """
    preferred = {word for hotword in hotwords for word in normalise(hotword.text).split()}
    words = second.words
    for place in reversed(differences(first, second.words)):
        if _better(place, second, preferred):
            words = place.within(words)
    return words


def _better(place: Difference, second: SecondPassText, preferred: set[str]) -> bool:
    """Whether the first text's words are. How likely a name is to who never heard of it says little: of hotwords the
    surer ones are believed too."""
    surer = _log_odds(place.words) - _log_odds(second.words[place.start : place.end])
    if second.gains is None:
        return surer > _MARGIN
    if second.gains[place.start] + _CONFIDENCE * surer > 0.0:
        return True
    return surer > _MARGIN and any(part in preferred for word in place.words for part in normalise(word.text).split())


def _log_odds(words: Sequence[Word]) -> float:
    """Of the chance that a word of these is right."""
    chance = sum(word.confidence for word in words) / len(words)
    chance = min(max(chance, 1e-4), 1.0 - 1e-4)
    return math.log(chance / (1.0 - chance))
