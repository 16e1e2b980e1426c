"""Azure Speech as a service: connections, and turns on them."""

import asyncio
import logging
import os
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.protocol import State
from websockets.typing import Subprotocol

from asr.engine import ENGINE_RATE
from asr.engines.azure import messages
from asr.engines.azure.turn import Turn
from asr.engines.cloud.service import Heard, Request
from asr.settings import AzureSettings
from callscribe.domain.errors import EngineUnavailable, RecognitionError, WireViolation
from callscribe.domain.tasks import ended

log = structlog.get_logger()
_QUIET = logging.getLogger("callscribe.azure.websocket")
"""Of the connections: what they tell when they are told to tell all holds the key."""
_QUIET.setLevel(logging.WARNING)

_PATH = "/speech/recognition/conversation/cognitiveservices/v1"
_SUBPROTOCOL = Subprotocol("USP")
_BLOCK_BYTES = ENGINE_RATE * 2 // 10
"""Audio in one message: what Microsoft's SDK sends."""
_AT_ONCE_S, _PACE = 5.0, 2.0
"""Audio that may be sent at once, and how much faster than real time what follows: as Microsoft's SDK does."""
_IDLE_S = 30.0
"""For which a connection is kept for the next turn."""
_OLDEST_S = 480.0
"""After which it is not used again: the service ends each after ten minutes."""
_CLOSE_S = 1.0
_TOO_MANY = (4429, 1013)
"""Codes with which the service closes where a quota is used up."""
_REFUSED = (1002, 1003, 1007, 1008)
"""And where it does not like what it was sent."""


