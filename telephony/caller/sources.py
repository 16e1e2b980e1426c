"""Playing PCM into m-lines so that all of them start with the same tick of the bridge."""

import pjsua2 as pj

from callscribe.domain.audio import SAMPLE_BYTES
from telephony.pjsip import create_port, fill_frame

RATE = 8000
FRAME_MS = 20
_FRAME_BYTES = RATE * FRAME_MS // 1000 * SAMPLE_BYTES
_SILENCE = bytes(_FRAME_BYTES)
_LEAD_TICKS = 3
"""Ticks between start() and the first sample, so that no source misses it."""


class Playhead:
    """Where all sources are. Counted by the bridge's thread, read by all."""

    def __init__(self) -> None:
        self.tick = 0
        self._start: int | None = None

    def start(self) -> None:
        if self._start is None:
            self._start = self.tick + _LEAD_TICKS

    @property
    def frame(self) -> int:
        """Number of the frame to be played in this tick; negative before the start."""
        return -1 if self._start is None else self.tick - self._start


class Metronome(pj.AudioMediaPort):  # type: ignore[misc]  # PJSUA2 has no types
    """Counts ticks: the bridge writes to it after it has read all sources."""

    def __init__(self, playhead: Playhead) -> None:
        super().__init__()
        self._playhead = playhead
        create_port(self, "metronome", RATE, FRAME_MS)

    def onFrameReceived(self, frame: pj.MediaFrame) -> None:  # noqa: N802
        self._playhead.tick += 1


class Source(pj.AudioMediaPort):  # type: ignore[misc]  # PJSUA2 has no types
    """Plays one file once; silence before and after."""

    def __init__(self, pcm: bytes, playhead: Playhead) -> None:
        super().__init__()
        self._pcm = pcm
        self._playhead = playhead
        create_port(self, "source", RATE, FRAME_MS)

    @property
    def frames(self) -> int:
        """Length in ticks."""
        return -(-len(self._pcm) // _FRAME_BYTES)

    def onFrameRequested(self, frame: pj.MediaFrame) -> None:  # noqa: N802
        number = self._playhead.frame
        pcm = self._pcm[number * _FRAME_BYTES : (number + 1) * _FRAME_BYTES] if number >= 0 else b""
        fill_frame(frame, pcm.ljust(_FRAME_BYTES, b"\0") if pcm else _SILENCE)
