"""FunASR's two passes behind the engine's interface: a streaming Paraformer for partials, an offline one for finals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from asr.engine import EMPTY, Capabilities, DecodedWord, Decoding, DecodingJob
from asr.engines.funasr.loading import load_model
from asr.engines.funasr.text import spelled_words
from asr.models import model_folder
from asr.settings import Device, FunasrSettings
from callscribe.domain.language import joined

if TYPE_CHECKING:
    from asr.engines.funasr.offline import OfflineParaformer
    from asr.engines.funasr.punctuation import Punctuation
    from asr.engines.funasr.streaming import HeardToken, Stream, StreamingParaformer


class FunasrEngine:
    """Partials go on from where the earlier ones ended, a chunk at a time; finals are decoded as a whole.

    With a streaming model only, a final is its text to the very end: what was heard before is not heard again, so a
    level that changed meanwhile may change a word. With an offline model only, a partial is decoded as a final is.
    """

    name = "funasr"
    max_batch = 16

    def __init__(self, settings: FunasrSettings, device: Device = "auto") -> None:
        """Load the models that the settings name. Raises EngineUnavailable."""
        self._streaming = _streaming(settings, device) if settings.streaming else None
        self._offline = _offline(settings, device) if settings.offline else None
        self._punctuation = _punctuation(settings, device) if settings.punctuation else None
        self.capabilities = Capabilities(
            languages=settings.languages,
            hotwords=self._offline is not None and self._offline.biasing,
            word_times=True,
        )

    def decode(self, jobs: Sequence[DecodingJob]) -> tuple[Decoding, ...]:
        """One decoding a job. Raises RecognitionError."""
        results = [EMPTY] * len(jobs)
        for first in range(0, len(jobs), self.max_batch):
            places = range(first, min(first + self.max_batch, len(jobs)))
            whole = [place for place in places if self._as_a_whole(jobs[place])]
            parts = [place for place in places if place not in whole]
            for place, decoding in zip(whole, self._decode_whole([jobs[place] for place in whole]), strict=True):
                results[place] = decoding
            for place, decoding in zip(parts, self._go_on([jobs[place] for place in parts]), strict=True):
                results[place] = decoding
        return tuple(results)

    def _as_a_whole(self, job: DecodingJob) -> bool:
        return self._offline is not None and (job.final or self._streaming is None)

    def _decode_whole(self, jobs: Sequence[DecodingJob]) -> list[Decoding]:
        if self._offline is None or not jobs:
            return []
        heard = self._offline.decode([job.audio for job in jobs], [job.hotwords for job in jobs])
        # The utterance may go on after all; then so does its stream.
        return [
            self._decoding(job, tokens, self._offline.tokens, job.earlier.state)
            for job, tokens in zip(jobs, heard, strict=True)
        ]

    def _go_on(self, jobs: Sequence[DecodingJob]) -> list[Decoding]:
        if self._streaming is None or not jobs:
            return []
        from asr.engines.funasr.streaming import Part

        parts = [Part(self._stream(self._streaming, job), job.audio, ended=job.final) for job in jobs]
        return [
            self._decoding(job, understood.tokens, self._streaming.tokens, understood.stream)
            for job, understood in zip(jobs, self._streaming.hear(parts), strict=True)
        ]

    def _stream(self, streaming: StreamingParaformer, job: DecodingJob) -> Stream:
        """What has heard the beginning of the job's audio, or nothing yet."""
        from asr.engines.funasr.streaming import Stream

        earlier = job.earlier.state
        if isinstance(earlier, Stream) and streaming.heard_samples(earlier) <= len(job.audio):
            return earlier
        return streaming.begin()

    def _decoding(
        self, job: DecodingJob, heard: Sequence[HeardToken], vocabulary: Sequence[str], state: object
    ) -> Decoding:
        spelled = spelled_words([vocabulary[token.id] for token in heard])
        written = [word.text for word in spelled]
        if written and job.final and self._punctuation is not None:
            marks = self._punctuation.marks(written)
            written = [word + mark for word, mark in zip(written, marks, strict=True)]
        last = len(job.audio)
        words = tuple(
            DecodedWord(
                text=text,
                start=min(heard[word.first].start, last),
                end=min(heard[word.end - 1].end, last),
                confidence=math.prod(token.probability for token in heard[word.first : word.end]),
            )
            for word, text in zip(spelled, written, strict=True)
        )
        return Decoding(
            tokens=tuple(token.id for token in heard),
            text=joined(*written),
            confidence=math.prod(word.confidence for word in words) if words else 0.0,
            words=words,
            state=state,
        )


def _streaming(settings: FunasrSettings, device: Device) -> StreamingParaformer:
    loaded = load_model(model_folder(settings.streaming), device)
    # Only what was loaded tells whether torch is there.
    from asr.engines.funasr.streaming import Chunking, StreamingParaformer

    _, new, ahead = settings.chunk_size
    return StreamingParaformer(loaded, Chunking(new, ahead, settings.encoder_look_back, settings.decoder_look_back))


def _offline(settings: FunasrSettings, device: Device) -> OfflineParaformer:
    loaded = load_model(model_folder(settings.offline), device)
    from asr.engines.funasr.offline import OfflineParaformer

    return OfflineParaformer(loaded)


def _punctuation(settings: FunasrSettings, device: Device) -> Punctuation:
    loaded = load_model(model_folder(settings.punctuation), device)
    from asr.engines.funasr.punctuation import Punctuation

    return Punctuation(loaded)
