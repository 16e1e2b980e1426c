"""What a line and its parent say to each other over their socketpair.

A frame is a 5-byte head (payload length, unsigned 32-bit, and kind, unsigned 8-bit; network order) and the payload: a
JSON object for control, packed fields for audio and silence. Both ends are the same release on the same machine.
"""

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from uuid import UUID

from callscribe.domain.audio import AudioChunk
from callscribe.domain.call import ChannelHold
from callscribe.domain.errors import TelephonyError

_HEAD = struct.Struct("!IB")
_AUDIO = struct.Struct("!16sHQ")
_SILENCE = struct.Struct("!16sHQQ")
_CONTROL_KIND, _AUDIO_KIND, _SILENCE_KIND = 0, 1, 2
MAX_PAYLOAD = 1 << 20
"""Bytes. A longer frame is a broken stream."""


@dataclass(frozen=True, slots=True)
class LineStream:
    """One accepted audio m-line of a call."""

    index: int
    """0-based channel index, in m-line order of the accepted audio lines."""
    label: str
    """SDP label (RFC 4574) of the offer's m-line, or ""."""
    codec: str
    """RTP encoding name, for example "PCMU", or "" while the m-line carries nothing."""
    media: int = 0
    """Place of the m-line among all of the SDP, from 0 on."""
    cname: str = ""
    """What its RTCP calls its sender (RFC 3550 section 6.5.1), "" while that is not told."""


@dataclass(frozen=True, slots=True)
class RtpCounts:
    """What one m-line received over RTP."""

    packets: int = 0
    """That came, duplicates and late ones too."""
    lost: int = 0
    """That never came, as the gaps between sequence numbers tell."""
    reordered: int = 0
    """That came after a later one."""
    duplicated: int = 0
    """That came twice in a row. What comes again later counts as reordered."""
    discarded: int = 0
    """That were no RTP, or none of this stream."""
    late: int = 0
    """That the jitter buffer threw away: their turn was over, or it held too much."""
    jitter_us: int = 0
    """Mean interarrival jitter in microseconds (RFC 3550 section 6.4.1)."""
    delay_ms: int = 0
    """Mean delay in the jitter buffer."""


@dataclass(frozen=True, slots=True)
class Hello:
    """The line answers SIP from now on."""

    sip_port: int
    """UDP, on 127.0.0.1."""
    capacity: int
    """Calls that PJSUA carries in one process."""
    codecs: tuple[str, ...] = ()
    """Those of telephony.sdp.CODECS that PJMEDIA was built with."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A call was answered and its audio follows."""

    call_id: UUID
    streams: tuple[LineStream, ...]
    sample_rate: int = 8000
    """Hz, of all that is told of the call."""


@dataclass(frozen=True, slots=True)
class StreamsChanged:
    """A re-INVITE changed a call's m-lines, or RTCP named somebody."""

    call_id: UUID
    streams: tuple[LineStream, ...]


@dataclass(frozen=True, slots=True)
class Audio:
    """A stretch of a channel's audio."""

    call_id: UUID
    chunk: AudioChunk


@dataclass(frozen=True, slots=True)
class Silence:
    """A stretch of a channel that holds zeros only: hold, a late start, a stalled clock."""

    call_id: UUID
    channel: int
    offset: int
    """Samples from the start of the call."""
    samples: int


@dataclass(frozen=True, slots=True)
class Dtmf:
    """Somebody pressed a key."""

    call_id: UUID
    channel: int
    offset: int
    """Samples from the start of the call."""
    digit: str
    """0 to 9, "*", "#", A to D."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A call is over; nothing about it follows."""

    call_id: UUID
    samples: int
    """Length of every channel."""
    reason: str
    """"bye", "no-media" or "rejected"."""
    rtp: tuple[RtpCounts, ...] = ()
    """By channel."""
    holds: tuple[ChannelHold, ...] = ()
    """In order of their starts."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """Sent about once a second: the line lives."""

    counts: Mapping[str, int] = field(default_factory=dict)
    """Totals since the line's start, snake_case names."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something for the log."""

    event: str
    detail: str = ""
    """Names a status or an error; never an address."""


