"""How likely texts are to Whisper, given what it hears."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.audio import pad_or_trim
from faster_whisper.tokenizer import Tokenizer

from asr.engine import Waveform

_MOST_TOKENS = 400
"""Of all texts together; the decoder has room for 448, its marks included."""
_NEVER = 1e-12


class Likelihood:
    """Up to 30 s of audio, encoded once for all that is asked about it."""

    def __init__(self, model: WhisperModel, audio: Waveform, language: str) -> None:
        """`language` is Whisper's code."""
        features = model.feature_extractor(audio)
        self._model = model.model
        self._frames = min(features.shape[-1], model.feature_extractor.nb_max_frames)
        self._heard: Any = model.encode(pad_or_trim(features, model.feature_extractor.nb_max_frames))
        self._tokenizer = Tokenizer(
            model.hf_tokenizer, model.model.is_multilingual, task="transcribe", language=language
        )

    def log_probabilities(self, before: str, texts: Sequence[str]) -> tuple[float, ...]:
        """The natural logarithm of each text's probability (its words', not that it ends there), after what was said
        `before`. What was said is of weight: a text alone in much audio is no likely one."""
        said = self._tokens(before)
        return tuple(self._log_probability(said, self._tokens(text)) for text in texts)

    def _tokens(self, text: str) -> list[int]:
        tokens: list[int] = self._tokenizer.encode(f" {text.strip()}") if text.strip() else []
        return tokens

    def _log_probability(self, said: list[int], tokens: list[int]) -> float:
        tokens = tokens[:_MOST_TOKENS]
        said = said[max(0, len(said) + len(tokens) - _MOST_TOKENS) :]
        (found,) = self._model.align(self._heard, self._tokenizer.sot_sequence, [said + tokens], self._frames)
        return float(np.log(np.maximum(found.text_token_probs[len(said) :], _NEVER)).sum())
