"""A recogniser that speaks the real wire and hears by counting: a run of samples of value n is the spoken word "w<n>".
Words from CHINESE on are Chinese, all others English; it tells so where it is asked, once it has heard TOLD_FRAMES.

Like the real one it judges 32 ms frames that begin where the channel was opened, keeps silence after an utterance for
its hang, and acknowledges utterance borders; so a replay from another offset gives slightly other starts and ends.
"""

import asyncio
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

import numpy as np
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from asr.engine import Capabilities
from asr.identification import IdentifiedLanguage
from asr.wire.messages import (
    Acknowledged,
    Audio,
    ClientMessage,
    Close,
    Closed,
    Failure,
    FinalReport,
    LanguageReport,
    Load,
    Open,
    PartialReport,
    Ready,
    ServerMessage,
    SetHotwords,
    encode_server,
    parse_client,
)
from callscribe.domain.transcript import Final, Partial

RATE = 8000
FRAME = 256
HANG_FRAMES = 4
CHINESE = 100
TOLD_FRAMES = 6


@dataclass
class HeardChannel:
    """Frame by frame, what a channel says."""

    opening: Open
    heard: int = 0
    rest: bytes = b""
    start: int | None = None
    words: list[str] = field(default_factory=list)
    silence: int = 0
    revision: int = 0
    last_speech: int = 0
    failing: bool = False
    engine: str = "fake"

    def __post_init__(self) -> None:
        self.heard = self.opening.offset

    def take(self, audio: Audio) -> list[ServerMessage]:
        received = self.heard + len(self.rest) // 2
        assert audio.offset >= received, "the client sends a channel's audio once and in order"
        self.rest += bytes(2 * (audio.offset - received)) + audio.pcm
        said: list[ServerMessage] = []
        while len(self.rest) >= 2 * FRAME:
            frame, self.rest = self.rest[: 2 * FRAME], self.rest[2 * FRAME :]
            said += self._judge(np.frombuffer(frame, "<i2"))
        return said

    def _judge(self, frame: np.ndarray[tuple[int], np.dtype[np.int16]]) -> list[ServerMessage]:
        begin, self.heard = self.heard, self.heard + FRAME
        spoken = sorted(set(frame[frame > 0].tolist()))
        if spoken:
            if self.start is None:
                self.start, self.words, self.revision = begin, [], 0
            self.silence, self.last_speech = 0, self.heard
            self.words += [f"w{value}" for value in spoken if f"w{value}" not in self.words[-1:]]
            self.revision += 1
            text = " ".join(self.words)
            partial = Partial(self.opening.options.channel, self.start, self.heard, "", text, self.revision)
            return [PartialReport(self.opening.number, partial), *self._language(self.revision == TOLD_FRAMES)]
        self.silence += 1
        if self.start is not None and self.silence >= HANG_FRAMES:
            return self.flush()
        if self.start is None and self.silence % 8 == 0:
            return [Acknowledged(self.opening.number, begin)]
        return []

    def _language(self, due: bool) -> list[ServerMessage]:
        """What is spoken, in the word that was heard last; a short word is not to be trusted."""
        if self.start is None or not due or not self.opening.options.languages:
            return []
        language = "zh" if int(self.words[-1][1:]) >= CHINESE else "en"
        return [LanguageReport(self.opening.number, IdentifiedLanguage(self.start, language, 0.97))]

    def flush(self) -> list[ServerMessage]:
        if self.start is None:
            return []
        language = self._language(self.revision > TOLD_FRAMES)
        hotwords = "".join(f" +{word.text}" for word in self.opening.options.hotwords)
        text = " ".join(self.words) + hotwords
        final = Final(self.opening.options.channel, self.start, self.last_speech, text, 0.9, self.engine)
        start, self.start = self.start, None
        number = self.opening.number
        if self.failing:
            return [Acknowledged(number, self.last_speech, ((start, self.last_speech),))]
        return [*language, FinalReport(number, final), Acknowledged(number, self.last_speech)]


