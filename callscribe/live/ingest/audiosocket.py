"""Asterisk's AudioSocket: TCP, frames of a type, a length and a payload (docs.asterisk.org, "AudioSocket")."""

import asyncio
import struct
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from uuid import UUID, uuid4

import structlog

from callscribe.config.ingest import AudiosocketSettings
from callscribe.domain.call import Channel, Dialect, Party
from callscribe.domain.errors import PortUnavailable
from callscribe.live.ingest.attendant import Attendant
from callscribe.live.ingest.desk import IngestDesk, Origin
from callscribe.live.ingest.host import IngestHost
from callscribe.live.ingest.listening import count_trouble, keep_alive
from callscribe.live.ingest.pcm import linear
from callscribe.live.ingest.steps import Begin, Digit, Ended, HangUp, Heard, Message, Step
from telephony.front.admission import RateLimit
from telephony.settings import TrunkSettings
from telephony.trunks import Trunks

log = structlog.get_logger()

_HEADER = struct.Struct(">BH")
"""Type, bytes of the payload."""
_HANGUP, _UUID, _DTMF, _ERROR = 0x00, 0x01, 0x03, 0xFF
_SLIN = {
    0x10: 8_000, 0x11: 12_000, 0x12: 16_000, 0x13: 24_000, 0x14: 32_000,
    0x15: 44_100, 0x16: 48_000, 0x17: 96_000, 0x18: 192_000,
}  # fmt: skip
"""Hz of signed linear audio, by type."""
_FAREWELL_S = 2.0


class AudiosocketFrames:
    """One connection: its id, then audio of one rate. Implements Translator; a message is a frame with its header."""

    def __init__(self) -> None:
        self._id = ""
        self._rate = 0

    def read(self, message: Message) -> Sequence[Step]:
        """A call begins with its first audio, which tells the rate."""
        assert isinstance(message, bytes)
        kind, payload = message[0], message[_HEADER.size :]
        if kind == _HANGUP:
            return (Ended(), HangUp())
        if kind == _UUID:
            return self._named(payload)
        if kind == _DTMF:
            return (Digit(0, payload.decode("latin-1")),)
        if kind == _ERROR:
            return (Ended("rejected"), HangUp())
        if kind in _SLIN:
            return self._heard(_SLIN[kind], payload)
        raise ValueError("an AudioSocket frame is of no known type")

    def begun(self, call_id: UUID) -> Sequence[Message]:
        return ()

    def parting(self, reason: str) -> Sequence[Message]:
        return (_HEADER.pack(_HANGUP, 0),)

    def _named(self, payload: bytes) -> Sequence[Step]:
        if len(payload) != 16 or self._id:
            raise ValueError("AudioSocket needs one id, of 16 bytes")
        self._id = str(UUID(bytes=payload))
        return ()

    def _heard(self, rate: int, payload: bytes) -> Sequence[Step]:
        if not self._id:
            raise ValueError("AudioSocket audio came before its id")
        heard = Heard(0, linear(payload))
        if self._rate == rate:
            return (heard,)
        if self._rate:
            raise ValueError("AudioSocket audio changed its rate")
        self._rate = rate
        return (
            Begin(
                dialect=Dialect.AUDIOSOCKET,
                name=self._id,
                stream=self._id,
                ids=(("audiosocket", self._id),),
                channels=(Channel(0, party=None, codec="L16"),),
                caller=Party(""),
                callee=Party(""),
                rate=rate,
            ),
            heard,
        )


