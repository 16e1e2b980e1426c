"""The pool of line processes, in the supervisor's event loop."""

import asyncio
import contextlib
import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol
from uuid import UUID

import structlog

from callscribe.domain.audio import SAMPLE_BYTES, AudioChunk
from callscribe.domain.errors import LineUnavailable
from telephony.line.settings import NARROW_BAND_HZ, RTP_PORTS_PER_CALL, LineSettings
from telephony.line.wire import (
    Answered,
    Audio,
    Dtmf,
    Ended,
    HangUp,
    Hello,
    LineStream,
    Message,
    Note,
    Pulse,
    Silence,
    Stop,
    StreamsChanged,
)
from telephony.line_process import LineProcess

__all__ = ["Dtmf", "Ended", "LineListener", "LinePool", "LinePoolSettings", "LineStatus", "LineStream"]

log = structlog.get_logger()

CALLS_PER_CORE = 8
"""That there are lines for, where nobody says how many lines."""
PACKAGED_CALLS = 4
"""Calls that the packaged PJSUA2 carries in a line; each line tells what its own does."""
_START_LIMIT_S = 20.0
_STOP_LIMIT_S = 4.0
_BACK_OFF_S = (0.0, 0.1, 0.5, 2.0, 5.0)
"""Waits before the first, second, … start of a line that keeps dying young."""
_FIRST_TRIES = 3
_PROVEN_S = 10.0
"""A line that lived so long was no failed start."""


def lines_wanted(count: int, calls: int) -> int:
    """`count`, or for 0 one line for each core, and as many more of so many calls each as CALLS_PER_CORE ask for."""
    cores = os.cpu_count() or 1
    return count or max(cores, math.ceil(cores * CALLS_PER_CORE / calls))


@dataclass(frozen=True, slots=True)
class LinePoolSettings:
    """How many lines, and what they share."""

    count: int
    """0: as lines_wanted has it."""
    rtp_port_min: int
    rtp_port_max: int
    """Both ends included; every line takes RTP_PORTS_PER_CALL of them for each call that it can carry."""
    advertised_address: str
    """IPv4 address in the SDP of the lines."""
    bind_address: str = "0.0.0.0"
    """Local address of RTP sockets."""
    media_timeout_s: int = 300
    """Seconds without RTP on any m-line after which a call ends; 0: never."""
    sample_rate: int = NARROW_BAND_HZ
    """Hz of their clocks; with WIDE_BAND_HZ, wide-band codecs are answered: a call that has one is heard so."""

    def places(self, calls: int) -> int:
        """How many lines there are, where one carries so many calls.

        Raises LineUnavailable where the RTP range is too small for them.
        """
        count = lines_wanted(self.count, calls)
        room = (self.rtp_port_max + 1 - self._first_rtp_port) // (calls * RTP_PORTS_PER_CALL)
        if count > room:
            raise LineUnavailable(
                f"{count} lines of {calls} calls need {count * calls * RTP_PORTS_PER_CALL} RTP ports: widen "
                f"sip.rtp_port_min to sip.rtp_port_max, or set sip.lines to {room}"
            )
        return count

    @property
    def _first_rtp_port(self) -> int:
        return self.rtp_port_min + self.rtp_port_min % 2

    def line(self, index: int) -> LineSettings:
        """One line's own settings."""
        return LineSettings(
            index=index,
            rtp_port_min=self._first_rtp_port,
            advertised_address=self.advertised_address,
            bind_address=self.bind_address,
            media_timeout_s=self.media_timeout_s,
            sample_rate=self.sample_rate,
        )


@dataclass(frozen=True, slots=True)
class LineStatus:
    """One line at this moment."""

    index: int
    sip_port: int
    """UDP on 127.0.0.1; 0 while the line is not ready. A respawned line has another one."""
    ready: bool
    calls: int
    """Answered calls going on."""
    capacity: int
    """Calls it can carry; 0 while the line is not ready."""


