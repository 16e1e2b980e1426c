"""A stretch of a channel's audio, found by its place in the call. Pure."""

import numpy as np

from asr.engine import Waveform


class AudioBuffer:
    """Audio from sample `start` to sample `end`, at ENGINE_RATE from the start of the call."""

    __slots__ = ("_filled", "_store", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        self._store = np.empty(1 << 14, np.float32)
        self._filled = 0

    @property
    def end(self) -> int:
        return self.start + self._filled

    def append(self, audio: Waveform) -> None:
        needed = self._filled + len(audio)
        if needed > len(self._store):
            self._store = np.concatenate([self._store[: self._filled], np.empty(needed, np.float32)])
        self._store[self._filled : needed] = audio
        self._filled = needed

    def take(self, start: int, end: int) -> Waveform:
        """A copy of what is here between two places."""
        return self._store[max(start - self.start, 0) : max(min(end, self.end) - self.start, 0)].copy()

    def forget(self, before: int) -> None:
        """Drop what lies before a place."""
        drop = min(max(before - self.start, 0), self._filled)
        if not drop:
            return
        kept = self._store[drop : self._filled]
        # A long utterance must not leave its room behind in a channel that is silent again.
        self._store = np.concatenate([kept, np.empty(max(len(kept), 1 << 13), np.float32)])
        self._filled = len(kept)
        self.start += drop
