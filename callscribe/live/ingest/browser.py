"""A microphone of a web page: one JSON text, then 16-bit PCM or WebM with Opus in binary messages. Our own protocol.
Pure.

    {"event": "start", "id": "...", "format": "pcm", "rate": 16000, "caller": "1001", "caller_name": "Ann", "at": 0}
    binary: signed 16-bit little-endian mono PCM, or what a MediaRecorder gives ("format": "webm"), in order
    {"event": "pause"}, {"event": "resume", "at": N}, {"event": "stop"}

The answer to start is `{"event": "started", "call_id": "..."}`: with that id a page follows the call's events. A page
that lost its connection sends start with the same id and, as `at`, the sample since the beginning from which it sends
again: what was heard already is not heard twice. With `at` 0 it takes up no call that is still heard, which is another
page's, unless it says `"again": true`; then no other call begins where that one has ended, and the answer is
`{"event": "ended", "reason": "connection-lost"}`. Positions in WebM are samples of 16 kHz, and those of a recording
count from the `at` that it began with, or from the end of the recording before it.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Protocol
from uuid import UUID

from callscribe.domain.audio import SAMPLE_BYTES, ms_to_samples
from callscribe.domain.call import Channel, Dialect, Role
from callscribe.live.ingest import opus
from callscribe.live.ingest.access import Request
from callscribe.live.ingest.parties import Fields, json_object, number, told_parties, word
from callscribe.live.ingest.pcm import RATES, linear
from callscribe.live.ingest.steps import Begin, Ended, HangUp, Heard, Message, Paused, Resumed, Step
from callscribe.live.ingest.webm import WebmOpus

_MOST_PACKETS = 250
"""Of Opus in one message: what is decoded at once holds everybody up."""


class _Audio(Protocol):
    """What a page's binary messages come to."""

    at: int
    """Samples since the call began, after what was heard."""

    def take(self, message: bytes) -> Iterable[Heard]: ...


class _Pcm:
    """Implements _Audio."""

    def __init__(self, at: int) -> None:
        self.at = at

    def take(self, message: bytes) -> Iterable[Heard]:
        at, self.at = self.at, self.at + len(linear(message)) // SAMPLE_BYTES
        return (Heard(0, message, at),)


class _Webm:
    """Implements _Audio."""

    def __init__(self, at: int) -> None:
        self.at = self._base = at
        self._webm = WebmOpus()
        self._decoder = opus.OpusDecoder()

    def take(self, message: bytes) -> Iterable[Heard]:
        packets = self._webm.feed(message)
        if len(packets) > _MOST_PACKETS:
            raise ValueError(f"a message of WebM has at most {_MOST_PACKETS} packets")
        for packet in packets:
            if packet.first:
                self._base, self._decoder = self.at, opus.OpusDecoder()
            pcm = self._decoder.decode(packet.payload)
            at = self._base + ms_to_samples(packet.at_ms, opus.RATE)
            self.at = at + len(pcm) // SAMPLE_BYTES
            yield Heard(0, pcm, at)


class BrowserMicrophone:
    """One connection of a page. Implements Translator."""

    def __init__(self, request: Request) -> None:
        self._audio: _Audio | None = None

    def read(self, message: Message) -> Sequence[Step]:
        audio = self._audio
        if isinstance(message, bytes):
            if audio is None:
                raise ValueError("audio came before start")
            return tuple(audio.take(message))
        fields = json_object(message)
        match fields.get("event"):
            case "start":
                return (self._begin(fields),)
            case "pause":
                return (Paused(),)
            case "resume":
                if audio is None:
                    raise ValueError("resume came before start")
                audio.at = max(audio.at, number(fields, "at") or 0)
                return (Resumed(audio.at),)
            case "stop":
                return (Ended(), HangUp())
        raise ValueError("event is start, pause, resume or stop")

    def begun(self, call_id: UUID) -> Sequence[Message]:
        return (json.dumps({"event": "started", "call_id": str(call_id)}),)

    def parting(self, reason: str) -> Sequence[Message]:
        return (json.dumps({"event": "ended", "reason": reason}),)

    def _begin(self, fields: Fields) -> Begin:
        rate, at = number(fields, "rate") or opus.RATE, number(fields, "at") or 0
        webm = word(fields, "format") == "webm"
        if self._audio or rate not in ((opus.RATE,) if webm else RATES):
            raise ValueError("start comes once, with a rate of 8000 or 16000, and 16000 for webm")
        self._audio = _Webm(at) if webm else _Pcm(at)
        caller, callee = told_parties(fields)
        name, again = word(fields, "id"), fields.get("again") is True
        return Begin(
            dialect=Dialect.BROWSER,
            name=name,
            ids=(("browser-id", name),),
            channels=(Channel(0, "", Role.UNKNOWN, caller, "opus" if webm else "L16"),),
            caller=caller,
            callee=callee,
            rate=rate,
            stream=name,
            at=at,
            fresh=at == 0 and not again,
            again=again,
        )
