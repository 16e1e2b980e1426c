"""Twilio Media Streams: JSON text messages, audio as base64 mu-law (twilio.com/docs/voice/media-streams). Pure."""

import base64
import binascii
from collections.abc import Sequence
from uuid import UUID

from callscribe.domain.audio import ms_to_samples
from callscribe.domain.call import Channel, Dialect, Role
from callscribe.live.ingest.access import Request
from callscribe.live.ingest.parties import Fields, json_object, number, table, told_parties, word
from callscribe.live.ingest.pcm import mu_law
from callscribe.live.ingest.steps import Begin, Digit, Ended, HangUp, Heard, Message, Step

_RATE = 8_000
_TRACKS = ("inbound", "outbound")
"""What the caller says, and what the caller hears."""


class TwilioStream:
    """One stream. Implements Translator."""

    def __init__(self, request: Request) -> None:
        self._channels: dict[str, int] = {}

    def read(self, message: Message) -> Sequence[Step]:
        if isinstance(message, bytes):
            raise ValueError("Twilio sends text messages only")
        fields = json_object(message)
        match fields.get("event"):
            case "media":
                return self._heard(table(fields, "media"))
            case "start":
                return self._started(table(fields, "start"))
            case "stop":
                return (Ended(), HangUp())
            case "dtmf":
                pressed = table(fields, "dtmf")
                # Its tracks are called otherwise here.
                channel = self._channels.get(word(pressed, "track").removesuffix("_track"), 0)
                return (Digit(channel, word(pressed, "digit")),)
            case "connected" | "mark":
                return ()
        # What Twilio may add one day does not end a call.
        return ()

    def begun(self, call_id: UUID) -> Sequence[Message]:
        return ()

    def parting(self, reason: str) -> Sequence[Message]:
        return ()

    def _started(self, start: Fields) -> Sequence[Step]:
        form = table(start, "mediaFormat")
        if (word(form, "encoding"), number(form, "sampleRate")) != ("audio/x-mulaw", _RATE):
            raise ValueError("Twilio's mediaFormat is audio/x-mulaw with 8000 Hz")
        call, stream = word(start, "callSid"), word(start, "streamSid")
        if self._channels or not (call and stream):
            raise ValueError("Twilio starts a stream once, with callSid and streamSid")
        told = start.get("tracks")
        tracks = [track for track in _TRACKS if isinstance(told, list) and track in told] or ["inbound"]
        self._channels = {track: index for index, track in enumerate(tracks)}
        caller, callee = told_parties(table(start, "customParameters"))
        parties = {"inbound": caller, "outbound": callee}
        return (
            Begin(
                dialect=Dialect.TWILIO,
                name=call,
                stream=stream,
                ids=(("call-sid", call), ("stream-sid", stream)),
                channels=tuple(
                    Channel(index, track, Role.UNKNOWN, parties[track], "PCMU")
                    for track, index in self._channels.items()
                ),
                caller=caller,
                callee=callee,
                rate=_RATE,
            ),
        )

    def _heard(self, media: Fields) -> Sequence[Step]:
        channel = self._channels.get(word(media, "track") or "inbound")
        at = number(media, "timestamp")
        if channel is None or at is None:
            raise ValueError("Twilio's media have a track that was named, and a timestamp")
        try:
            payload = base64.b64decode(_payload(media), validate=True)
        except binascii.Error:
            raise ValueError("Twilio's media are base64") from None
        return (Heard(channel, mu_law(payload), ms_to_samples(at, _RATE)),)


def _payload(media: Fields) -> str:
    """The payload as it stands: it is too long to be cleaned as names are."""
    payload = media.get("payload")
    if not isinstance(payload, str):
        raise ValueError("Twilio's media have a payload")
    return payload
