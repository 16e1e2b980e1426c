"""Taps: ports of the conference bridge through which a line hears its calls."""

import time
from collections import defaultdict, deque
from typing import NamedTuple

import pjsua2 as pj

from telephony.line.clock import LineClock
from telephony.pjsip import create_port, frame_bytes, keep_thread_state

TICK_MS = 20
"""Frame of the bridge and the taps: a packet's, so that the jitter buffer need not hold back several."""
_AT_START = 10
"""Taps of 4 two-party calls and of one that has just ended; more are made when they are needed. Each costs a callback a
tick, call or not."""
_REST_S = 0.5
"""A tap rests so long before its next call, until the bridge has let go of it."""
_QUEUE_FRAMES = 5000
"""Frames that may wait for the main thread: some 6 s of 16 channels."""


class ChannelKey(NamedTuple):
    """Whose audio a tap hears."""

    call: int
    """Serial number of the call in this process: PJSUA's own ids are soon used again."""
    channel: int


class Frame(NamedTuple):
    """What one tap heard in one tick."""

    key: ChannelKey
    position: int
    """Tick on the line's clock."""
    pcm: bytes
    """One tick of audio, or empty: the m-line is held or has no stream."""


class FrameQueue:
    """From the bridge's thread to the main one; bounded, drops are counted."""

    def __init__(self) -> None:
        self._frames: deque[Frame] = deque()
        self.dropped = 0

    def put(self, frame: Frame) -> None:
        if len(self._frames) >= _QUEUE_FRAMES:
            self.dropped += 1
        else:
            self._frames.append(frame)

    def take(self) -> Frame | None:
        return self._frames.popleft() if self._frames else None


class _Metronome(pj.AudioMediaPort):  # type: ignore[misc]  # PJSUA2 has no types
    """The port in the bridge's first slot: it is served first in every tick, so it counts the tick for all others."""

    def __init__(self, clock: LineClock) -> None:
        super().__init__()
        self._clock = clock
        self.leases = 0
        """Taps that hear someone."""

    def onFrameReceived(self, frame: pj.MediaFrame) -> None:  # noqa: N802
        # PJSUA ends this thread a second after the last call, and the next call gets another.
        keep_thread_state(self.leases > 0)
        self._clock.beat(time.monotonic())


class Tap(pj.AudioMediaPort):  # type: ignore[misc]  # PJSUA2 has no types
    """Hears one m-line at a time. Called by the bridge's thread, which cannot fail here: it copies and enqueues."""

    def __init__(self, clock: LineClock, queue: FrameQueue, rate: int) -> None:
        super().__init__()
        self._clock = clock
        self._queue = queue
        self.rate = rate
        """Hz of what it hears; the bridge resamples."""
        self.key: ChannelKey | None = None

    def onFrameReceived(self, frame: pj.MediaFrame) -> None:  # noqa: N802
        key = self.key
        if key is not None:
            self._queue.put(Frame(key, self._clock.position, frame_bytes(frame)))


class TapPool:
    """All taps of a line. None is ever destroyed: destroying a port while the bridge serves it ends the process."""

    def __init__(self, clock_rate: int, rate: int) -> None:
        """`clock_rate` is the bridge's, `rate` that of most calls."""
        self.clock = LineClock(TICK_MS / 1000)
        self.queue = FrameQueue()
        self._metronome = _Metronome(self.clock)
        create_port(self._metronome, "metronome", clock_rate, TICK_MS)
        self._taps: list[Tap] = []
        self._free: dict[int, deque[Tap]] = defaultdict(deque)
        self._resting: deque[tuple[float, Tap]] = deque()
        self._free[rate].extend(self._make(rate) for _ in range(_AT_START))

    def lease(self, key: ChannelKey, rate: int) -> Tap:
        """A tap that hears for `key` from now on, at a rate in Hz. Raises pj.Error when the bridge is full."""
        if not self._metronome.leases:
            self.clock.restart()
        now = time.monotonic()
        while self._resting and self._resting[0][0] <= now:
            rested = self._resting.popleft()[1]
            self._free[rested.rate].append(rested)
        tap = self._free[rate].popleft() if self._free[rate] else self._make(rate)
        tap.key = key
        self._metronome.leases += 1
        return tap

    def release(self, tap: Tap) -> None:
        tap.key = None
        self._metronome.leases -= 1
        self._resting.append((time.monotonic() + _REST_S, tap))

    def _make(self, rate: int) -> Tap:
        tap = Tap(self.clock, self.queue, rate)
        create_port(tap, "tap", rate, TICK_MS)
        self._taps.append(tap)
        return tap
