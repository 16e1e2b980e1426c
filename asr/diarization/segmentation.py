"""Where somebody speaks, and where within that somebody else begins or joins in."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asr.diarization.packaged import SEGMENTATION, load_packaged
from asr.engine import ENGINE_RATE, Waveform

FRAMES_S = 100
"""Frames a second, in which all of diarisation reckons."""
_FRAME = ENGINE_RATE // FRAMES_S
_WINDOW = 10 * FRAMES_S
"""Frames that the model hears at once."""
_MARGIN = FRAMES_S
"""Frames at either end of a window that are taken from its neighbour, which knows what comes before or after."""
_HOP = _WINDOW - 2 * _MARGIN
_BATCH = 4
"""Windows heard at once: more cost memory and save nothing."""

SpeakerSets = NDArray[np.uint8]
"""For each frame who of a window's three speakers speaks, one bit each."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames in which nobody begins or ends to speak, as far as the model hears."""

    start: int
    end: int
    """The frame after the last."""
    voices: int
    """How many speak at once."""


class Segmentation:
    """The loaded model. It tells the speakers of a window apart, not whether those of another one are the same."""

    def __init__(self) -> None:
        """Raises EngineUnavailable where the model is missing."""
        self._model = load_packaged(SEGMENTATION)

    def stretches(self, audio: Waveform) -> tuple[Stretch, ...]:
        """In order, of the whole frames that the audio holds. Raises RecognitionError."""
        frames = len(audio) // _FRAME
        if not frames:
            return ()
        windows = -(-frames // _HOP)
        padded = np.pad(audio, (_MARGIN * _FRAME, (windows * _HOP + _MARGIN) * _FRAME - len(audio)))
        overlapping = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW * _FRAME)[:: _HOP * _FRAME]
        sets = [self._hear(overlapping[first : first + _BATCH]) for first in range(0, windows, _BATCH)]
        return tuple(stretches_of(np.concatenate(sets)[:frames]))

    def _hear(self, windows: NDArray[np.float32]) -> SpeakerSets:
        """The middles of consecutive windows."""
        active = self._model.run({"waveforms": windows[:, np.newaxis]})[0] > 0.0
        sets = active @ np.array([1, 2, 4], np.uint8)
        places = np.arange(_MARGIN, _MARGIN + _HOP) * sets.shape[1] // _WINDOW
        return sets[:, places].reshape(-1).astype(np.uint8)


def stretches_of(sets: SpeakerSets) -> Iterator[Stretch]:
    """Cut where the speakers change. From one window to the next only their number tells."""
    voices = np.bitwise_count(sets)
    same_window = np.arange(1, len(sets)) % _HOP > 0
    changes = np.flatnonzero((np.diff(voices.astype(np.int8)) != 0) | ((np.diff(sets) != 0) & same_window)) + 1
    for start, end in zip([0, *changes.tolist()], [*changes.tolist(), len(sets)], strict=True):
        if voices[start]:
            yield Stretch(start, end, int(voices[start]))
