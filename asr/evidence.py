"""Whether an utterance was speech at all: music and machines fool the voice activity at times, engines always. Pure.

What fools the voice activity does so by halves, but so does a single word said softly; then the text decides. Bounds
are for the voice activity of `asr/activity.py` and the confidences of `asr/confidence.py`. Of 28 texts from 10 hours of
tones, noise and instrumental music at many levels none is left. Of 869 utterances of the even-numbered prompts, clean,
in noise down to 0 dB and 40 dB lower, 3 are lost; of 273 single words that were heard rightly there, 4 in noise.
"""

import math
import re

from asr.engine import Decoding
from callscribe.domain.language import units

_SURELY_SPEECH = 0.87
"""Highest speech probability of an utterance from which its text is not asked."""
_FEWEST_RIGHT, _FEWEST_RIGHT_YET = 0.35, 0.26
"""Words that are less likely right than this, on average, are no words; less is asked of a partial, or the first words
would come late: so half of the first partials come as early as without, and one in twenty 160 ms later."""
_SAID_OF_NOTHING = frozenset({"you", "mm", "thank you for watching", "thanks for watching"})
"""Of 340 pieces of tones, noise and music, Moonshine says this of 209, and is sure of it."""
_SAID_OF_A_BLINK = _SAID_OF_NOTHING | {"uh", "um", "oh", "hmm", "mm hmm"}
"""And this of their first 200 ms: a partial can wait."""


def spoken(decoding: Decoding, activity: float, *, final: bool = True) -> bool:
    """True when the text may have been said; `activity` is the highest speech probability of the utterance, 0 to 1."""
    if not decoding.text or activity >= _SURELY_SPEECH:
        return bool(decoding.text)
    doubtful, least = (_SAID_OF_NOTHING, _FEWEST_RIGHT) if final else (_SAID_OF_A_BLINK, _FEWEST_RIGHT_YET)
    plain = " ".join(re.findall(r"[^\W_]+", decoding.text.lower()))
    return plain not in doubtful and _word_confidence(decoding) >= least


def _word_confidence(decoding: Decoding) -> float:
    """Chance of a word to be right: the geometric mean of all."""
    if not decoding.words:
        return float(decoding.confidence ** (1 / len(units(decoding.text))))
    return math.prod(word.confidence for word in decoding.words) ** (1 / len(decoding.words))
