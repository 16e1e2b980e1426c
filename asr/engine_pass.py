"""A second pass by an engine of the live kind: for languages that Whisper does not know, or with a better model."""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np
import soxr
from numpy.typing import NDArray

from asr.attempt import decode_each
from asr.engine import ENGINE_RATE, Capabilities, Decoding, DecodingJob, Engine
from asr.engines import load_engine
from asr.evidence import spoken
from asr.level import leveled
from asr.packing import Piece, Span, pack
from asr.second_pass import SecondPassText
from asr.settings import RecognizerSettings
from callscribe.domain.errors import RecognitionError
from callscribe.domain.hotword import Hotword
from callscribe.domain.transcript import Final, Word


class EnginePass:
    """An engine over whole channels, utterance by utterance. Loaded at the first use; used by one thread at a time."""

    def __init__(
        self, settings: RecognizerSettings, cpu_share: float, cpu_clock: Callable[[], float] = time.process_time
    ) -> None:
        """`settings.engine` is the engine, `cpu_share` as a SecondPassSettings'; `cpu_clock` tells the CPU seconds that
        decoding has taken."""
        self._settings = settings
        self._cpu_share = cpu_share
        self._cpu_clock = cpu_clock
        self._loaded: Engine | None = None

    @property
    def engine(self) -> str:
        """Name of the engine, for a revision's `engine`. Raises EngineUnavailable."""
        return self._engine().name

    @property
    def capabilities(self) -> Capabilities:
        """What the engine can do. Raises EngineUnavailable."""
        return self._engine().capabilities

    def knows(self, language: str) -> bool:
        """True for a BCP 47 tag of a language that it can decode. Raises EngineUnavailable."""
        return self.capabilities.knows(language)

    def revise(
        self,
        pcm: NDArray[np.int16],
        rate: int,
        spans: Sequence[Span],
        language: str = "en",
        hotwords: tuple[Hotword, ...] = (),
    ) -> tuple[SecondPassText | None, ...]:
        """As `asr.second_pass.SecondPass.revise`; the engine's decoder prefers the hotwords where it can.

        What the engine fails on keeps its first text. Raises RecognitionError where it fails on all.
        """
        engine = self._engine()
        texts: dict[int, SecondPassText] = {}
        tried = failed = 0
        done_by = self._cpu_clock() + self._cpu_share * len(pcm) / rate
        pieces = (window.pieces[0] for window in pack(spans, len(pcm), rate, capacity_s=0.0))
        for number, batch in enumerate(_batches(pieces, engine.max_batch)):
            if number and self._cpu_clock() >= done_by:
                break
            jobs = [
                DecodingJob(
                    leveled(_resampled(pcm[piece.start : piece.end], rate)), hotwords=hotwords, language=language
                )
                for piece in batch
            ]
            decodings = decode_each(engine, jobs)
            tried, failed = tried + len(jobs), failed + decodings.count(None)
            for piece, decoding in zip(batch, decodings, strict=True):
                # What may have been made up is not worth a revision.
                if decoding is not None and spoken(decoding, activity=0.0):
                    texts[piece.index] = _text(piece, decoding, rate)
        if failed and failed == tried:
            raise RecognitionError(f"the engine {engine.name} failed on all that was said")
        return tuple(texts.get(index) for index in range(len(spans)))

    def weigh(
        self,
        pcm: NDArray[np.int16],
        rate: int,
        spans: Sequence[Span],
        finals: Sequence[Final],
        texts: Sequence[SecondPassText | None],
    ) -> tuple[SecondPassText | None, ...]:
        """The texts as they are: their confidences are all that is known of them."""
        return tuple(texts)

    def _engine(self) -> Engine:
        if self._loaded is None:
            self._loaded = load_engine(self._settings)
        return self._loaded


def _batches(pieces: Iterator[Piece], size: int) -> Iterator[list[Piece]]:
    while batch := list(islice(pieces, size)):
        yield batch


def _resampled(pcm: NDArray[np.int16], rate: int) -> NDArray[np.float32]:
    audio: NDArray[np.float32] = soxr.resample(pcm.astype(np.float32) / np.float32(32768), rate, ENGINE_RATE)
    return audio


def _text(piece: Piece, decoding: Decoding, rate: int) -> SecondPassText:
    words = tuple(
        Word(
            word.text,
            piece.channel_sample(word.start * rate // ENGINE_RATE),
            piece.channel_sample(word.end * rate // ENGINE_RATE),
            word.confidence,
        )
        for word in decoding.words
    )
    return SecondPassText(decoding.text, decoding.confidence, words, cost=decoding.cost)
