"""One FunASR client's WebSocket: what it sends becomes dictations, and what is to be told waits here to be sent."""

import asyncio
from collections import Counter, deque
from contextlib import suppress
from dataclasses import replace
from uuid import uuid4

import structlog
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from callscribe.domain.tasks import ended
from callscribe.live.funasr.dictation import Dictation, client_call
from callscribe.live.funasr.protocol import Config, Mode, Reply, encode, parse
from callscribe.live.funasr.replies import replies_for
from callscribe.live.ingest.host import CallHost
from callscribe.live.ingest.listening import count_trouble
from telephony.settings import TrunkSettings

log = structlog.get_logger()

_CROWDED = 16
"""Messages that wait for a client which reads slowly, from which partials wait too."""
_CLOGGED = 1_000
"""Messages that wait for a client which does not read, from which it is given up."""
_LAST_WORDS_S = 2.0


class FunasrConnection:
    """Serves a client until it goes. Implements Listener.

    Each stretch of its speech, up to where it says `is_speaking` false, is a call; the next begins with the next audio.
    """

    def __init__(
        self, socket: ServerConnection, host: CallHost, trunk: TrunkSettings, mode: Mode, counts: Counter[str]
    ) -> None:
        """`mode` is for a client that names none."""
        self.id = uuid4()
        self.used_at = asyncio.get_running_loop().time()
        """Loop time of the last message."""
        self._socket = socket
        self._address = str(socket.remote_address[0])
        self._host = host
        self._trunk = trunk
        self._counts = counts
        self._config = Config(mode)
        self._dictation: Dictation | None = None
        self._closing = False
        self._parting = False
        self._gone = False
        self._outbox: deque[Reply] = deque()
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()

    @property
    def busy(self) -> bool:
        """True while a call of the client's goes on, or is not told to its end."""
        return self._dictation is not None and not self._dictation.over.is_set()

    @property
    def crowded(self) -> bool:
        return len(self._outbox) >= _CROWDED

    async def run(self, silence_s: float) -> None:
        """Serve until the client goes or is sent away. A call is ended when nothing comes for `silence_s` seconds; 0:
        never."""
        writer = asyncio.create_task(self._write())
        try:
            await self._read(silence_s or None)
        except ConnectionClosed:
            log.info("funasr_client_gone", connection=str(self.id))
        finally:
            if self._dictation is not None:
                self._dictation.end("connection-lost")
            await ended(writer)

    def post(self, reply: Reply) -> None:
        """Send when it is its turn, as long as the client is there. One that does not read is left."""
        if self._gone:
            return
        if len(self._outbox) >= _CLOGGED:
            count_trouble(self._counts, "funasr_connections_clogged", "funasr")
            self._outbox.clear()
            self._socket.transport.abort()
            return
        self._outbox.append(reply)
        self._emptied.clear()
        self._filled.set()

    def drain(self) -> None:
        """From now on no call begins here."""
        self._closing = True

    async def part(self) -> None:
        """End a call that goes on, tell the client what is left of it, and hang up."""
        self._parting = True
        if self._dictation is not None:
            self._dictation.end("drained")
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_WORDS_S):
                    await self._dictation.over.wait()
        await self._hang_up(CloseCode.GOING_AWAY)

    async def _read(self, silence_s: float | None) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout(silence_s):
                    message = await self._socket.recv()
            except TimeoutError:
                if self._dictation is not None:
                    self._dictation.end("no-media")
                continue
            self.used_at = loop.time()
            if isinstance(message, str):
                await self._instructed(message)
            else:
                await self._heard(message)

    async def _heard(self, pcm: bytes) -> None:
        if self._parting:
            return
        if self._dictation is None or self._dictation.ended:
            await self._told_all()
            if self._closing:
                await self._refuse("the server is stopping", CloseCode.GOING_AWAY)
                return
            self._dictation = self._begin()
        await self._dictation.take(pcm)

    def _begin(self) -> Dictation:
        self._counts["funasr_calls"] += 1
        call = client_call(self._config, self._trunk, self._address, self.id, self._host.now())
        return Dictation(self._config, call, self._host, self)

    async def _instructed(self, text: str) -> None:
        try:
            told = parse(text, self._config)
        except ValueError:
            count_trouble(self._counts, "funasr_messages_invalid", "funasr")
            return
        self._config = told.config
        running = self._dictation if self._dictation and not self._dictation.ended else None
        if objection := told.config.objection or (running and running.objection(told.config)):
            await self._refuse(objection, CloseCode.UNSUPPORTED_DATA)
            return
        if running:
            running.prefer(told.config.hotwords)
        if told.ends:
            await self._end(running, wants_ack=told.wants_ack)

    async def _end(self, running: Dictation | None, *, wants_ack: bool) -> None:
        """An end is always answered, also where nothing was said before it."""
        if running:
            running.end("bye", wants_ack=wants_ack)
            return
        await self._told_all()
        for reply in replies_for(self._config, self._config.rate).last(ack=wants_ack):
            self.post(reply)

    async def _told_all(self) -> None:
        """Whatever a client sends early, the answers come in order."""
        if self._dictation is not None:
            await self._dictation.over.wait()

    async def _refuse(self, sentence: str, code: CloseCode) -> None:
        """Tell the client why, in its protocol's way, and hang up."""
        count_trouble(self._counts, "funasr_clients_refused", "funasr")
        if self._dictation is not None:
            self._dictation.end("rejected")
        for reply in replies_for(self._config, self._config.rate).last():
            self.post(replace(reply, text=f"ERROR. {sentence}"))
        await self._hang_up(code)

    async def _write(self) -> None:
        try:
            while True:
                await self._filled.wait()
                self._filled.clear()
                while self._outbox:
                    await self._socket.send(encode(self._outbox.popleft()))
                self._emptied.set()
        except ConnectionClosed:
            pass
        finally:
            self._gone = True
            self._emptied.set()

    async def _hang_up(self, code: CloseCode) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_S):
                await self._emptied.wait()
        await self._socket.close(code)