class _Connect(connect):
    """A connection that is made where it was asked for and nowhere else: its headers hold the key."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


@dataclass(slots=True)
class _Line:
    """A connection between two turns."""

    socket: ClientConnection
    url: str
    made: float
    """Loop time."""
    idle: float
    """Loop time since which nobody uses it."""


class AzureService:
    """The service as `asr.engines.cloud.service.Service` has it."""

    name = "azure"
    longest_s = 55.0

    def __init__(self, settings: AzureSettings) -> None:
        """Connects when first asked. Raises EngineUnavailable when key or region are missing."""
        self._key = settings.key or os.environ.get("SPEECH_KEY", "")
        region = settings.region or os.environ.get("SPEECH_REGION", "")
        self._base = settings.endpoint.rstrip("/") or f"wss://{region}.stt.speech.microsoft.com"
        self._place = region or str(urlsplit(self._base).hostname)
        self._settings = settings
        if not self._key:
            raise EngineUnavailable(
                "there is no key for Azure Speech; set recognizer.azure.key, or the variable SPEECH_KEY"
            )
        if not (region or settings.endpoint):
            raise EngineUnavailable(
                "the region of the Speech resource is not known; set recognizer.azure.region, or the variable "
                "SPEECH_REGION"
            )
        self._idle: list[_Line] = []
        self._closing: set[asyncio.Task[None]] = set()

    async def listen(self, request: Request, audio: AsyncIterator[bytes], tell: Callable[[Heard], None]) -> Heard:
        line = await self._take(self._url(request))
        turn = Turn(uuid4().hex, figures=self._settings.figures)
        sending = asyncio.create_task(self._send(line.socket, turn, request, audio))
        kept = False
        try:
            await self._converse(line.socket, turn, tell)
            if not turn.ended:
                raise RecognitionError("Azure's recogniser ended before the audio did")
            await line.socket.send(messages.telemetry(turn.id, turn.received))
            kept = True
        except ConnectionClosed as error:
            raise self._hung_up(error) from error
        finally:
            with suppress(ConnectionClosed):
                await ended(sending)
            self._put_back(line) if kept else self._let_go(line.socket)
        return turn.heard

    async def recognize(self, request: Request, pcm: bytes) -> Heard:
        return await self.listen(request, paced(pcm), lambda heard: None)

    def allowed_s(self, length_s: float) -> float:
        return max(length_s - _AT_ONCE_S, 0.0) / _PACE

    async def close(self) -> None:
        for line in self._idle:
            self._let_go(line.socket)
        self._idle.clear()
        await asyncio.gather(*self._closing)

    async def _converse(self, socket: ClientConnection, turn: Turn, tell: Callable[[Heard], None]) -> None:
        """Hear what the service says until it has said all."""
        while not turn.over:
            try:
                turn.take(messages.parse(await socket.recv()))
            except WireViolation as error:
                log.warning("azure_not_understood", reason=str(error))
            tell(turn.heard)

    async def _send(self, socket: ClientConnection, turn: Turn, request: Request, audio: AsyncIterator[bytes]) -> None:
        # Who listens is told of a connection that ends.
        with suppress(ConnectionClosed):
            await socket.send(messages.speech_context(request, turn.id))
            await socket.send(messages.audio_header(turn.id))
            async for pcm in audio:
                for start in range(0, len(pcm), _BLOCK_BYTES):
                    await socket.send(messages.audio(turn.id, pcm[start : start + _BLOCK_BYTES]))
            turn.ended = True
            await socket.send(messages.audio(turn.id, b""))

    def _url(self, request: Request) -> str:
        query = {"language": request.languages[0], "format": "detailed", "profanity": "raw"}
        query |= {"wordLevelTimestamps": "true", "wordLevelConfidence": "true"}
        if len(request.languages) > 1:
            query["lidEnabled"] = ",".join(request.languages)
        return f"{self._base}{_PATH}?{urlencode(query)}"

    async def _take(self, url: str) -> _Line:
        """A connection that is there, or a new one."""
        now = asyncio.get_running_loop().time()
        for line in tuple(self._idle):
            fresh = now - line.idle < _IDLE_S and now - line.made < _OLDEST_S
            if not fresh or line.socket.state is not State.OPEN:
                self._idle.remove(line)
                self._let_go(line.socket)
        for line in self._idle:
            if line.url == url:
                self._idle.remove(line)
                return line
        return await self._connect(url)

    async def _connect(self, url: str) -> _Line:
        try:
            socket = await _Connect(
                url,
                subprotocols=[_SUBPROTOCOL],
                additional_headers={"Ocp-Apim-Subscription-Key": self._key, "X-ConnectionId": uuid4().hex},
                compression=None,
                open_timeout=self._settings.timeout_s,
                # Who waits for an answer has a limit; who does not, speaks.
                ping_interval=None,
                logger=_QUIET,
                close_timeout=_CLOSE_S,
            )
        except InvalidStatus as error:
            raise self._refused(error.response.status_code) from error
        except ssl.SSLCertVerificationError as error:
            raise EngineUnavailable(
                f"the certificate of Azure Speech at {self._place} is not trusted ({error.verify_message}); have it "
                "trusted"
            ) from error
        except (OSError, WebSocketException) as error:
            raise RecognitionError(
                f"Azure Speech at {self._place} cannot be reached; correct recognizer.azure.region, or see to the "
                "network"
            ) from error
        await socket.send(messages.speech_config())
        now = asyncio.get_running_loop().time()
        return _Line(socket, url, made=now, idle=now)

    def _put_back(self, line: _Line) -> None:
        line.idle = asyncio.get_running_loop().time()
        self._idle.append(line)

    def _let_go(self, socket: ClientConnection) -> None:
        """Close it, and do not wait."""
        task = asyncio.create_task(_close(socket))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        # A task that is cancelled before its first step closes nothing.
        task.add_done_callback(lambda _: socket.transport.abort())

    def _refused(self, status: int) -> RecognitionError:
        """The error for an answer that is no WebSocket's."""
        cures = {
            401: "takes the key for none; set recognizer.azure.key, or SPEECH_KEY, to one of a resource there",
            403: "does not let this key recognise speech; see to the Speech resource in Azure's portal",
            404: "does not know this address; correct recognizer.azure.region or recognizer.azure.endpoint",
            429: "has no more for this key, as its quota is used up; raise it in Azure's portal, or carry fewer calls",
        }
        if status in cures:
            return EngineUnavailable(f"Azure Speech in {self._place} {cures[status]}")
        return RecognitionError(f"Azure Speech in {self._place} answers HTTP {status}")

    def _hung_up(self, error: ConnectionClosed) -> RecognitionError:
        """The error for a connection that the service closed."""
        close = error.rcvd
        code, reason = (close.code, close.reason) if close else (1006, "")
        if code in _TOO_MANY:
            return self._refused(429)
        if code in _REFUSED:
            return EngineUnavailable(
                f"Azure refuses the request; correct recognizer.azure.languages ({reason or code})"
            )
        return RecognitionError(f"Azure's recogniser hung up: {reason or code}")


async def _close(socket: ClientConnection) -> None:
    try:
        await socket.close()
    finally:
        socket.transport.abort()


async def paced(pcm: bytes) -> AsyncIterator[bytes]:
    """The audio, no faster than the service wants it."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for start in range(0, len(pcm), _BLOCK_BYTES):
        ahead_s = start / (2 * ENGINE_RATE) - _AT_ONCE_S
        await asyncio.sleep(max(began + ahead_s / _PACE - loop.time(), 0.0) if ahead_s > 0 else 0.0)
        yield pcm[start : start + _BLOCK_BYTES]
