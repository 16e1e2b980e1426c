"""When an utterance begins, pauses and ends: a state machine over speech probabilities. Pure; it counts windows.

Who pauses may be done, or not: what was said tells. Whoever understands it is asked when the shorter hang is over, and
`decide`s; until then no window may be pushed.
"""

import math
from dataclasses import dataclass

from asr.settings import EndpointSettings

WINDOW_MS = 32
"""Length of the windows whose probabilities are pushed."""
_SPEECH = 0.5
"""Probability that a run of windows has on average where speech begins."""
_STILL_SPEECH = 0.35
"""Probability from which a window may be speech."""
_SPECULATE_MS = 192
"""Pause after which it is worth decoding in advance what may be the whole utterance."""
_SHORT_PAUSE_MS = 128
"""Pause at which an utterance of full length is cut."""
_IMPATIENT_FROM = 2 / 3
"""Share of the full length from which ever shorter pauses end an utterance."""
_HARD_LIMIT = 1.25
"""Times the full length at which an utterance is cut even where nobody pauses."""


@dataclass(frozen=True, slots=True)
class Began:
    """An utterance began at window `start`, some windows ago."""

    start: int


@dataclass(frozen=True, slots=True)
class Paused:
    """Nobody has spoken since window `end`: this may be the utterance's end."""

    end: int
    heard: int
    """Window (exclusive) up to which audio belongs to the utterance: some silence helps engines."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """The pause is over; the utterance goes on."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Speech ended at window `end` (exclusive)."""

    end: int
    heard: int
    """As in `Paused`."""


EndpointEvent = Began | Paused | Resumed | Ended


class Endpointer:
    """Push one probability for every window; events come as soon as they are certain."""

    __slots__ = (
        "_begun",
        "_done",
        "_full_length",
        "_hang",
        "_last_speech",
        "_late",
        "_onset",
        "_open_hang",
        "_paused",
        "_risen",
        "_rising",
        "_speculate",
        "position",
        "undecided",
    )

    def __init__(self, settings: EndpointSettings, position: int = 0) -> None:
        """`position` is the index of the first window that will be pushed."""
        self.position = position
        self.undecided = False
        """True when the utterance ends here if what was said is complete: `decide` before the next `push`."""
        self._onset = _windows(settings.onset_ms)
        self._hang = _windows(settings.hang_ms)
        self._open_hang = max(self._hang, _windows(settings.open_hang_ms))
        self._speculate = min(_windows(_SPECULATE_MS), self._hang)
        self._full_length = _windows(settings.max_utterance_s * 1000)
        self._rising: int | None = None
        self._risen = 0.0
        self._begun: int | None = None
        self._last_speech = position
        self._paused = False
        self._done: bool | None = None
        self._late: list[float] = []

    @property
    def quiet_since(self) -> int:
        """The window up to which nothing more can begin: the position in silence, the first speech window otherwise."""
        for start in (self._begun, self._rising):
            if start is not None:
                return start
        return self.position

    @property
    def spoken_until(self) -> int:
        """The window after the newest one that may be speech of the utterance that goes on."""
        return self._last_speech + 1

    def push(self, probability: float) -> tuple[EndpointEvent, ...]:
        """What is certain after one more window."""
        window = self.position
        self.position += 1
        if self._begun is None:
            return self._listen(window, probability)
        return self._follow(self._begun, window, probability)

    def decide(self, done: bool) -> tuple[EndpointEvent, ...]:
        """Say whether the pause going on ends the utterance when the hang is over, or only after the longer one."""
        if not self._paused:
            return ()
        self._done = done
        asked, self.undecided = self.undecided, False
        return self._end() if asked and done else ()

    def finish(self) -> tuple[EndpointEvent, ...]:
        """No window follows: an utterance that goes on ends."""
        return () if self._begun is None else self._end()

    def _listen(self, window: int, probability: float) -> tuple[EndpointEvent, ...]:
        """Speech begins softly: a run of windows counts from its first doubtful one, and for what it is on average."""
        if probability < _STILL_SPEECH:
            self._rising, self._risen = None, 0.0
            return ()
        if self._rising is None:
            self._rising = window
        self._risen += probability
        length = window + 1 - self._rising
        if length < self._onset or self._risen < length * _SPEECH:
            return ()
        return (self._begin(self._rising),)

    def _follow(self, begun: int, window: int, probability: float) -> tuple[EndpointEvent, ...]:
        length = window + 1 - begun
        if length > self._full_length:
            self._late.append(probability)
        if probability >= _STILL_SPEECH:
            self._last_speech = window
            if length >= self._full_length * _HARD_LIMIT:
                return self._cut()
            resumed, self._paused, self._done = self._paused, False, None
            return (Resumed(),) if resumed else ()
        return self._pause(window - self._last_speech, length)

    def _pause(self, silence: int, length: int) -> tuple[EndpointEvent, ...]:
        """`silence` windows after the last that may have been speech."""
        if silence >= self._patience(length, self._hang) and (self._done or not self._judged):
            return self._end()
        if silence >= self._patience(length, self._open_hang):
            return self._end()
        pausing, self._paused = self._paused, self._paused or silence >= self._speculate
        self.undecided = self._paused and self._done is None and silence >= self._patience(length, self._hang)
        return () if pausing or not self._paused else (Paused(self._last_speech + 1, self.position),)

    @property
    def _judged(self) -> bool:
        """True where the words decide between two hangs."""
        return self._open_hang > self._hang

    def _patience(self, length: int, hang: int) -> float:
        """Silence in windows that ends an utterance of `length` windows: `hang`, less from some length on."""
        shortest = min(_windows(_SHORT_PAUSE_MS), hang)
        spent = (length / self._full_length - _IMPATIENT_FROM) / (1 - _IMPATIENT_FROM)
        return hang - (hang - shortest) * min(max(spent, 0.0), 1.0)

    def _begin(self, start: int) -> Began:
        self._begun, self._late = start, []
        self._paused, self._done, self.undecided = False, None, False
        self._rising, self._risen = None, 0.0
        self._last_speech = self.position - 1
        return Began(start)

    def _end(self) -> tuple[EndpointEvent, ...]:
        self._begun, self.undecided = None, False
        end = self._last_speech + 1
        return (Ended(end, min(self.position, end + self._speculate)),)

    def _cut(self) -> tuple[EndpointEvent, ...]:
        """Cut where it sounds least like speech of what lies beyond the full length; a new utterance follows."""
        place = self.position - len(self._late) + self._late.index(min(self._late))
        return (Ended(place, place), self._begin(place))


def _windows(milliseconds: int) -> int:
    return max(1, math.ceil(milliseconds / WINDOW_MS))
