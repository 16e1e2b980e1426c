"""One connection: carries out what its messages come to."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress

from websockets.exceptions import ConnectionClosed

from callscribe.live.ingest.desk import IngestCall, IngestDesk, Origin
from callscribe.live.ingest.listening import count_trouble
from callscribe.live.ingest.steps import (
    Answer,
    Begin,
    Detached,
    Digit,
    Ended,
    HangUp,
    Heard,
    Message,
    Paused,
    Resumed,
    Step,
    Translator,
)

Send = Callable[[Message], Awaitable[None]]
_FAREWELL_S = 2.0
_NO_CALL_S = 10.0
"""A peer that begins no call for so long is sent away."""


class Attendant:
    """Between a connection's translator and the desk. Implements Attended."""

    def __init__(
        self, desk: IngestDesk, origin: Origin, translator: Translator, send: Send, counts: Counter[str]
    ) -> None:
        self.call: IngestCall | None = None
        self._desk = desk
        self._origin = origin
        self._translator = translator
        self._send = send
        self._counts = counts
        self._dismissed = asyncio.Event()
        self._reason = ""
        self._clock = asyncio.get_running_loop().time
        self._without_call_since = self._clock()

    @property
    def begin_by(self) -> float | None:
        """Time of the event loop until which a call must begin, whatever else comes; None while one goes on."""
        return None if self.call else self._without_call_since + _NO_CALL_S

    async def take(self, message: Message) -> bool:
        """Carry out a message; False when the connection is to be closed now. Raises ValueError for a message that
        breaks the protocol: its call has been ended."""
        going_on = self.call is not None
        try:
            steps = self._translator.read(message)
            return await self._carry_out(steps)
        except ValueError:
            count_trouble(self._counts, "ingest_messages_invalid")
            self._end("rejected")
            raise
        finally:
            if going_on:
                self._without_call_since = self._clock()

    def gone(self, *, clean: bool) -> None:
        """The peer closed the connection, `clean` where it said goodbye; otherwise it may come back."""
        if self.call and clean:
            self._end("bye")
        elif self.call:
            self.call.detach(self)
        self.call = None

    def dismiss(self, reason: str) -> None:
        self.call, self._reason = None, reason
        self._dismissed.set()

    async def attend(self, reading: Coroutine[None, None, None]) -> None:
        """Have `reading` take messages in until it returns, or until this side has dismissed the peer and told it so.

        Raises what `reading` raises.
        """
        taking = asyncio.create_task(reading)
        dismissed = asyncio.create_task(self._dismissed.wait())
        try:
            await asyncio.wait((taking, dismissed), return_when=asyncio.FIRST_COMPLETED)
            if taking.done():
                await taking
            else:
                await self.part(self._reason)
        finally:
            taking.cancel()
            dismissed.cancel()
            await asyncio.gather(taking, dismissed, return_exceptions=True)

    async def part(self, reason: str) -> None:
        """Tell the peer, if it still reads, that this side closes the connection."""
        with suppress(ConnectionClosed, OSError, TimeoutError):
            async with asyncio.timeout(_FAREWELL_S):
                for message in self._translator.parting(reason):
                    await self._send(message)

    async def _carry_out(self, steps: Sequence[Step]) -> bool:
        for step in steps:
            match step:
                case Heard():
                    if self.call:
                        await self.call.hear(step)
                case Begin():
                    if not await self._begin(step):
                        return False
                case Paused() if self.call:
                    self.call.pause()
                case Resumed(at) if self.call:
                    self.call.resume(at)
                case Digit(channel, key) if self.call:
                    self.call.press(channel, key)
                case Detached() if self.call:
                    self.call.detach(self)
                    self.call = None
                case Ended(reason):
                    self._end(reason)
                case Answer(message):
                    await self._send(message)
                case HangUp():
                    return False
        return True

    async def _begin(self, begin: Begin) -> bool:
        """False where the call that is to go on has ended, which the peer is told."""
        self._end("bye")
        await self._desk.handover(begin, self._origin)
        if begin.again and not self._desk.knows(begin, self._origin):
            await self.part("connection-lost")
            return False
        self.call = self._desk.begin(begin, self._origin, self)
        for message in self._translator.begun(self.call.call.id):
            await self._send(message)
        return True

    def _end(self, reason: str) -> None:
        if self.call:
            self._desk.end(self.call, reason)
        self.call = None
