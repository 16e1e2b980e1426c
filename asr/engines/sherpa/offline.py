"""Offline models: whole utterances."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from asr.engine import ENGINE_RATE, DecodingJob
from asr.engines.sensevoice import EMOTIONS, EVENTS
from asr.engines.sherpa.biasing import Biaser
from asr.engines.sherpa.reading import Transcript

_SHORTEST = ENGINE_RATE // 2
"""Samples that every model can hear: shorter audio has silence behind it."""
_TAG = re.compile(r"<\|[^|]*\|>")
"""SenseVoice's marks, such as "<|en|>" and "<|Laughter|>", wherever they stand."""
_NO_SPEECH = "nospeech"
"""In place of a language."""


@dataclass(frozen=True, slots=True)
class Told:
    """What an offline model tells of an utterance."""

    transcript: Transcript
    language: str
    """ISO 639-1 code, or "yue"; "" where the model does not tell."""
    emotion: str
    event: str
    """As in a Decoding; "" where there is none."""


class OfflineModel:
    """A loaded offline recogniser. Used by one thread at a time."""

    def __init__(self, recognizer: Any, biaser: Biaser, *, batches: bool) -> None:
        """`batches`: whether what it says of an utterance does not depend on those beside it."""
        self._recognizer = recognizer
        self._biaser = biaser
        self._batches = batches

    @property
    def biasing(self) -> bool:
        return self._biaser.biasing

    def decode(self, jobs: Sequence[DecodingJob]) -> list[Told]:
        """What is understood of each job's audio. Raises RuntimeError, IndexError."""
        streams = []
        for job in jobs:
            stream = self._biaser.stream(job.hotwords)
            silence = np.zeros(max(_SHORTEST - len(job.audio), 0), np.float32)
            stream.accept_waveform(ENGINE_RATE, np.concatenate([job.audio, silence]))
            streams.append(stream)
        for batch in [streams] if self._batches else [[stream] for stream in streams]:
            self._recognizer.decode_streams(batch)
        return [told(stream.result) for stream in streams]


def told(result: Any) -> Told:
    """What a result of the library's says."""
    language = _tag(result.lang)
    silent = language == _NO_SPEECH
    transcript = Transcript(
        text="" if silent else _TAG.sub("", result.text),
        tokens=() if silent else [_TAG.sub("", token) for token in result.tokens],
        times=() if silent else result.timestamps,
        durations=result.durations,
        log_probabilities=result.ys_log_probs,
    )
    emotion, event = EMOTIONS.get(_tag(result.emotion), ""), EVENTS.get(_tag(result.event), "")
    return Told(transcript, "" if silent else language, emotion, event)


def _tag(text: str) -> str:
    """What stands between a tag's marks."""
    return text.removeprefix("<|").removesuffix("|>")
