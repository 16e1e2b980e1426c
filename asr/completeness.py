"""Whether a pause ends what somebody says, or only interrupts it: judged by the words before it and the fall of the
voice, against how this speaker has ended before. Pure.

A logistic model over five clues that anybody can check. Its weights are a fit to the even-numbered telephone prompts
(one voice), rounded: of 97 ends of prompts 3 % are taken for pauses, of 314 pauses put in at word borders 12 % for ends
(many of these are sentences so far), of 28 between the recordings of an announcement 32 %. Of such clues: Ferrer,
Shriberg and Stolcke, "Is the speaker done yet?", ICSLP 2002.
"""

import math
import re
from dataclasses import dataclass

from callscribe.domain.language import primary

_COMMA, _OPEN_WORD, _NUMBER, _OPEN_CLAUSE = -1.4, -4.5, -6.0, -2.5
"""Weights, in log odds that the speaker is done, of: a comma that the engine heard, a word that wants another, a figure
after which more may come, a clause that wants a main one."""
_FALL = -1.0
"""Weight of a semitone."""
_OFFSET = -2.8
_QUESTION = 2.0
"""Log odds after a question, whatever the voice does: it often rises. Not fitted: the prompts hardly ask."""

_LAST_SELDOM = (
    "a an the this that these those my your his our their of to in on at for from with by as into about than per "
    "between until unless since through without within and or but nor so if when while because although whether which "
    "who whom whose what where i he she we they it's i'm is are was were be been being will would can could shall "
    "should may might must have has had does did not very more most any some every each just then only also currently "
    "please press dial enter say"
)
_CLAUSES = (
    "to if when while after before because although unless until once since as at for from in on during by and or but"
)
_FIGURES = "zero one two three four five six seven eight nine oh"
_OPEN_WORDS, _CLAUSE_WORDS, _NUMBER_WORDS = (frozenset(text.split()) for text in (_LAST_SELDOM, _CLAUSES, _FIGURES))
"""English words that seldom stand last in a sentence, words that open a clause which a comma would part from the main
one, and figures said one by one."""
_SENTENCE_END = re.compile(r"[.?!]\s+")
_WORD = re.compile(r"[a-z']+|\d")

_SHARE = 0.04
"""Share of a speaker's ends that may be taken for pauses: their finals come late."""
_STEP = 0.5
_LOWEST = -6.0
"""Bound below which it does not sink."""


def judges(language: str) -> bool:
    """True for a BCP 47 tag of the language whose words are known here; of others neither words nor tones are."""
    return primary(language) == "en"


def completeness(text: str, fall: float) -> float:
    """Log odds that somebody who has said `text`, and then pauses, is done.

    `fall` in semitones is that of the last pitch from the usual one, negative downwards. Infinite where no word was
    said: there is nothing to wait for.
    """
    sentence = _SENTENCE_END.split(text.strip().lower())[-1]
    words = _WORD.findall(sentence)
    if not words:
        return math.inf
    open_word = words[-1] in _OPEN_WORDS
    asked = sentence.endswith("?") and not open_word
    clause = words[0] in _CLAUSE_WORDS and not asked and "," not in sentence.rstrip(".,! ")
    voice = _QUESTION if asked else _OFFSET + _FALL * fall
    return (
        voice
        + _COMMA * sentence.endswith(",")
        + _OPEN_WORD * open_word
        + _NUMBER * (words[-1] in _NUMBER_WORDS or words[-1].isdigit())
        + _OPEN_CLAUSE * clause
    )


def wants_more(text: str) -> bool:
    """True when the last word of the text seldom stands last in a sentence."""
    words = _WORD.findall(text.lower())
    return bool(words) and words[-1] in _OPEN_WORDS


@dataclass(slots=True)
class SpeakerHabit:
    """From which completeness on a speaker is taken to be done.

    Some voices hardly fall: then the bound sinks to the level below which _SHARE of the speaker's own ends lie (a
    stochastic approximation of that quantile: Robbins and Monro, Annals of Mathematical Statistics 22, 1951).
    """

    bound: float = 0.0

    def done(self, completeness: float) -> bool:
        """True when a pause after this is to be taken for the end."""
        return completeness >= self.bound

    def ended(self, *, foreseen: bool) -> None:
        """The speaker was done; `foreseen` when it was taken for the end at once."""
        shift = _STEP * (_SHARE if foreseen else _SHARE - 1.0)
        self.bound = min(max(self.bound + shift, _LOWEST), 0.0)
