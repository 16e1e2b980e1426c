"""The messages of Azure's Universal Speech Protocol, without a socket. Pure.

A text message has header lines, an empty line and a JSON body. An audio message has the length of its headers (u16, big
endian), the headers, and PCM. All that belongs to one request, here called a turn, bears its id. Times are in 100 ns.
Microsoft, "Microsoft Speech WebSocket protocol" (2017); the rest is what its SDK 1.53 sends and takes.
"""

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from asr.engine import ENGINE_RATE
from asr.engines.cloud.service import Request
from callscribe.domain.errors import WireViolation

_MOST_PHRASES = 500
"""Phrases beyond which, Microsoft says, a list does no good."""
_TICKS = 10_000_000
"""Of the protocol's time, in a second."""
_SAMPLE_BYTES = 2
_BLANK_RIFF = struct.pack(
    "<4sI4s4sIHHIIHH4sI",
    b"RIFF",
    0,
    b"WAVE",
    b"fmt ",
    16,
    1,
    1,
    ENGINE_RATE,
    ENGINE_RATE * _SAMPLE_BYTES,
    _SAMPLE_BYTES,
    8 * _SAMPLE_BYTES,
    b"data",
    0,
)
"""A WAV file's header for audio of any length."""


@dataclass(frozen=True, slots=True)
class Message:
    """A text message of the service."""

    path: str
    """What it is."""
    turn: str
    """Id of the request that it answers."""
    body: dict[str, object]


def speech_config() -> str:
    """The first message of a connection."""
    source = {"type": "Stream", "samplerate": str(ENGINE_RATE), "bitspersample": "16", "channelcount": "1"}
    system = {"name": "Callscribe", "version": "1", "build": "Python", "lang": "Python"}
    return _text("speech.config", "", {"context": {"system": system, "audio": {"source": source}}})


def speech_context(request: Request, turn: str) -> str:
    """The first message of a turn: what to listen for, and how to answer."""
    body: dict[str, object] = {
        "phraseOutput": {"format": "Detailed", "detailed": {"options": ["WordTimings", "WordConfidence"]}},
        "audio": {"streams": {"1": None}},
    }
    enrichment = {"profanity": "raw"}
    if len(request.languages) == 1:
        body["phraseDetection"] = {"language": request.languages[0], "enrichment": enrichment}
    else:
        body["languageId"] = {
            "languages": list(request.languages),
            "onSuccess": {"action": "Recognize"},
            "onUnknown": {"action": "None"},
            "mode": "DetectAtAudioStart",
            "Priority": "PrioritizeLatency",
        }
        body["phraseDetection"] = {
            "onSuccess": {"action": "None"},
            "onInterim": {"action": "None"},
            "enrichment": enrichment,
        }
    best = sorted(request.hotwords, key=lambda hotword: -hotword.weight)[:_MOST_PHRASES]
    if best:
        items = [{"Text": hotword.text} for hotword in best]
        body["dgi"] = {"Groups": [{"Type": "Generic", "Items": items}], "bias": 1.0}
    return _text("speech.context", turn, body)


def audio_header(turn: str) -> bytes:
    """The first audio message of a turn: what kind of audio follows."""
    return _binary(turn, _BLANK_RIFF, "Content-Type:audio/x-wav\r\n")


def audio(turn: str, pcm: bytes) -> bytes:
    """Audio; none of it: the end."""
    return _binary(turn, pcm, "")


def telemetry(turn: str, received: Sequence[tuple[str, str]]) -> str:
    """The last message of a turn, which the protocol asks for: what was received, each path with its time."""
    times: dict[str, list[str]] = {}
    for path, moment in received:
        times.setdefault(path, []).append(moment)
    return _text("telemetry", turn, {"ReceivedMessages": [{path: told} for path, told in times.items()], "Metrics": []})


def timestamp() -> str:
    """The time, as messages have it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse(message: str | bytes) -> Message:
    """Read a message of the service. Raises WireViolation."""
    if isinstance(message, bytes):
        raise WireViolation("a message of Azure's recogniser is text")
    head, _, rest = message.partition("\r\n\r\n")
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head.split("\r\n"))
    }
    try:
        body = json.loads(rest) if rest.strip() else {}
    except (ValueError, RecursionError) as error:
        raise WireViolation("a message of Azure's recogniser holds JSON") from error
    if "path" not in headers or not isinstance(body, dict):
        raise WireViolation("a message of Azure's recogniser has a path and an object")
    return Message(headers["path"], headers.get("x-requestid", ""), body)


def samples(ticks: object) -> int:
    """A time of the protocol in samples. Raises WireViolation."""
    if isinstance(ticks, bool) or not isinstance(ticks, int) or ticks < 0:
        raise WireViolation("a time of Azure's recogniser is a whole number")
    return ticks * ENGINE_RATE // _TICKS


def _text(path: str, turn: str, body: dict[str, object]) -> str:
    mark = f"X-RequestId:{turn}\r\n" if turn else ""
    headers = f"Path:{path}\r\nX-Timestamp:{timestamp()}\r\n{mark}Content-Type:application/json; charset=utf-8\r\n"
    return f"{headers}\r\n{json.dumps(body, ensure_ascii=False)}"


def _binary(turn: str, pcm: bytes, kind: str) -> bytes:
    headers = f"Path:audio\r\nX-RequestId:{turn}\r\nX-StreamId:1\r\nX-Timestamp:{timestamp()}\r\n{kind}".encode()
    return struct.pack(">H", len(headers)) + headers + pcm
