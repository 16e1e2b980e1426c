"""Features of audio as Paraformer hears it: Kaldi's log Mel filter bank, stacked frames, normalised.

A vector depends on a stretch of audio only, so it is computed of that stretch: what was heard before leaves no state
behind, and the vectors of a stream are those of the whole audio, wherever it was cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from asr.engine import ENGINE_RATE, Waveform
from callscribe.domain.errors import EngineUnavailable

if TYPE_CHECKING:
    from asr.engines.funasr.loading import Frontend, Normalization

Vectors = NDArray[np.float32]
"""(vectors, width)."""

FULL_SCALE = 32768.0
"""Kaldi's samples are whole numbers of 16 bits."""


class Features:
    """Computes a model's feature vectors. Keeps nothing of what it heard."""

    def __init__(self, frontend: Frontend, normalization: Normalization) -> None:
        """Raises EngineUnavailable when kaldi-native-fbank is not installed."""
        try:
            import kaldi_native_fbank
        except ImportError as error:
            raise EngineUnavailable("the package kaldi-native-fbank is missing: install callscribe[funasr]") from error
        self._filter_bank = kaldi_native_fbank.OnlineFbank
        self._options = options = kaldi_native_fbank.FbankOptions()
        options.frame_opts.samp_freq = ENGINE_RATE
        options.frame_opts.frame_length_ms = frontend.frame_ms
        options.frame_opts.frame_shift_ms = frontend.shift_ms
        options.frame_opts.window_type = frontend.window
        # FunASR's runtime adds no noise either: the same audio is to give the same text.
        options.frame_opts.dither = 0.0
        options.mel_opts.num_bins = frontend.mels
        options.energy_floor = 0.0
        self._frontend = frontend
        self._normalization = normalization
        self._shift = frontend.shift_ms * ENGINE_RATE // 1000
        self._frame = frontend.frame_ms * ENGINE_RATE // 1000
        self._before = (frontend.stacked - 1) // 2

    def count(self, samples: int, *, ended: bool) -> int:
        """Vectors that so many samples of audio give; more of them where it ends there and nothing is waited for."""
        frames = self._frames(samples)
        if ended:
            return -(-frames // self._frontend.stride)
        return max((frames + self._before - self._frontend.stacked) // self._frontend.stride + 1, 0)

    def vectors(self, audio: Waveform, first: int, end: int) -> Vectors:
        """Vectors `first` to `end` (exclusive) of audio that begins with its first sample.

        Beyond its first and last frame these are repeated: what is still to come changes vectors from `count` on.
        """
        if end <= first:
            return np.zeros((0, self._frontend.width), np.float32)
        begin = first * self._frontend.stride - self._before
        low = max(begin, 0)
        high = min((end - 1) * self._frontend.stride - self._before + self._frontend.stacked, self._frames(len(audio)))
        mels = self._log_mels(audio[low * self._shift : (high - 1) * self._shift + self._frame])
        starts = np.arange(end - first) * self._frontend.stride + begin
        frames = starts[:, None] + np.arange(self._frontend.stacked)
        stacked = mels[np.clip(frames, low, high - 1) - low].reshape(end - first, -1)
        return self.normalised(stacked)

    def normalised(self, stacked: NDArray[np.float32]) -> Vectors:
        """Vectors of stacked frames."""
        normalised: Vectors = (stacked + self._normalization.shift) * self._normalization.scale
        return normalised

    def bank(self) -> Any:
        """Another of Kaldi's filter banks for this model, which takes samples as whole numbers of 16 bits."""
        return self._filter_bank(self._options)

    def _frames(self, samples: int) -> int:
        return max((samples - self._frame) // self._shift + 1, 0)

    def _log_mels(self, audio: Waveform) -> NDArray[np.float32]:
        bank = self.bank()
        bank.accept_waveform(ENGINE_RATE, audio * np.float32(FULL_SCALE))
        bank.input_finished()
        return np.stack([bank.get_frame(frame) for frame in range(bank.num_frames_ready)])