class AudiosocketServer:
    """The TCP port. Start it once."""

    def __init__(self, settings: AudiosocketSettings, trunks: tuple[TrunkSettings, ...], host: IngestHost) -> None:
        self._settings = settings
        self._trunks = trunks
        self._allowed = Trunks(trunks)
        self._counts: Counter[str] = Counter()
        self._desk = IngestDesk(host, settings.media_timeout_s, self._counts)
        self._rate = RateLimit(settings.connections_per_second, time.monotonic)
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._watch: asyncio.Task[None] | None = None
        self._draining = False

    @property
    def port(self) -> int:
        """The bound port; 0 before `start`, or where the settings want none."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server else 0

    async def start(self) -> None:
        """Listen, if the settings name a port. Raises PortUnavailable."""
        if self._settings.port:
            await self.listen(self._settings.host, self._settings.port)

    async def listen(self, host: str, port: int) -> None:
        """Listen there; port 0 takes a free one. Raises PortUnavailable."""
        try:
            self._server = await asyncio.start_server(self._accept, host, port)
        except OSError as error:
            raise PortUnavailable(
                f"audiosocket.port {port} on {host} cannot be bound: {error.strerror};"
                " stop what uses it or set audiosocket.port"
            ) from error
        self._watch = asyncio.create_task(self._desk.watch())
        log.info("audiosocket_ready", host=host, port=self.port)

    def take(self, trunks: tuple[TrunkSettings, ...]) -> None:
        """Calls that begin from now on are these trunks'."""
        self._trunks, self._allowed = trunks, Trunks(trunks)

    async def drain(self, limit_s: float) -> None:
        """Begin no more calls, and let running ones end for up to `limit_s` seconds. May be canceled."""
        self._draining = True
        if self._server:
            self._server.close()
        await self._desk.drain(limit_s)

    async def stop(self, drain_s: float = 0.0) -> None:
        """As drain; then end the rest and hang up."""
        if self._server is None or self._watch is None:
            return
        await self.drain(drain_s)
        self._desk.dismiss_all()
        if self._connections:
            _, late = await asyncio.wait(self._connections, timeout=_FAREWELL_S)
            for connection in late:
                connection.cancel()
        self._watch.cancel()

    def counters(self) -> Mapping[str, int]:
        """What was counted since start, and what there is now."""
        if self._server is None:
            return {}
        now = {"ingest_connections": len(self._connections), "ingest_calls_active": self._desk.active}
        return {name.replace("ingest_", "audiosocket_"): count for name, count in {**self._counts, **now}.items()}

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.current_task()
        assert serving is not None
        address = str(writer.get_extra_info("peername", ("",))[0])
        trunk = self._allowed.find(address)
        try:
            if trunk is None:
                count_trouble(self._counts, "ingest_connections_forbidden")
            elif not self._has_room(trunk) or not self._rate.take():
                count_trouble(self._counts, "ingest_connections_refused")
            else:
                self._connections.add(serving)
                named = (each for each in self._trunks if each.name == self._settings.trunk)
                await self._serve(reader, writer, Origin(address, next(named, trunk), uuid4()))
        finally:
            self._connections.discard(serving)
            writer.close()

    def _has_room(self, trunk: TrunkSettings) -> bool:
        full = len(self._connections) >= self._settings.max_connections
        return not self._draining and not full and self._desk.takes(trunk)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, origin: Origin) -> None:
        keep_alive(writer.transport)

        async def send(message: Message) -> None:
            assert isinstance(message, bytes)
            writer.write(message)
            await writer.drain()

        attendant = Attendant(self._desk, origin, AudiosocketFrames(), send, self._counts)
        try:
            await attendant.attend(_read(reader, attendant))
        except asyncio.IncompleteReadError as cut:
            # Closing the socket between two frames is as good as a hangup frame.
            attendant.gone(clean=not cut.partial)
        except (ValueError, TimeoutError) as error:
            log.info("audiosocket_refused", reason=str(error) or "no call began")
            await attendant.part("rejected")
        except OSError:
            pass
        finally:
            attendant.gone(clean=False)


async def _read(reader: asyncio.StreamReader, attendant: Attendant) -> None:
    while True:
        async with asyncio.timeout_at(attendant.begin_by):
            header = await reader.readexactly(_HEADER.size)
            _, length = _HEADER.unpack(header)
            try:
                payload = await reader.readexactly(length)
            except asyncio.IncompleteReadError as cut:
                raise asyncio.IncompleteReadError(header + cut.partial, None) from None
        if not await attendant.take(header + payload):
            return