class LineListener(Protocol):
    """Called on the event loop; must not block or raise."""

    def line_answered(self, call_id: UUID, streams: tuple[LineStream, ...], sample_rate: int = NARROW_BAND_HZ) -> None:
        """`sample_rate` in Hz holds for the whole call."""

    def line_streams_changed(self, call_id: UUID, streams: tuple[LineStream, ...]) -> None: ...

    def line_audio(self, call_id: UUID, chunk: AudioChunk) -> None: ...

    def line_dtmf(self, pressed: Dtmf) -> None: ...

    def line_call_ended(self, ended: Ended) -> None:
        """Its reason "rejected" is one that was never answered; no line_answered came before."""

    def line_lost(self, line: int, calls: tuple[UUID, ...]) -> None:
        """The process died with these answered calls; a new one follows. line_call_ended does not come for them."""


class LinePool:
    """Line processes, each replaced by a new one when it dies."""

    def __init__(self, config: LinePoolSettings, listener: LineListener) -> None:
        self._config = config
        self._listener = listener
        self._lines: list[_Line] = []
        self._keepers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Spawn all lines and wait until they answer SIP.

        The first one tells how many calls a line carries, and that how many are needed. Raises LineUnavailable when one
        does not come up, or there are too few RTP ports.
        """
        try:
            (first,) = await self._spawn(range(1))
            await self._spawn(range(1, self._config.places(first.capacity)))
        except LineUnavailable:
            await self.stop()
            raise

    async def _spawn(self, places: range) -> Sequence[Hello]:
        lines = [_Line(index, self._config, self._listener) for index in places]
        self._lines += lines
        ups = [line.begin() for line in lines]
        self._keepers += [asyncio.create_task(line.keep()) for line in lines]
        try:
            async with asyncio.timeout(_START_LIMIT_S):
                return await asyncio.gather(*ups)
        except (TimeoutError, LineUnavailable) as error:
            raise LineUnavailable("a line process does not start; its error stands above") from error

    async def stop(self) -> None:
        """End every call with BYE and every line."""
        for line in self._lines:
            line.stop()
        if self._keepers:
            _, late = await asyncio.wait(self._keepers, timeout=_STOP_LIMIT_S)
            for keeper in late:
                keeper.cancel()
            await asyncio.gather(*self._keepers, return_exceptions=True)
        self._keepers = []

    def lines(self) -> Sequence[LineStatus]:
        return [line.status() for line in self._lines]

    def codecs(self) -> Sequence[str]:
        """RTP encoding names of what the lines can answer, whatever trunks want; empty before start()."""
        return next((line.codecs for line in self._lines if line.codecs), ())

    def hang_up(self, call_id: UUID) -> None:
        """End an answered call with BYE; line_call_ended follows. A call that no line has is ignored."""
        for line in self._lines:
            line.hang_up(call_id)

    def pids(self) -> Sequence[int]:
        """Process ids of the lines; 0 where one is being replaced."""
        return [line.pid for line in self._lines]

    def counters(self) -> Mapping[str, int]:
        """What all lines counted since start, those that died included."""
        return sum((line.counters() for line in self._lines), Counter())


class _Line:
    """One place in the pool: the process that fills it now, and the calls it has."""

    def __init__(self, index: int, config: LinePoolSettings, listener: LineListener) -> None:
        self._index = index
        self._settings = config.line(index)
        self._listener = listener
        self._zeros = bytes(config.sample_rate * SAMPLE_BYTES)
        self._process: LineProcess | None = None
        self._hello: Hello | None = None
        self._calls: set[UUID] = set()
        self._counts: Counter[str] = Counter()
        self._pulse: Mapping[str, int] = {}
        self._stopping = asyncio.Event()
        self._up: asyncio.Future[Hello] | None = None

    def begin(self) -> asyncio.Future[Hello]:
        """What the first process says once it answers SIP; fails with LineUnavailable after a few that did not."""
        self._up = asyncio.get_running_loop().create_future()
        return self._up

    def status(self) -> LineStatus:
        hello = self._hello
        return LineStatus(
            index=self._index,
            sip_port=hello.sip_port if hello else 0,
            ready=hello is not None and not self._stopping.is_set(),
            calls=len(self._calls),
            capacity=hello.capacity if hello else 0,
        )

    @property
    def codecs(self) -> Sequence[str]:
        return self._hello.codecs if self._hello else ()

    @property
    def pid(self) -> int:
        return (self._process.pid if self._process else None) or 0

    def counters(self) -> Counter[str]:
        return self._counts + Counter(self._pulse)

    def hang_up(self, call_id: UUID) -> None:
        if call_id in self._calls and self._process:
            self._process.send(HangUp(call_id))

    def stop(self) -> None:
        self._stopping.set()
        if self._process:
            self._process.send(Stop())

    async def keep(self) -> None:
        """Run a process, and another one when it dies, until stop()."""
        loop = asyncio.get_running_loop()
        failures = 0
        while not self._stopping.is_set():
            await self._pause(_BACK_OFF_S[min(failures, len(_BACK_OFF_S) - 1)])
            if self._stopping.is_set():
                return
            begun = loop.time()
            self._process = LineProcess(self._index, self._settings, self._take)
            try:
                status = await self._process.run()
            except OSError as error:
                log.error("line_not_spawned", line=self._index, problem=error.strerror)
                status = -1
            self._forget(status)
            failures = 0 if loop.time() - begun >= _PROVEN_S else failures + 1
            if failures >= _FIRST_TRIES and self._up and not self._up.done():
                self._up.set_exception(LineUnavailable())

    async def _pause(self, seconds: float) -> None:
        if seconds:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)

    def _forget(self, status: int) -> None:
        calls = tuple(self._calls)
        self._calls.clear()
        self._process = self._hello = None
        self._counts.update(self._pulse)
        self._pulse = {}
        if self._stopping.is_set() and not calls:
            return
        self._counts["lines_lost"] += 1
        log.error("line_lost", line=self._index, status=status, calls=len(calls))
        self._listener.line_lost(self._index, calls)

    def _take(self, message: Message) -> None:
        match message:
            case Audio(call_id, chunk):
                self._listener.line_audio(call_id, chunk)
            case Silence():
                for chunk in self._spread(message):
                    self._listener.line_audio(message.call_id, chunk)
            case Hello():
                self._hello = message
                if self._up and not self._up.done():
                    self._up.set_result(message)
                log.info("line_ready", line=self._index, sip_port=message.sip_port, capacity=message.capacity)
            case Answered(call_id, streams, sample_rate):
                self._calls.add(call_id)
                self._listener.line_answered(call_id, streams, sample_rate)
            case StreamsChanged(call_id, streams):
                self._listener.line_streams_changed(call_id, streams)
            case Dtmf():
                self._listener.line_dtmf(message)
            case Ended():
                self._end(message)
            case Pulse(counts):
                self._pulse = counts
            case Note(event, detail):
                log.warning("line_note", line=self._index, note=event, detail=detail)
            case _:
                log.error("line_message_unexpected", line=self._index, kind=type(message).__name__)

    def _end(self, ended: Ended) -> None:
        self._calls.discard(ended.call_id)
        rtp = [asdict(counts) for counts in ended.rtp]
        log.info("line_call_ended", line=self._index, call_id=str(ended.call_id), reason=ended.reason, rtp=rtp)
        self._listener.line_call_ended(ended)

    def _spread(self, silence: Silence) -> Iterator[AudioChunk]:
        """Zeros in chunks of at most a second, so that a late channel's hour comes in no single huge chunk."""
        offset, left = silence.offset, silence.samples
        while left > 0:
            pcm = self._zeros[: left * SAMPLE_BYTES]
            yield AudioChunk(silence.channel, offset, pcm)
            offset += len(pcm) // SAMPLE_BYTES
            left -= len(pcm) // SAMPLE_BYTES