class FakeRecognizer:
    """One at a loopback port of its own, which it keeps when it is killed and started again."""

    def __init__(
        self, load_s: float = 0.05, kind: str = "", languages: tuple[str, ...] = ("en",), *, identifies: bool = True
    ) -> None:
        self.kind = kind
        self.able = Capabilities(languages, hotwords=True, identifies_language=identifies)
        self.real_time_factor = 0.1
        """What it tells of its load."""
        self.openings: list[Open] = []
        self.closings: list[int] = []
        self.mistakes: list[str] = []
        self.refusal: str | None = None
        self.refused = 0
        """What it tells to have refused."""
        self.reading = asyncio.Event()
        self.reading.set()
        self.mute = False
        """When set, everything is heard and nothing said but loads."""
        self.mixed_up = False
        """When set, what it says names another channel of the call."""
        self.failing = False
        """When set, it makes nothing of what is said on channels that are opened."""
        self.frail = False
        """When set, it dies of the first audio that it hears on a connection."""
        self._load_s = load_s
        self._refused: set[int] = set()
        self._port = 0
        self._server: Server | None = None
        self._open: dict[tuple[ServerConnection, int], HeardChannel] = {}

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._port}"

    @property
    def channels(self) -> int:
        return len(self._open)

    @property
    def heard(self) -> int:
        """Offset up to which all channels were judged."""
        return min((channel.heard for channel in self._open.values()), default=0)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.kill()
        assert not self.mistakes

    async def start(self) -> None:
        self._server = await serve(self._converse, "127.0.0.1", self._port, compression=None, ping_interval=None)
        self._port = next(iter(self._server.sockets)).getsockname()[1]

    async def kill(self) -> None:
        """As kill -9: connections break off without a word, and the port is closed."""
        if self._server is None:
            return
        self.cut()
        self._server.close()
        await self._server.wait_closed()
        self._server = None
        self._open.clear()

    def cut(self) -> None:
        """Connections break off without a word; others may be made."""
        for connection in self._server.connections if self._server is not None else ():
            connection.transport.abort()

    async def _converse(self, connection: ServerConnection) -> None:
        await self._say(connection, [Ready("fake", self.able, self.kind)])
        loads = asyncio.create_task(self._report_load(connection))
        try:
            async for message in connection:
                await self.reading.wait()
                if self.frail and isinstance(message, bytes):
                    connection.transport.abort()
                    return
                await self._say(connection, self._answer(connection, parse_client(message)))
        except ConnectionClosed:
            pass
        except AssertionError as mistake:
            self.mistakes.append(str(mistake))
            raise
        finally:
            loads.cancel()
            for pair in [pair for pair in self._open if pair[0] is connection]:
                del self._open[pair]

    async def _report_load(self, connection: ServerConnection) -> None:
        try:
            while True:
                await connection.send(encode_server(Load(self.channels, 0, self.real_time_factor, self.refused)))
                await asyncio.sleep(self._load_s)
        except ConnectionClosed:
            return

    async def _say(self, connection: ServerConnection, messages: list[ServerMessage]) -> None:
        for message in messages:
            if not self.mute or isinstance(message, Ready):
                await connection.send(encode_server(self._mixed_up(message)))

    def _mixed_up(self, message: ServerMessage) -> ServerMessage:
        if self.mixed_up and isinstance(message, PartialReport):
            return PartialReport(message.number, replace(message.partial, channel=7))
        return message

    def _answer(self, connection: ServerConnection, message: ClientMessage) -> list[ServerMessage]:
        channel = self._open.get((connection, message.number))
        if isinstance(message, Open):
            assert channel is None, "a number is opened once"
            self.openings.append(message)
            unknown = None if self.able.knows(message.options.language) else "unsupported-language"
            if (refusal := self.refusal or unknown) is not None:
                self._refused.add(message.number)
                return [Failure(refusal, "not here", message.number)]
            heard = HeardChannel(message, failing=self.failing, engine=self.kind or "fake")
            self._open[connection, message.number] = heard
            return []
        if channel is None:
            assert message.number in self._refused, "a channel that is not open gets nothing"
            return []
        match message:
            case Audio():
                return channel.take(message)
            case SetHotwords():
                options = channel.opening.options
                channel.opening = Open(
                    message.number,
                    channel.opening.offset,
                    type(options)(options.channel, options.rate, hotwords=message.hotwords),
                )
                return []
            case Close():
                self.closings.append(message.number)
                del self._open[connection, message.number]
                return [*channel.flush(), Closed(message.number, channel.heard + len(channel.rest) // 2)]
