"""A stream for an utterance, with its hotwords where the model's search takes them."""

from collections.abc import Sequence
from typing import Any

import structlog

from asr.engines.sherpa.loading import Biasing
from asr.engines.sherpa.vocabulary import Vocabulary, phrases
from callscribe.domain.hotword import Hotword

log = structlog.get_logger()


class Biaser:
    """Makes the streams of one recogniser."""

    def __init__(self, recognizer: Any, vocabulary: Vocabulary, biasing: Biasing | None, score: float) -> None:
        """`biasing` tells how hotwords are spelled; None: there is no place for them. `score`: what weight 1 gives."""
        self._recognizer = recognizer
        self._vocabulary = vocabulary
        self._unit = biasing.unit if biasing else None
        self._score = score
        self._warned = False

    @property
    def biasing(self) -> bool:
        """True where hotwords are preferred."""
        return self._unit is not None

    def stream(self, hotwords: Sequence[Hotword]) -> Any:
        """A stream that has heard nothing. Hotwords that the model cannot write are left out; a warning tells once."""
        if self._unit is None or not hotwords:
            return self._recognizer.create_stream()
        spellings = [self._vocabulary.spelled(hotword.text, self._unit) for hotword in hotwords]
        if not all(spellings) and not self._warned:
            self._warned = True
            log.warning("hotwords_not_in_vocabulary", left_out=sum(not spelling for spelling in spellings))
        preferred = phrases(spellings, hotwords, self._score)
        return self._recognizer.create_stream(preferred) if preferred else self._recognizer.create_stream()
