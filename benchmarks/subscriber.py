"""What a subscriber sees of calls, against what their callers said and when: ages and delays in milliseconds.

All times are the caller's: a sample is spoken when the RTP packet that carries it is sent. Where a call's own sample
count stands in the caller's is found in its recording.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from callscribe.events.schema import CallStarted, UtteranceFinal, UtterancePartial, from_json

RATE = 8000
_FRAME = RATE // 100
_AUDIBLE = 100.0
"""Mean magnitude of 10 ms that is speech; between words the demo call is silent."""
_APART_S = 1.0
"""Silence that parts two stretches of speech: an utterance ends in it whatever was said."""
_LEAD_S = 0.5
"""How much sooner than the speech an utterance may seem to begin."""
_TAIL_S = 0.15
_LOOK_S = 0.1
"""Time between two looks at the screen."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A text as it came on the screen."""

    at: float
    """Unix time."""
    channel: int
    start: float
    """Seconds of the call at which the utterance begins."""
    end: float
    """Seconds of the call up to which it was heard."""
    final: bool

    @property
    def heard(self) -> float:
        """Second of the call up to which speech is in the text: an utterance's end may lie in its last sound."""
        return self.end + _TAIL_S if self.final else self.end


@dataclass(frozen=True, slots=True)
class Stretch:
    """Speech without a long pause. Times are seconds from the first sample sent."""

    audible: NDArray[np.float64]
    """Where each 10 ms begin that can be heard."""

    @property
    def start(self) -> float:
        return float(self.audible[0])

    @property
    def end(self) -> float:
        return float(self.audible[-1]) + 0.01


@dataclass(slots=True)
class Figures:
    """What was measured of some calls, in milliseconds."""

    first_partials: list[float] = field(default_factory=list)
    """From the onset of speech to its first text."""
    ages: list[float] = field(default_factory=list)
    """Text age: looking at the screen every 100 ms while a party speaks, the time since the first 10 ms of its speech
    that the newest text shown has not heard yet; 0 where there are none. Words that are still being spoken count."""
    finals: list[float] = field(default_factory=list)
    """From the end of speech to its final text."""
    missed: int = 0
    """Stretches of speech without a final."""


class Screen:
    """Listens to the floor's events."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._calls: dict[str, str] = {}
        self._shown: dict[str, list[Shown]] = {}

    def start(self) -> None:
        threading.Thread(target=self._listen, daemon=True).start()

    def of(self, sip_call_id: str) -> list[Shown]:
        """What was shown of a call, in order."""
        return self._shown.get(self._calls.get(sip_call_id, ""), [])

    def _listen(self) -> None:
        with suppress(ConnectionClosed), connect(self._url) as socket:
            for message in socket:
                at, event = time.time(), from_json(str(message))
                key = str(event.call_id)
                if isinstance(event, CallStarted):
                    self._calls[event.outside_ids["sip-call-id"]] = key
                elif isinstance(event, UtterancePartial | UtteranceFinal):
                    final = isinstance(event, UtteranceFinal)
                    shown = Shown(at, event.channel, event.start_ms / 1000, event.end_ms / 1000, final)
                    self._shown.setdefault(key, []).append(shown)


def stretches(channel: NDArray[np.int16]) -> list[Stretch]:
    """Where a clean channel speaks."""
    frames = channel[: len(channel) // _FRAME * _FRAME].reshape(-1, _FRAME)
    audible = np.flatnonzero(np.abs(frames.astype(np.float32)).mean(1) > _AUDIBLE) / 100
    if not len(audible):
        return []
    return [Stretch(part) for part in np.split(audible, np.flatnonzero(np.diff(audible) > _APART_S) + 1)]


def delay_of(sent: NDArray[np.int16], recorded: NDArray[np.int16]) -> float:
    """Seconds of the recording at which the first sample sent stands."""
    size = 1 << (len(sent) + len(recorded)).bit_length()
    spectrum = np.fft.rfft(recorded, size) * np.conj(np.fft.rfft(sent, size))
    place = int(np.argmax(np.fft.irfft(spectrum, size)))
    return (place if place < size // 2 else place - size) / RATE


def measure(shown: Sequence[Shown], spoken: Sequence[Stretch], began_at: float, delay: float, into: Figures) -> None:
    """Add what one channel shows. `began_at`: Unix time of its first packet; `delay`: see `delay_of`."""
    for stretch in spoken:
        own = [text for text in shown if stretch.start - _LEAD_S <= text.start - delay <= stretch.end]
        finals = [text.at for text in own if text.final]
        if not finals:
            into.missed += 1
            continue
        into.finals.append((finals[-1] - began_at - stretch.end) * 1000)
        into.first_partials.append((own[0].at - began_at - stretch.start) * 1000)
        into.ages += [age * 1000 for age in _ages(own, stretch, began_at, delay)]


def _ages(own: Sequence[Shown], stretch: Stretch, began_at: float, delay: float) -> Iterator[float]:
    for look in stretch.audible[:: round(_LOOK_S * 100)]:
        heard = max((text.heard - delay for text in own if text.at - began_at <= look), default=stretch.start)
        unheard = stretch.audible[np.searchsorted(stretch.audible, heard)] if heard < stretch.end - 0.01 else look
        yield max(0.0, float(look - unheard))
