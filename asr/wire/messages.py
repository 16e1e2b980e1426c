"""The recogniser wire, version 1: what a supervisor and a recogniser say to each other. Pure: no I/O.

One WebSocket (RFC 6455) joins a supervisor to a recogniser and carries many channels, each under a number that the
supervisor chose. A binary message is audio: the channel's number (u32), the offset of the first sample (u64), both
little-endian, then signed 16-bit little-endian mono PCM at the channel's rate. A text message is one JSON object whose
`type` names it. Fields that are not known are ignored, so that a newer peer may add some. All offsets are samples from
the start of the call.
"""

import json
import struct
from dataclasses import dataclass, field
from uuid import UUID

from asr.engine import Capabilities
from asr.identification import IdentifiedLanguage
from asr.settings import ENDPOINT_BOUNDS, UPDATE_MS_BOUNDS, EndpointSettings
from asr.wire.fields import MAX_MESSAGE_BYTES, MAX_OFFSET, Fields
from asr.wire.finals import final_fields, parse_final
from asr.wire.hotwords import hotword_fields, parse_hotwords
from callscribe.domain.audio import SAMPLE_BYTES
from callscribe.domain.errors import WireViolation
from callscribe.domain.hotword import Hotword
from callscribe.domain.transcript import Final, Partial

VERSION = 1
MAX_PCM_BYTES = 64_000
"""PCM in one audio message: 2 s at 16 kHz."""
RATES = (8_000, 16_000)
"""Sample rates in Hz that a channel may have."""
_MAX_UNDECODED = 1_000
"""Utterances of one acknowledgement."""
_MAX_LANGUAGES = 200
"""That one engine, or the engines of one channel, may know."""

_ABILITIES = ("hotwords", "word_times", "partials", "identifies_language", "emotion")
"""Of an engine's capabilities what is said, beside its languages."""

_AUDIO_HEADER = struct.Struct("<IQ")
_MAX_NUMBER = 2**32 - 1


@dataclass(frozen=True, slots=True)
class ChannelOptions:
    """How a channel is to be heard."""

    channel: int
    """0-based index of the channel in its call; comes back in partials and finals."""
    rate: int
    """Hz, one of RATES."""
    language: str = "en"
    hotwords: tuple[Hotword, ...] = ()
    endpoint: EndpointSettings = field(default_factory=EndpointSettings)
    update_ms: int = 500
    """Time between two partials of an utterance."""
    correction: float = 0.0
    """How alike, 0 to 1, words of a final must sound to a hotword to be replaced by it; 0: they never are."""
    languages: tuple[str, ...] = ()
    """Where `language` is UNKNOWN and other engines wait for other languages: ISO 639 codes of all that any of them
    knows, among which each utterance's is found out and told."""
    spoken: str = ""
    """Which of them was spoken last; "": not known yet."""
    trace: UUID | None = None
    """The trace that spans of the channel's decoding belong to; None: none."""


@dataclass(frozen=True, slots=True)
class Open:
    """Supervisor: a channel begins, or begins again after a loss, at `offset`."""

    number: int
    offset: int
    options: ChannelOptions


@dataclass(frozen=True, slots=True)
class Audio:
    """Supervisor: a stretch of a channel. A gap between two is silence; what was heard already is dropped."""

    number: int
    offset: int
    pcm: bytes

    @property
    def end(self) -> int:
        """Offset of the first sample after `pcm`."""
        return self.offset + len(self.pcm) // SAMPLE_BYTES


@dataclass(frozen=True, slots=True)
class SetHotwords:
    """Supervisor: from now on these words and phrases are preferred on the channel."""

    number: int
    hotwords: tuple[Hotword, ...]


@dataclass(frozen=True, slots=True)
class Close:
    """Supervisor: no more audio comes; the recogniser answers the last finals and `Closed`."""

    number: int


@dataclass(frozen=True, slots=True)
class Ready:
    """Recogniser: the first message of every connection; the model is loaded and warm."""

    engine: str
    """The model's name, which finals carry."""
    capabilities: Capabilities
    kind: str = ""
    """What `recognizer.engine` is there."""
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class PartialReport:
    """Recogniser: what has been understood of an utterance that goes on. Replaces the one before."""

    number: int
    partial: Partial


@dataclass(frozen=True, slots=True)
class FinalReport:
    """Recogniser: a whole utterance."""

    number: int
    final: Final


