"""Which language is spoken on a channel, utterance by utterance. Pure, but for the model that is asked.

A party mostly goes on in its language. So what the model says of an utterance is weighed by Bayes' rule against what
was spoken before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from asr.engine import ENGINE_RATE, Waveform
from callscribe.domain.errors import RecognitionError

log = structlog.get_logger()

_ENOUGH = ENGINE_RATE * 3 // 2
"""Speech of which a model can tell the language; while more is said it is asked again only if it was not sure."""
_SHORTEST = ENGINE_RATE
"""Speech below which an utterance does not change the language of a channel."""
_STAYS = 0.8
"""Chance that an utterance is in the language of the one before, where it is in that or in one certain other."""
_BELIEVED = 0.8
"""Chance from which a language is taken to be spoken, where another one was."""
_SURE = 0.95
"""Chance from which more speech is not asked about."""
_ERRS = 0.02
"""Chance that a model is wrong about an utterance however sure it is: then any language is as likely as another."""


class LanguageIdentifier(Protocol):
    """A model that tells languages apart. Used by one thread at a time."""

    def identify(self, audio: Waveform) -> Mapping[str, float]:
        """The chance, 0 to 1, of each language that the model knows, by its ISO 639 code. Raises RecognitionError."""
        ...


@dataclass(frozen=True, slots=True)
class IdentifiedLanguage:
    """What an utterance is spoken in, as far as it was heard."""

    start: int
    """Sample at the channel's rate, from the start of the call, with which the utterance begins."""
    language: str
    """ISO 639 code."""
    probability: float
    """0 to 1: chance that it is."""


def believed(before: Mapping[str, float], heard: Mapping[str, float]) -> dict[str, float]:
    """The chance of each language of `before`, of the utterance before, now that a model has said what it `heard`.

    What the model takes for any other language counts for each of them alike: it is none of those that may be spoken,
    and the little that is left for these is noise.
    """
    if len(before) < 2 or not heard:
        return dict(before)
    other = (1.0 - min(sum(heard.get(language, 0.0) for language in before), 1.0)) / len(before)
    # Against any other language it counts the same, however many there are: else nobody would believe in a change.
    weighed = {
        language: (_STAYS * chance + (1.0 - _STAYS) * (1.0 - chance))
        * ((1.0 - _ERRS) * (heard.get(language, 0.0) + other) + _ERRS / len(before))
        for language, chance in before.items()
    }
    whole = sum(weighed.values())
    return {language: weight / whole for language, weight in weighed.items()}


class ChannelLanguage:
    """What is spoken on one channel. Utterances come in their order; one may come several times, as it grows."""

    def __init__(self, identifier: LanguageIdentifier, languages: Sequence[str], spoken: str = "") -> None:
        """`languages` are those that may be spoken, one at least, and `spoken` was so last; "": nothing was yet. Then
        it is the first of them until another one is found out."""
        self._identifier = identifier
        known = spoken in languages
        self._belief = {
            language: float(language == spoken) if known else 1.0 / len(languages) for language in languages
        }
        self._before = self._belief
        self._found = known or len(languages) == 1
        self._language = spoken if known else languages[0]
        self._start = -1
        self._asked = 0
        """Speech of the utterance that begins at `_start` which the model has heard."""

    @property
    def language(self) -> str:
        """ISO 639 code of what is spoken."""
        return self._language

    @property
    def probability(self) -> float:
        """0 to 1: chance that it is."""
        return self._belief[self._language]

    def awaited(self, speech: int) -> bool:
        """True while no language was found out, and so many samples of an utterance are too few to ask about."""
        return not self._found and speech < _ENOUGH

    def follow(self, start: int, speech: int, audio: Waveform, *, ended: bool) -> bool:
        """Ask about an utterance if that is worth while; True where the model was asked, and `language` is fresh.

        It begins at sample `start`, `speech` samples of it were spoken so far, which lie in `audio`; `ended` where it
        may have ended.
        """
        if start != self._start:
            self._start, self._asked, self._before = start, 0, self._belief
        if not self._worth_while(speech, ended):
            return False
        self._asked = speech
        try:
            heard = self._identifier.identify(audio)
        except RecognitionError as error:
            log.error("language_identification_failed", error=type(error.__cause__ or error).__name__)
            return False
        self._belief = believed(self._before, heard)
        likeliest = max(self._belief, key=self._belief.__getitem__)
        if self._belief[likeliest] >= _BELIEVED:
            self._language = likeliest
        self._found = True
        return True

    def _worth_while(self, speech: int, ended: bool) -> bool:
        if len(self._belief) < 2 or speech <= self._asked:
            return False
        if self._asked < _ENOUGH:
            return speech >= _ENOUGH or (ended and (speech >= _SHORTEST or not self._found))
        return self.probability < _SURE and (ended or speech >= 2 * self._asked)
