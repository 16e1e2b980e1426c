"""An utterance that a server hears while it is spoken."""

import asyncio
import time
import weakref
from collections.abc import Callable
from contextlib import suppress

import structlog
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from asr.engine import Waveform
from asr.engines.funasr_server.dialogue import Dialogue, Transcript
from asr.engines.funasr_server.line import FAILURES, Line, begin, hear, why
from asr.engines.funasr_server.pcm import BLOCK_SAMPLES, blocks, pcm16
from asr.engines.network import Network
from callscribe.domain.errors import RecognitionError

log = structlog.get_logger()


class LiveUtterance:
    """The audio of an utterance on its way to a server, and the text that has come back. For the computing thread.

    The connection lasts as long as somebody holds this.
    """

    def __init__(self, network: Network, line: Line, dialogue: Dialogue) -> None:
        self._network = network
        self._talk = _Talk(line, dialogue)
        self._sent = 0
        # What runs on the loop must not hold this, or nobody would ever let it go.
        running = network.start(self._talk.run())
        self._let_go = weakref.finalize(self, running.cancel)
        self._let_go.atexit = False

    @property
    def transcript(self) -> Transcript:
        """What the server has said so far; nothing is waited for."""
        return self._talk.transcript

    @property
    def broken_for_s(self) -> float | None:
        """Seconds since the connection failed; None while it stands, or is being made."""
        since = self._talk.broken_since
        return None if since is None else time.monotonic() - since

    def feed(self, audio: Waveform) -> None:
        """The utterance so far, from its first sample. Of what was sent nothing is sent again, whatever it is now."""
        whole = len(audio) // BLOCK_SAMPLES * BLOCK_SAMPLES
        if whole > self._sent:
            pcm = pcm16(audio[self._sent : whole])
            self._sent = whole
            self._network.post(self._talk.sender(pcm))


class _Talk:
    """The part of a live utterance that is on the loop. Other threads read `transcript` and `broken_since`."""

    def __init__(self, line: Line, dialogue: Dialogue) -> None:
        self.transcript = Transcript()
        self.broken_since: float | None = None
        self._line = line
        self._dialogue = dialogue
        self._to_send: asyncio.Queue[bytes] = asyncio.Queue()

    def sender(self, pcm: bytes) -> Callable[[], None]:
        """What puts audio behind that which waits to be sent."""
        return lambda: self._to_send.put_nowait(pcm)

    async def run(self) -> None:
        """Until cancelled, or the connection fails."""
        with suppress(*FAILURES):
            # The line tells of it.
            socket = await self._line.open(self._dialogue)
            await self._converse(socket)
        self.broken_since = time.monotonic()

    async def _converse(self, socket: ClientConnection) -> None:
        sending = asyncio.create_task(self._send(socket))
        try:
            async for message in socket:
                hear(self._dialogue, message)
                self.transcript = self._dialogue.transcript
            log.warning("funasr_server_hung_up", server=self._line.place, reason="it said goodbye")
        except (ConnectionClosed, RecognitionError) as error:
            log.warning("funasr_server_hung_up", server=self._line.place, reason=why(error))
        finally:
            sending.cancel()
            self._line.let_go(socket)

    async def _send(self, socket: ClientConnection) -> None:
        # Who listens is told of the end.
        with suppress(ConnectionClosed):
            await begin(socket, self._dialogue)
            while True:
                for block in blocks(await self._to_send.get(), self._dialogue.block_bytes):
                    await socket.send(block)