@dataclass(frozen=True, slots=True)
class LanguageReport:
    """Recogniser: in which language an utterance is spoken; comes before its final, and again where more is known."""

    number: int
    found: IdentifiedLanguage


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Recogniser: every final that ends before `offset` was sent; the rest before it is silence, or `undecoded`."""

    number: int
    offset: int
    undecoded: tuple[tuple[int, int], ...] = ()
    """Start and end (exclusive) of what was said since it was acknowledged last and the engine failed on."""


@dataclass(frozen=True, slots=True)
class Closed:
    """Recogniser: the channel is gone; it was decoded up to `offset`."""

    number: int
    offset: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Recogniser: something it was sent cannot be used. Without a number the connection ends."""

    code: str
    """"bad-message", "unknown-channel", "channel-open", "too-many-channels", "flood", "unsupported-language"."""
    text: str
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """Recogniser, each second: how busy it is."""

    channels: int
    """Open channels of all connections."""
    queued: int
    """Decodings that wait."""
    real_time_factor: float
    """Share of the last seconds in which the computing thread worked, 1 while a remote engine takes no more: at 1 there
    is no time left."""
    refused: int = 0
    """Messages, channels and connections refused since the process began."""
    needed: float = 0.0
    """As real_time_factor, without what partials take: those give way."""
    late_s: float = 0.0
    """For how long the audio that waits longest has waited: to be heard, and for its final where that is due."""


ClientMessage = Open | Audio | SetHotwords | Close
ServerMessage = Ready | PartialReport | FinalReport | LanguageReport | Acknowledged | Closed | Failure | Load


def encode_client(message: ClientMessage) -> str | bytes:
    """A supervisor's message as WebSocket text, or as bytes where it is audio."""
    match message:
        case Audio(number, offset, pcm):
            return _AUDIO_HEADER.pack(number, offset) + pcm
        case Open(number, offset, options):
            return _text("open", number=number, offset=offset, **_option_fields(options))
        case SetHotwords(number, hotwords):
            return _text("hotwords", number=number, hotwords=hotword_fields(hotwords))
        case Close(number):
            return _text("close", number=number)


def parse_client(message: str | bytes) -> ClientMessage:
    """What a supervisor sent. Raises WireViolation when it is no message of this protocol."""
    if isinstance(message, bytes):
        return _parse_audio(message)
    fields = Fields.of_json(message, MAX_MESSAGE_BYTES)
    kind = fields.text("type", 32)
    number = fields.integer("number", 0, _MAX_NUMBER)
    match kind:
        case "open":
            return Open(number, fields.integer("offset", 0, MAX_OFFSET), _parse_options(fields))
        case "hotwords":
            return SetHotwords(number, parse_hotwords(fields))
        case "close":
            return Close(number)
    raise WireViolation("a supervisor sends open, hotwords, close or audio")


def encode_server(message: ServerMessage) -> str:
    """A recogniser's message as WebSocket text."""
    match message:
        case Ready(engine, able, kind, version):
            flags = {name: getattr(able, name) for name in _ABILITIES}
            return _text("ready", engine=engine, engine_kind=kind, version=version, languages=able.languages, **flags)
        case PartialReport(number, partial):
            texts = {"committed": partial.committed, "tentative": partial.tentative}
            span = {"channel": partial.channel, "start": partial.start, "end": partial.end}
            return _text("partial", number=number, revision=partial.revision, **span, **texts)
        case FinalReport(number, final):
            return _text("final", number=number, **final_fields(final))
        case LanguageReport(number, found):
            chance = round(found.probability, 4)
            return _text("language", number=number, start=found.start, language=found.language, probability=chance)
        case Acknowledged(number, offset, undecoded):
            spans = {"undecoded": [{"start": start, "end": end} for start, end in undecoded]} if undecoded else {}
            return _text("acknowledged", number=number, offset=offset, **spans)
        case Closed(number, offset):
            return _text("closed", number=number, offset=offset)
        case Failure(code, text, failed):
            return _text("error", code=code, text=text, number=failed)
        case Load(channels, queued, factor, refused, needed, late_s):
            work = {"channels": channels, "queued": queued, "real_time_factor": round(factor, 3)}
            return _text("load", **work, refused=refused, needed=round(needed, 3), late_s=round(late_s, 3))


def parse_server(message: str | bytes) -> ServerMessage:
    """What a recogniser sent. Raises WireViolation when it is no message of this protocol, or of another version."""
    if isinstance(message, bytes):
        raise WireViolation("a recogniser sends text only")
    fields = Fields.of_json(message, MAX_MESSAGE_BYTES)
    kind = fields.text("type", 32)
    match kind:
        case "ready":
            return _parse_ready(fields)
        case "error":
            number = None if fields.absent("number") else fields.integer("number", 0, _MAX_NUMBER)
            return Failure(fields.text("code", 64), fields.text("text", 1000), number)
        case "load":
            counts = (fields.integer("channels", 0, _MAX_NUMBER), fields.integer("queued", 0, _MAX_NUMBER))
            factor = fields.real("real_time_factor", 0.0, 1000.0)
            # A recogniser of the release before does not tell them.
            needed = 0.0 if fields.absent("needed") else fields.real("needed", 0.0, 1000.0)
            late_s = 0.0 if fields.absent("late_s") else fields.real("late_s", 0.0, float(MAX_OFFSET))
            return Load(*counts, factor, fields.integer("refused", 0, MAX_OFFSET), needed, late_s)
    number = fields.integer("number", 0, _MAX_NUMBER)
    match kind:
        case "partial":
            return PartialReport(number, _parse_partial(fields))
        case "final":
            return FinalReport(number, parse_final(fields))
        case "language":
            start, language = fields.integer("start", 0, MAX_OFFSET), fields.text("language", 32)
            return LanguageReport(number, IdentifiedLanguage(start, language, fields.real("probability", 0.0, 1.0)))
        case "acknowledged":
            spans = () if fields.absent("undecoded") else fields.objects("undecoded", _MAX_UNDECODED)
            return Acknowledged(number, fields.integer("offset", 0, MAX_OFFSET), tuple(map(_parse_span, spans)))
        case "closed":
            return Closed(number, fields.integer("offset", 0, MAX_OFFSET))
    raise WireViolation("a recogniser sends ready, partial, final, language, acknowledged, closed, error or load")


