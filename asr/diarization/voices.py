"""Models of voices: a vector of a stretch of speech, near those of the same voice."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from asr.diarization.clustering import Embeddings
from asr.diarization.fbank import fbank
from asr.diarization.packaged import EMBEDDING, load_packaged
from asr.engine import Waveform


class VoiceModel(Protocol):
    """A loaded model. Used by one thread at a time; no call changes what a later one finds."""

    name: str
    """Of the diariser that it makes."""
    cut_s: float
    """Seconds of speech that it is given at most: more cost more and tell little more."""
    same_voice: float
    """Cosine of two long groups of stretches from which they are one voice."""

    def embed(self, sounds: Sequence[Waveform]) -> Embeddings:
        """A row of each sound, of a fifth of a second at least. Raises RecognitionError."""
        ...


class PackagedVoices:
    """WeSpeaker's ResNet34, which a fresh machine has. Raises EngineUnavailable where its package is missing."""

    name = "light"
    cut_s = 1.0
    same_voice = 0.72
    """Halves of most voices have 0.78 and more, of a reader who acts 0.71; two voices 0.2 to 0.68."""

    def __init__(self) -> None:
        self._model = load_packaged(EMBEDDING)

    def embed(self, sounds: Sequence[Waveform]) -> Embeddings:
        """As VoiceModel's."""
        rows = []
        for sound in sounds:
            features = fbank(sound)
            features = (features - features.mean(axis=0))[np.newaxis]
            weights = np.ones(features.shape[:2], np.float32)
            rows.append(self._model.run({"fbank": features, "weights": weights})[0][0])
        return of_length_one(np.stack(rows))


def of_length_one(rows: NDArray[np.float32]) -> Embeddings:
    """Each row, brought to length 1."""
    unit: Embeddings = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit
