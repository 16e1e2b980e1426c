"""An utterance on its way to a speech service, each sample once."""

import asyncio
import time
import weakref
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import Future
from itertools import takewhile

from asr.engine import ENGINE_RATE, Waveform
from asr.engines.cloud.meter import Meter
from asr.engines.cloud.service import NOTHING, Heard, Request, Service, together
from asr.engines.network import Network
from callscribe.domain.errors import RecognitionError

_AGAIN_S = 1.0
"""After which what follows is streamed again where a stream failed."""
_LEAST = ENGINE_RATE // 20
"""Samples that are worth a request of their own."""


class Dictation:
    """What has been sent of one utterance, in stretches, and what came back. For the computing thread.

    A stretch is one request: a stream while it is spoken, ended where a final is wanted. When the utterance goes on
    after all, the next stretch begins there, so that nothing is paid twice. What is asked for again is the same again.
    """

    def __init__(self, network: Network, service: Service, meter: Meter, request: Request) -> None:
        """What is sent is counted by `meter`, too."""
        self.meter = Meter(meter.price_per_minute, meter)
        """What was sent of this utterance."""
        self.begun_at = time.monotonic()
        """When it was first asked about (time.monotonic)."""
        self._network, self._service, self._request = network, service, request
        self._stretches: list[_Stretch] = []

    @property
    def heard(self) -> Heard:
        """All that came back so far; nothing is waited for."""
        language = self._request.languages[0]
        return together([(stretch.first, stretch.heard) for stretch in self._stretches], language)

    @property
    def waiting(self) -> list[Future[Heard]]:
        """What `finish` asked for and has not come."""
        return [stretch.answer for stretch in self._stretches if stretch.ended and not stretch.answer.done()]

    @property
    def failure(self) -> Exception | None:
        """Why something is missing that was asked for; None where all came."""
        failures = (stretch.failure for stretch in self._stretches if stretch.ended)
        return next((failure for failure in failures if failure is not None), None)

    @property
    def allowed_s(self) -> float:
        """Time that what is waited for may take beyond what an answer takes."""
        waiting = [stretch for stretch in self._stretches if stretch.whole and not stretch.answer.done()]
        return max((self._service.allowed_s(stretch.length_s) for stretch in waiting), default=0.0)

    def follow(self, audio: Waveform) -> None:
        """The utterance so far, from its first sample. Of what was sent nothing is sent again."""
        last = self._stretches[-1] if self._stretches else None
        if last is not None and last.failed_for_s is not None:
            if last.failed_for_s < _AGAIN_S:
                return
            self._stretches.pop()
        if not self._stretches or self._stretches[-1].ended:
            self._stretches.append(self._stream(self._stretches[-1].end if self._stretches else 0))
        stretch = self._stretches[-1]
        stretch.follow(audio)
        if stretch.length_s >= self._service.longest_s:
            stretch.finish()

    def finish(self, audio: Waveform) -> None:
        """The whole utterance, for all that can be said of it. What failed is asked for again."""
        # An utterance may be cut before where its stream has come to.
        good = takewhile(lambda stretch: stretch.end <= len(audio) and stretch.failure is None, self._stretches)
        kept = len(list(good))
        for stretch in self._stretches[kept:]:
            stretch.drop()
        del self._stretches[kept:]
        if self._stretches and not self._stretches[-1].ended:
            self._stretches[-1].follow(audio)
            self._stretches[-1].finish()
        step = int(self._service.longest_s * ENGINE_RATE)
        begin = self._stretches[-1].end if self._stretches else 0
        for first in range(begin, len(audio), step):
            piece = audio[first : first + step]
            if len(piece) >= _LEAST:
                self._stretches.append(self._whole(first, piece))

    def give_up(self) -> None:
        """Wait no longer for what has not come; what it was so far stays."""
        for stretch in self._stretches:
            if stretch.ended and not stretch.answer.done():
                stretch.drop()

    def _stream(self, first: int) -> "_Stretch":
        feed = _Feed()
        work = self._service.listen(self._request, feed.audio(), feed.tell)
        return _Stretch(self._network, feed, self._network.start(_metered(work, feed, self.meter)), first)

    def _whole(self, first: int, piece: Waveform) -> "_Stretch":
        feed = _Feed()
        work = self._service.recognize(self._request, pcm16(piece))
        answer = self._network.start(_metered(work, feed, self.meter, len(piece) / ENGINE_RATE))
        return _Stretch(self._network, feed, answer, first, first + len(piece))