@dataclass(frozen=True, slots=True)
class HangUp:
    """To the line: end this call with BYE."""

    call_id: UUID


@dataclass(frozen=True, slots=True)
class Stop:
    """To the line: end all calls and leave."""


Control = Hello | Answered | StreamsChanged | Dtmf | Ended | Pulse | Note | HangUp | Stop
Message = Control | Audio | Silence

_CONTROL_TYPES: dict[str, type[Control]] = {
    kind.__name__: kind for kind in (Hello, Answered, StreamsChanged, Dtmf, Ended, Pulse, Note, HangUp, Stop)
}


def encode(message: Message) -> bytes:
    """One frame."""
    match message:
        case Audio(call_id, chunk):
            payload = _AUDIO.pack(call_id.bytes, chunk.channel, chunk.offset) + chunk.pcm
            return _HEAD.pack(len(payload), _AUDIO_KIND) + payload
        case Silence(call_id, channel, offset, samples):
            payload = _SILENCE.pack(call_id.bytes, channel, offset, samples)
            return _HEAD.pack(len(payload), _SILENCE_KIND) + payload
        case _:
            named = {"type": type(message).__name__, **asdict(message)}
            payload = json.dumps(named, default=str).encode()
            return _HEAD.pack(len(payload), _CONTROL_KIND) + payload


class FrameReader:
    """Cuts a byte stream into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Add what was read and yield each whole message. Raises TelephonyError when the stream is broken."""
        self._buffer += data
        while len(self._buffer) >= _HEAD.size:
            length, kind = _HEAD.unpack_from(self._buffer)
            if length > MAX_PAYLOAD:
                raise TelephonyError(f"line wire: a frame of {length} bytes")
            end = _HEAD.size + length
            if len(self._buffer) < end:
                return
            payload = bytes(self._buffer[_HEAD.size : end])
            del self._buffer[:end]
            yield _decode(kind, payload)


def _decode(kind: int, payload: bytes) -> Message:
    try:
        if kind == _AUDIO_KIND:
            call, channel, offset = _AUDIO.unpack_from(payload)
            return Audio(UUID(bytes=call), AudioChunk(channel, offset, payload[_AUDIO.size :]))
        if kind == _SILENCE_KIND:
            call, channel, offset, samples = _SILENCE.unpack(payload)
            return Silence(UUID(bytes=call), channel, offset, samples)
        if kind == _CONTROL_KIND:
            return _decode_control(json.loads(payload))
    except (ValueError, KeyError, TypeError, struct.error) as error:
        raise TelephonyError(f"line wire: an unreadable frame of kind {kind}") from error
    raise TelephonyError(f"line wire: unknown kind {kind}")


def _decode_control(fields: dict[str, object]) -> Control:
    kind = _CONTROL_TYPES[str(fields.pop("type"))]
    converted = {name: _CONVERTERS.get(name, _as_is)(value) for name, value in fields.items()}
    return kind(**converted)  # type: ignore[arg-type]  # field types are the converters' business


def _as_is(value: object) -> object:
    return value


def _streams(value: object) -> object:
    return tuple(LineStream(**entry) for entry in value) if isinstance(value, list) else ()


def _holds(value: object) -> object:
    return tuple(ChannelHold(**entry) for entry in value) if isinstance(value, list) else ()


def _rtp(value: object) -> object:
    return tuple(RtpCounts(**entry) for entry in value) if isinstance(value, list) else ()


def _names(value: object) -> object:
    return tuple(map(str, value)) if isinstance(value, list) else ()


_CONVERTERS = {
    "call_id": lambda value: UUID(str(value)),
    "streams": _streams,
    "rtp": _rtp,
    "holds": _holds,
    "codecs": _names,
}
