"""Connections to one FunASR server: how they are made, what is said on them, and what it means when they fail."""

import asyncio
import ssl
from urllib.parse import urlsplit

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from asr.engines.funasr_server.dialogue import Dialogue, Stage, Transcript
from asr.engines.funasr_server.pcm import blocks
from asr.settings import FunasrServerSettings
from callscribe.domain.errors import EngineUnavailable, WireViolation

log = structlog.get_logger()

FAILURES = (OSError, WebSocketException)
"""What a connection may fail with, TimeoutError among it."""
_LAST_WORD_S = 1.0
"""Silence after which a server that may have said its last word has."""
_FIRST_RETRY_S, _LAST_RETRY_S = 0.1, 1.0
_QUICK_S = 3.0
"""For a connection that is not waited for patiently."""
_CLOSE_S = 1.0


class Line:
    """The way to a server. For one event loop."""

    def __init__(self, settings: FunasrServerSettings) -> None:
        address = urlsplit(settings.url)
        self.place = f"{address.hostname}:{address.port}" if address.port else str(address.hostname)
        """Where the server is, for people."""
        self.silent_s: float | None = None
        """Silence after which a server that need not answer has nothing to say; None: it always answers."""
        self._url = settings.url
        self._limit_s = settings.timeout_s
        self._tls = _tls(settings.verify_tls) if address.scheme == "wss" else None
        self._lost: bool | None = None
        """None until it was tried."""
        self._closing: set[asyncio.Task[None]] = set()

    async def open(self, dialogue: Dialogue, *, patient: bool = False) -> ClientConnection:
        """A connection for the dialogue. `patient`: try until cancelled. Raises one of FAILURES."""
        delay = _FIRST_RETRY_S
        while True:
            try:
                socket = await self._connect(dialogue.subprotocol, self._limit_s if patient else _QUICK_S)
            except FAILURES as error:
                self._tell(error)
                if not patient:
                    raise
            else:
                self._tell(None)
                return socket
            await asyncio.sleep(delay)
            delay = min(2 * delay, _LAST_RETRY_S)

    def let_go(self, socket: ClientConnection) -> None:
        """Close it, and do not wait: a server that computes says goodbye late."""
        task = asyncio.create_task(_close(socket))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        # A task that is cancelled before its first step closes nothing.
        task.add_done_callback(lambda _: socket.transport.abort())

    async def dictate(self, dialogue: Dialogue, pcm: bytes, *, patient: bool) -> Transcript:
        """What the server makes of a whole utterance, on a connection of its own.

        Raises one of FAILURES, and RecognitionError where the server says that it failed.
        """
        socket = await self.open(dialogue, patient=patient)
        try:
            await begin(socket, dialogue)
            for block in blocks(pcm, dialogue.block_bytes):
                await socket.send(block)
            for message in dialogue.end():
                await socket.send(message)
            await self._hear_out(socket, dialogue)
        finally:
            self.let_go(socket)
        return dialogue.transcript

    async def _hear_out(self, socket: ClientConnection, dialogue: Dialogue) -> None:
        while dialogue.stage is not Stage.OVER:
            wait = asyncio.timeout(_LAST_WORD_S if dialogue.stage is Stage.MAY_BE_OVER else self.silent_s)
            try:
                async with wait:
                    message = await socket.recv()
            except TimeoutError:
                return
            except ConnectionClosed:
                if dialogue.stage is Stage.MAY_BE_OVER:
                    return
                raise
            hear(dialogue, message)

    async def _connect(self, subprotocol: str, limit_s: float) -> ClientConnection:
        return await connect(
            self._url,
            subprotocols=[Subprotocol(subprotocol)] if subprotocol else None,
            ssl=self._tls,
            compression=None,
            proxy=None,
            open_timeout=limit_s,
            # The Python server answers nothing while it computes.
            ping_interval=None,
            close_timeout=_CLOSE_S,
        )

    def _tell(self, error: Exception | None) -> None:
        """Log that the server was lost, or is back; once."""
        before, self._lost = self._lost, error is not None
        if error is not None and before is False:
            log.error("funasr_server_lost", server=self.place, reason=why(error))
        elif error is None and before:
            log.info("funasr_server_back", server=self.place)


async def _close(socket: ClientConnection) -> None:
    try:
        await socket.close()
    finally:
        socket.transport.abort()
        await socket.wait_closed()


async def begin(socket: ClientConnection, dialogue: Dialogue) -> None:
    """Say on a new connection what comes before the audio."""
    for message in dialogue.begin(accepted=socket.subprotocol is not None):
        await socket.send(message)


def hear(dialogue: Dialogue, message: str | bytes) -> None:
    """Take a message of the server in; one that cannot be read is dropped. Raises RecognitionError."""
    try:
        if isinstance(message, bytes):
            raise WireViolation("a FunASR server's messages are text")
        dialogue.hear(message)
    except WireViolation as error:
        log.warning("funasr_server_not_understood", reason=str(error))


def why(error: BaseException) -> str:
    """A failure in a few words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def unavailable(place: str, error: BaseException) -> EngineUnavailable:
    """The error for a server that cannot be used from the start, with what to do about it."""
    server, url = f"the FunASR server at {place}", "recognizer.funasr_server.url"
    cures: tuple[tuple[type[BaseException], str], ...] = (
        (
            ssl.SSLCertVerificationError,
            f"{server} cannot be trusted ({why(error)}); have its certificate trusted here, or set "
            "recognizer.funasr_server.verify_tls = false, as FunASR's own certificate needs",
        ),
        (ssl.SSLError, f"{server} does not speak TLS; write ws:// in {url}"),
        (ConnectionResetError, f"{server} hangs up; write ws:// in {url} if it speaks no TLS, and wss:// if it does"),
        (InvalidStatus, f"{server} answers HTTP and no WebSocket ({error}); correct {url}"),
        (TimeoutError, f"{server} does not answer; see to it, or correct {url} or recognizer.funasr_server.protocol"),
        (OSError, f"{server} cannot be reached ({why(error)}); start it, or correct {url}"),
    )
    otherwise = (
        f"{server} does not answer as one ({why(error)}); correct {url}, with wss:// where it speaks TLS, and "
        "recognizer.funasr_server.protocol"
    )
    return EngineUnavailable(next((cure for kind, cure in cures if isinstance(error, kind)), otherwise))


def _tls(verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
