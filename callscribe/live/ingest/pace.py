"""Holds up whoever sends audio faster than it is understood."""

import asyncio

_AHEAD_S = 30
"""Audio that may be taken in before the recogniser has understood it. The pool keeps twice as much for replay, and a
recogniser needs less to end an utterance, so a file sent at once loses nothing and does not stand still."""
_STALL_S = 10.0
"""Without any progress of the recogniser's: then the audio is taken in all the same, for the recording."""


class Pace:
    """How far ahead of the recogniser a call's channels are."""

    def __init__(self, rate: int, channels: int = 1) -> None:
        """`rate` in Hz."""
        self._rate = rate
        self._heard = [0] * channels
        self._understood = [0] * channels
        self._progress = asyncio.Event()
        self._stalled = False

    def heard(self, channel: int, end: int) -> None:
        """The channel's audio was passed on up to this sample."""
        self._heard[channel] = end

    def understood(self, channel: int, offset: int) -> None:
        """The recogniser is done with the channel up to this sample."""
        if offset > self._understood[channel]:
            self._understood[channel] = offset
            self._stalled = False
            self._progress.set()

    async def room(self) -> None:
        """Wait while the recogniser is far behind, as long as it gets on."""
        while self._ahead() > _AHEAD_S * self._rate and not self._stalled:
            self._progress.clear()
            try:
                async with asyncio.timeout(_STALL_S):
                    await self._progress.wait()
            except TimeoutError:
                self._stalled = True

    def _ahead(self) -> int:
        return max(heard - known for heard, known in zip(self._heard, self._understood, strict=True))