def _text(kind: str, **fields: object) -> str:
    return json.dumps({"type": kind, **fields}, ensure_ascii=False, separators=(",", ":"))


def _parse_audio(message: bytes) -> Audio:
    size = len(message) - _AUDIO_HEADER.size
    if size <= 0 or size % SAMPLE_BYTES or size > MAX_PCM_BYTES:
        raise WireViolation(f"audio is a header of {_AUDIO_HEADER.size} bytes and 2 to {MAX_PCM_BYTES} bytes of PCM")
    number, offset = _AUDIO_HEADER.unpack_from(message)
    if offset > MAX_OFFSET:
        raise WireViolation("the audio's offset is beyond any call")
    return Audio(number, offset, message[_AUDIO_HEADER.size :])


def _option_fields(options: ChannelOptions) -> dict[str, object]:
    endpoint = options.endpoint
    return {
        "channel": options.channel,
        "rate": options.rate,
        "language": options.language,
        "hotwords": hotword_fields(options.hotwords),
        "update_ms": options.update_ms,
        "correction": options.correction,
        "onset_ms": endpoint.onset_ms,
        "hang_ms": endpoint.hang_ms,
        "open_hang_ms": endpoint.open_hang_ms,
        "preroll_ms": endpoint.preroll_ms,
        "max_utterance_s": endpoint.max_utterance_s,
        "languages": list(options.languages),
        "spoken": options.spoken,
        "trace": options.trace.hex if options.trace else None,
    }


def _parse_options(fields: Fields) -> ChannelOptions:
    rate = fields.integer("rate", RATES[0], RATES[-1])
    if rate not in RATES:
        raise WireViolation(f"rate is one of {', '.join(map(str, RATES))}")
    # A supervisor of the release before does not know the newest of them.
    known = {name: bounds for name, bounds in ENDPOINT_BOUNDS.items() if not fields.absent(name)}
    endpoint = EndpointSettings(**{name: fields.integer(name, *bounds) for name, bounds in known.items()})
    return ChannelOptions(
        channel=fields.integer("channel", 0, 255),
        rate=rate,
        language=fields.text("language", 32),
        hotwords=parse_hotwords(fields),
        endpoint=endpoint,
        update_ms=fields.integer("update_ms", *UPDATE_MS_BOUNDS),
        correction=fields.real("correction", 0.0, 1.0),
        languages=() if fields.absent("languages") else fields.texts("languages", _MAX_LANGUAGES, 32),
        spoken="" if fields.absent("spoken") else fields.text("spoken", 32),
        trace=None if fields.absent("trace") else _parse_id(fields.text("trace", 32)),
    )


def _parse_id(text: str) -> UUID:
    try:
        return UUID(hex=text)
    except ValueError as error:
        raise WireViolation("trace is a UUID in 32 hexadecimal digits") from error


def _parse_ready(fields: Fields) -> Ready:
    version = fields.integer("version", 0, _MAX_NUMBER)
    if version != VERSION:
        raise WireViolation(f"the recogniser speaks version {version} of the wire, this release version {VERSION}")
    flags = {name: fields.flag(name) for name in _ABILITIES}
    able = Capabilities(fields.texts("languages", _MAX_LANGUAGES, 32), **flags)
    return Ready(fields.text("engine", 100), able, fields.text("engine_kind", 100), version)


def _parse_partial(fields: Fields) -> Partial:
    return Partial(
        channel=fields.integer("channel", 0, 255),
        start=fields.integer("start", 0, MAX_OFFSET),
        end=fields.integer("end", 0, MAX_OFFSET),
        committed=fields.text("committed", MAX_MESSAGE_BYTES),
        tentative=fields.text("tentative", MAX_MESSAGE_BYTES),
        revision=fields.integer("revision", 1, _MAX_NUMBER),
    )


def _parse_span(fields: Fields) -> tuple[int, int]:
    return fields.integer("start", 0, MAX_OFFSET), fields.integer("end", 0, MAX_OFFSET)