class _Feed:
    """The part of a stretch that is on the loop; other threads read `heard`."""

    def __init__(self) -> None:
        self.heard = NOTHING
        self.taken = 0
        """Bytes that the service has taken."""
        self.failed_at: float | None = None
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()

    def put(self, pcm: bytes | None) -> None:
        """More audio, or None: its end."""
        self._queue.put_nowait(pcm)

    def tell(self, heard: Heard) -> None:
        self.heard = heard

    async def audio(self) -> AsyncIterator[bytes]:
        while (pcm := await self._queue.get()) is not None:
            self.taken += len(pcm)
            yield pcm


class _Stretch:
    """One request. It lasts as long as somebody holds this; what runs on the loop does not."""

    def __init__(self, network: Network, feed: _Feed, answer: Future[Heard], first: int, end: int = -1) -> None:
        """`end` where all of the audio was sent; -1: it is still to come."""
        self.first = first
        self.whole = self.ended = end >= 0
        self.end = max(first, end)
        """Sample up to which audio was sent."""
        self.answer = answer
        self.feed = feed
        self._network = network
        self._let_go = weakref.finalize(self, answer.cancel)
        self._let_go.atexit = False

    @property
    def heard(self) -> Heard:
        """What came back so far."""
        return self.answer.result() if self.answer.done() and self.failure is None else self.feed.heard

    @property
    def length_s(self) -> float:
        return (self.end - self.first) / ENGINE_RATE

    @property
    def failure(self) -> Exception | None:
        """Why there will be no answer; None while there may be, or is one."""
        if not self.answer.done():
            return None
        if self.answer.cancelled():
            return RecognitionError("no answer came in time")
        error = self.answer.exception()
        if error is None or isinstance(error, Exception):
            return error
        raise error

    @property
    def failed_for_s(self) -> float | None:
        """Seconds since it failed; None where it did not."""
        return None if self.feed.failed_at is None else time.monotonic() - self.feed.failed_at

    def follow(self, audio: Waveform) -> None:
        """The utterance's audio from its first sample; what is new of it is sent."""
        if len(audio) > self.end:
            self._post(pcm16(audio[self.end :]))
            self.end = len(audio)

    def finish(self) -> None:
        """No more audio follows."""
        if not self.ended:
            self.ended = True
            self._post(None)

    def drop(self) -> None:
        """Nobody wants the answer any more."""
        self._let_go()

    def _post(self, pcm: bytes | None) -> None:
        feed = self.feed
        self._network.post(lambda: feed.put(pcm))


async def _metered(work: Coroutine[object, object, Heard], feed: _Feed, meter: Meter, whole_s: float = 0.0) -> Heard:
    """The answer to a request. Notes what it cost, or when it failed; `whole_s` is the length of a whole one."""
    heard: Heard | None = None
    try:
        heard = await work
    except RecognitionError:
        # Google's library still waits for audio to send.
        feed.put(None)
        raise
    finally:
        streamed_s = feed.taken / (2 * ENGINE_RATE)
        if heard is None:
            feed.failed_at = time.monotonic()
            meter.add(streamed_s)
        else:
            meter.add((whole_s or streamed_s) if heard.billed_s is None else heard.billed_s)
    return heard


def pcm16(audio: Waveform) -> bytes:
    """The audio as services want it, little endian."""
    return (audio.clip(-1.0, 1.0) * 32767.0).round().astype("<i2").tobytes()
