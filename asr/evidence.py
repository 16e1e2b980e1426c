"""Whether an utterance was speech at all: music and machines fool the voice activity at times, engines always. Pure.

What fools the voice activity does so by halves, but so does a single word said softly; then the text decides. Bounds
are for the voice activity of `asr/activity.py` and the confidences of `asr/confidence.py`. Of 81 finals and 107
partials from six hours of tones, noise and instrumental music, at many levels and from a call's first moment on, no
final is left and five partials. Of 1,120 single words heard with a confidence of 0.5 and more (digits and letters,
clean, in noise and 40 dB lower) 13 are lost, half of them a letter "U".
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
_SAID_OF_NOTHING = re.compile(r"you|mm|um|uh|uh uh|thank(s| you) for watching|transcript emily.*")
"""Of 340 pieces of tones, noise and music, Moonshine says the first of 209, and is sure of it."""
_SAID_OF_A_BLINK = re.compile(r"i|oh|hmm|mm hmm|yeah|thank you")
"""And this, less surely, of the first 200 ms of others: a partial can wait, a final wants to be surer of it."""
_SURELY_SPEECH_OF_A_BLINK, _FEWEST_RIGHT_OF_A_BLINK = 0.94, 0.7


def spoken(decoding: Decoding, activity: float, *, final: bool = True) -> bool:
    """True when the text may have been said; `activity` is the highest speech probability of the utterance, 0 to 1."""
    if not decoding.text or activity >= _SURELY_SPEECH_OF_A_BLINK:
        return bool(decoding.text)
    plain = " ".join(re.findall(r"[^\W_]+", decoding.text.lower()))
    if _SAID_OF_NOTHING.fullmatch(plain):
        return False
    if _SAID_OF_A_BLINK.fullmatch(plain):
        return final and _word_confidence(decoding) >= _FEWEST_RIGHT_OF_A_BLINK
    return activity >= _SURELY_SPEECH or _word_confidence(decoding) >= (_FEWEST_RIGHT if final else _FEWEST_RIGHT_YET)


def _word_confidence(decoding: Decoding) -> float:
    """Chance of a word to be right: the geometric mean of all."""
    if not decoding.words:
        return float(decoding.confidence ** (1 / len(units(decoding.text))))
    return math.prod(word.confidence for word in decoding.words) ** (1 / len(decoding.words))
