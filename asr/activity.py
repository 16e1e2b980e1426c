"""Voice activity: how likely each 32 ms of a channel is speech. Silero VAD 6 behind a gate above the line's noise; soft
lines it hears louder.

Model: Silero Team, "Silero VAD", https://github.com/snakers4/silero-vad, MIT; the package faster-whisper carries it.
"""

import math
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from asr.engine import Waveform
from asr.runtime import Model, package_folder

WINDOW = 512
"""Samples of one decision: 32 ms at ENGINE_RATE."""
_CONTEXT = 64
"""Samples before a window that the model hears with it."""
_LOUDEST_SILENCE = 10.0 ** (-62.0 / 10.0)
"""Mean power from which the model is always asked: idle lines lie below -65 dBFS. Powers are without what is constant:
A-law has no zero, its silence is a constant 8, and what the model makes of that it keeps in its state."""
_FAINTEST_SPEECH = 10.0 ** (-90.0 / 10.0)
"""Mean power below which a window is silence on any line."""
_ABOVE_NOISE = 10.0 ** (6.0 / 10.0)
"""Between the two, windows this much above the line's noise are worth a question: soft lines carry soft speech."""
_NOISE_RISE = 10.0 ** (0.03 / 10.0)
"""What the noise is taken to grow in a window, 1 dB a second, until a quieter one is heard."""
_WANTED = 10.0 ** (-26.0 / 10.0)
"""Mean power that the loudest windows of a soft line are brought to: the model is used to such speech."""
_MOST_GAIN = 10.0 ** (30.0 / 10.0)
_FORGETTING = 10.0 ** (-0.01 / 10.0)
"""What the loudest power is taken to sink in a window, a third of a decibel a second."""
_UNKNOWN = _WANTED / 10.0 ** (4.0 / 10.0)
"""Mean power taken for the loudest where nothing has been heard yet: one soft sound is no reason for a gain that is
wrong for the word after it."""
_FIRST_WINDOWS = 32
_FIRST_FORGETTING = 10.0 ** (-2.0 / 10.0)
"""As _FORGETTING, for so many first windows: a soft line is known as one within half a second of speech."""
_STATE_SHAPE = (1, 1, 128)
_SILENT_WINDOWS = 32
"""Windows of silence that the model has heard before a channel's first: from nothing straight to speech it is unsure
for the length of a "No."."""


class Ear(Protocol):
    """Hears one channel."""

    def push(self, audio: Waveform) -> NDArray[np.float32]:
        """Probabilities, 0 to 1, of the whole windows that `audio` is: its length is a multiple of WINDOW."""
        ...


class Ears(Protocol):
    """A loaded model of voice activity; channels share it, used by one thread at a time."""

    def listen(self) -> Ear:
        """The ear of another channel."""
        ...


class ActivityModel:
    """The loaded model; channels share it, used by one thread at a time."""

    def __init__(self, file: Path | None = None) -> None:
        """Raises EngineUnavailable when the model is missing."""
        self._model = Model(file or package_folder("faster_whisper") / "assets" / "silero_vad_v6.onnx")
        nothing = (np.zeros(_STATE_SHAPE, np.float32), np.zeros(_STATE_SHAPE, np.float32))
        _, self.silent = self.run(np.zeros((_SILENT_WINDOWS, _CONTEXT + WINDOW), np.float32), nothing)
        """State after silence."""

    def listen(self) -> "Activity":
        """The ear of another channel."""
        return Activity(self)

    def run(
        self, windows: NDArray[np.float32], state: tuple[NDArray[np.float32], NDArray[np.float32]]
    ) -> tuple[NDArray[np.float32], tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Probabilities of consecutive windows of shape (count, _CONTEXT + WINDOW), and the state after them."""
        probabilities, hidden, cell = self._model.run({"input": windows, "h": state[0], "c": state[1]})
        return probabilities.reshape(-1), (hidden, cell)


class Activity:
    """The ear of one channel: windows in, probabilities out, state kept between."""

    __slots__ = ("_context", "_heard", "_loudest", "_model", "_noise", "_state")

    def __init__(self, model: ActivityModel) -> None:
        self._model = model
        self._context = np.zeros(_CONTEXT, np.float32)
        self._loudest = _UNKNOWN
        self._heard = 0
        self._noise = _LOUDEST_SILENCE
        self._state = model.silent

    def push(self, audio: Waveform) -> NDArray[np.float32]:
        """Probabilities, 0 to 1, of the whole windows that `audio` is: its length is a multiple of WINDOW."""
        windows = audio.reshape(-1, WINDOW)
        known = np.concatenate([self._context, audio])
        self._context = known[-_CONTEXT:]
        powers = windows.var(axis=1)
        heard = np.flatnonzero([self._worth_asking(power) for power in powers.tolist()])
        probabilities = np.zeros(len(windows), np.float32)
        if len(heard):
            overlapping = np.lib.stride_tricks.sliding_window_view(known, _CONTEXT + WINDOW)[::WINDOW]
            gains = np.array([self._gain(power) for power in powers[heard].tolist()], np.float32)
            audible = overlapping[heard] * gains[:, np.newaxis]
            probabilities[heard], self._state = self._model.run(audible, self._state)
        return probabilities

    def _gain(self, power: float) -> float:
        """Factor for a window of this mean power: it raises a soft line, and leaves a loud one as it is."""
        forgetting = _FIRST_FORGETTING if self._heard < _FIRST_WINDOWS else _FORGETTING
        self._loudest = max(power, self._loudest * forgetting)
        self._heard += 1
        return math.sqrt(min(max(_WANTED / self._loudest, 1.0), _MOST_GAIN))

    def _worth_asking(self, power: float) -> bool:
        """True when a window of this mean power may be speech."""
        self._noise = max(min(power, self._noise * _NOISE_RISE), _FAINTEST_SPEECH / _ABOVE_NOISE)
        return power >= min(self._noise * _ABOVE_NOISE, _LOUDEST_SILENCE)
