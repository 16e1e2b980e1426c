"""A channel of an ended call decoded again by a better model: a second text for each utterance, or none."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from asr.engine import ENGINE_RATE, Waveform
from asr.engines.whisper import PACKAGED_NAME, WINDOW_S, HeardWord, WhisperEngine
from asr.level import leveled
from asr.packing import Piece, Span, Window, pack
from asr.repetition import loop_length
from asr.settings import SecondPassSettings
from callscribe.domain.transcript import Word

_MOST_COMPRESSION = 2.4
"""Text that packs better than this repeats itself (Whisper's own bound)."""
_NO_SPEECH = 0.6
_UNLIKELY = -1.0
"""Mean log-probability; with a chance of silence above _NO_SPEECH the text is made up (Whisper's own rule)."""
_MOST_WORDS_A_SECOND = 7.0
"""More than anybody says: words of another utterance have slipped in."""
_FEWEST_WORDS_A_SECOND = 0.4
"""Fewer words than this in speech of _LONG_S mean that the model has skipped some."""
_LONG_S = 4.0


@dataclass(frozen=True, slots=True)
class SecondPassText:
    """The second text of an utterance."""

    text: str
    confidence: float
    """0 to 1: the mean of its words'."""
    words: tuple[Word, ...]
    """With their times, in samples from the start of the call."""


class SecondPass:
    """Whisper over whole channels. The model is loaded at the first use; used by one thread at a time."""

    def __init__(self, settings: SecondPassSettings) -> None:
        self._settings = settings
        self._folder = Path(settings.model).expanduser() if settings.model else None
        self._loaded: WhisperEngine | None = None

    @property
    def engine(self) -> str:
        """Name of the model, for a revision's `engine`."""
        return f"whisper-{self._folder.name}" if self._folder else PACKAGED_NAME

    def revise(
        self,
        pcm: NDArray[np.int16],
        rate: int,
        spans: Sequence[Span],
        hotwords: tuple[str, ...] = (),
        language: str = "en",
    ) -> tuple[SecondPassText | None, ...]:
        """A second text for each of a channel's utterances; None: the first text is to be kept.

        `pcm` is the whole channel from sample 0 of the call, 1-D, at `rate` Hz; a span is an utterance's first sample
        and the first after it. Several utterances share a window, so that a minute of speech costs little more than
        two windows. Raises EngineUnavailable when the model is missing.
        """
        engine = self._engine()
        texts: list[SecondPassText | None] = [None] * len(spans)
        for window in pack(spans, len(pcm), rate, WINDOW_S):
            heard = engine.decode(_sound(pcm, rate, window), hotwords, language)
            for piece, words in _words_by_piece(window, heard, rate):
                if _plausible(words, piece.samples / rate):
                    texts[piece.index] = _text(piece, words, rate)
        return tuple(texts)

    def _engine(self) -> WhisperEngine:
        if self._loaded is None:
            self._loaded = WhisperEngine(self._folder, self._settings.beam, self._settings.threads)
        return self._loaded


def _sound(pcm: NDArray[np.int16], rate: int, window: Window) -> Waveform:
    """The window's audio at ENGINE_RATE, each utterance at the same level."""
    pieces = [pcm[piece.start : piece.end].astype(np.float32) / np.float32(32768) for piece in window.pieces]
    return np.concatenate([leveled(soxr.resample(piece, rate, ENGINE_RATE)) for piece in pieces])


def _words_by_piece(window: Window, heard: Sequence[HeardWord], rate: int) -> list[tuple[Piece, tuple[HeardWord, ...]]]:
    """The words whose middle lies in each piece."""
    words: dict[int, list[HeardWord]] = {piece.index: [] for piece in window.pieces}
    for word in heard:
        words[window.piece_at(round((word.start_s + word.end_s) / 2 * rate)).index].append(word)
    return [(piece, tuple(words[piece.index])) for piece in window.pieces]


def _plausible(words: Sequence[HeardWord], seconds: float) -> bool:
    if not words or any(word.no_speech > _NO_SPEECH and word.log_probability < _UNLIKELY for word in words):
        return False
    if len(words) > _MOST_WORDS_A_SECOND * seconds or (
        seconds > _LONG_S and len(words) < _FEWEST_WORDS_A_SECOND * seconds
    ):
        return False
    plain = [word.text.strip(" .,;:!?-").lower() for word in words]
    numbers = {word: number for number, word in enumerate(plain)}
    text = " ".join(plain).encode()
    return (
        not loop_length([numbers[word] for word in plain]) and len(text) / len(zlib.compress(text)) < _MOST_COMPRESSION
    )


def _text(piece: Piece, heard: Sequence[HeardWord], rate: int) -> SecondPassText:
    words = tuple(
        Word(
            text=word.text.strip(),
            start=piece.channel_sample(round(word.start_s * rate)),
            end=piece.channel_sample(round(word.end_s * rate)),
            confidence=min(1.0, max(0.0, word.probability)),
        )
        for word in heard
    )
    text = " ".join("".join(word.text for word in heard).split())
    return SecondPassText(text, float(np.mean([word.confidence for word in words])), words)
