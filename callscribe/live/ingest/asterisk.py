"""Asterisk's chan_websocket (20.16, 21.11, 22.6, 23 and later): binary media, text control in lines or in JSON
(docs.asterisk.org, "WebSocket"). Pure.

Asterisk connects to here (`Dial(WebSocket/NAME/c(ulaw))`, or externalMedia of ARI), so the audio is what the channel
says that is bridged with it, or the mix of a bridge.
"""

import json
from collections.abc import Mapping, Sequence
from uuid import UUID

from callscribe.domain.call import Channel, Dialect, Role
from callscribe.live.ingest.access import Request
from callscribe.live.ingest.parties import json_object, table, told_parties, word
from callscribe.live.ingest.pcm import Decoder, a_law, linear, mu_law
from callscribe.live.ingest.steps import Begin, Digit, Ended, HangUp, Heard, Message, Step

_FORMATS: Mapping[str, tuple[str, int, Decoder]] = {
    "ulaw": ("PCMU", 8_000, mu_law),
    "alaw": ("PCMA", 8_000, a_law),
    "slin": ("L16", 8_000, linear),
    **{f"slin{khz}": ("L16", khz * 1_000, linear) for khz in (12, 16, 24, 32, 48, 96, 192)},
    "slin44": ("L16", 44_100, linear),
}
"""Codec, Hz and decoder by Asterisk's name of a format."""


class AsteriskMedia:
    """One channel of chan_websocket. Implements Translator."""

    def __init__(self, request: Request) -> None:
        self._query = request.query
        self._decode: Decoder | None = None
        self._json = False

    def read(self, message: Message) -> Sequence[Step]:
        if isinstance(message, bytes):
            if self._decode is None:
                raise ValueError("Asterisk's media came before MEDIA_START")
            return (Heard(0, self._decode(message)),)
        event, fields = self._event(message)
        if event == "MEDIA_START" and self._decode is None:
            return self._started(fields)
        if event.startswith("DTMF"):
            return (Digit(0, word(fields, "digit")),) if event == "DTMF_END" else ()
        if event in ("HANGUP", "MEDIA_STOP"):
            return (Ended(), HangUp())
        return ()

    def begun(self, call_id: UUID) -> Sequence[Message]:
        return ()

    def parting(self, reason: str) -> Sequence[Message]:
        return (json.dumps({"command": "HANGUP"}) if self._json else "HANGUP",)

    def _event(self, message: str) -> tuple[str, Mapping[str, object]]:
        if message.lstrip().startswith("{"):
            self._json = True
            fields = json_object(message)
            return word(fields, "event"), fields
        name, *pairs = message.split() or [""]
        return name, {key: value for key, _, value in (pair.partition(":") for pair in pairs)}

    def _started(self, fields: Mapping[str, object]) -> Sequence[Step]:
        name = word(fields, "format") or self._query.get("format", "ulaw")
        if name not in _FORMATS:
            raise ValueError(f"Asterisk's format is none of {', '.join(_FORMATS)}")
        codec, rate, self._decode = _FORMATS[name]
        told = {**table(fields, "channel_variables"), **self._query}
        caller, callee = told_parties(told)
        channel = word(fields, "channel_id") or word(fields, "channel")
        ids = (
            ("asterisk-channel", channel),
            ("asterisk-media-connection", word(fields, "connection_id")),
            ("asterisk-call", word(told, "call")),
        )
        role = Role.MIXED if self._query.get("mix") == "mixed" else Role.UNKNOWN
        party = None if role is Role.MIXED else caller
        return (Begin(Dialect.ASTERISK, channel, ids, (Channel(0, "", role, party, codec),), caller, callee, rate),)
