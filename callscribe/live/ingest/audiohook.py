"""Genesys AudioHook, version 2: JSON control messages, binary audio (developer.genesys.cloud, "AudioHook"). Pure.

Both parties come interleaved and are kept apart. Positions are those of the stream, which the client counts on while it
is paused or throws audio away.
"""

import json
import re
from collections.abc import Sequence
from uuid import UUID

from callscribe.domain.call import Channel, Dialect, Role
from callscribe.live.ingest.access import Request
from callscribe.live.ingest.parties import Fields, json_object, number, party, table, word
from callscribe.live.ingest.pcm import Decoder, linear, mu_law, split
from callscribe.live.ingest.steps import (
    Answer,
    Begin,
    Detached,
    Ended,
    Heard,
    Message,
    Paused,
    Resumed,
    Step,
)

_RATE = 8_000
_DECODERS: dict[str, Decoder] = {"PCMU": mu_law, "L16": linear}
_SIDES = (["external", "internal"], ["internal", "external"], ["external"], ["internal"])
"""Channel layouts, the dearest first: both parties, kept apart."""
_PROBE = str(UUID(int=0))
"""The conversation of a connection that Genesys Cloud only tries."""
_DURATION = re.compile(r"PT(\d{1,9}(?:\.\d{1,9})?)S")
_REASONS = {"drained": "completed", "no-media": "error", "rejected": "error"}


class AudiohookSession:
    """One session. Implements Translator."""

    def __init__(self, request: Request) -> None:
        self._id = request.headers.get("audiohook-session-id", "")
        self._organization = request.headers.get("audiohook-organization-id", "")
        self._seq = 0
        self._client_seq = 0
        self._sides: list[str] = []
        self._decode: Decoder = mu_law
        self._at = 0
        self._media: Fields = {}

    def read(self, message: Message) -> Sequence[Step]:
        if isinstance(message, bytes):
            return self._heard(message)
        fields = json_object(message)
        self._client_seq = number(fields, "seq") or self._client_seq
        parameters = table(fields, "parameters")
        match fields.get("type"):
            case "open":
                return self._opened(fields, parameters)
            case "ping":
                return (Answer(self._message("pong", {})),)
            case "paused":
                return (Paused(),)
            case "resumed":
                return (Resumed(self._skip(parameters)),)
            case "discarded":
                self._skip(parameters)
            case "update":
                return (Answer(self._message("updated", {})),)
            case "close":
                last = Detached() if parameters.get("reason") == "reconnect" else Ended()
                return (last, Answer(self._message("closed", {})))
        return ()

    def begun(self, call_id: UUID) -> Sequence[Message]:
        return ()

    def parting(self, reason: str) -> Sequence[Message]:
        return (self._message("disconnect", {"reason": _REASONS.get(reason, "completed"), "info": reason}),)

    def _opened(self, fields: Fields, parameters: Fields) -> Sequence[Step]:
        self._id = self._id or word(fields, "id")
        self._choose(parameters.get("media"))
        answer = Answer(self._message("opened", {"startPaused": False, "media": [self._media]}))
        conversation = word(parameters, "conversationId")
        if word(fields, "id") != self._id or (
            self._organization and parameters.get("organizationId") != self._organization
        ):
            raise ValueError("the AudioHook session is another one than the connection's")
        if conversation == _PROBE:
            return (answer,)
        self._at = _samples(word(fields, "position")) or 0
        return (self._begin(conversation, parameters), answer)

    def _choose(self, offers: object) -> None:
        """Take the offer that keeps most apart. Raises ValueError where none can be understood."""
        fitting = [
            (_SIDES.index(offer["channels"]), place, offer)
            for place, offer in enumerate(offers if isinstance(offers, list) else ())
            if isinstance(offer, dict)
            and offer.get("channels") in _SIDES
            and word(offer, "format") in _DECODERS
            and offer.get("rate") == _RATE
        ]
        if not fitting or self._sides:
            raise ValueError("AudioHook is opened once, with media of 8000 Hz, PCMU or L16")
        self._media = min(fitting)[-1]
        self._sides, self._decode = self._media["channels"], _DECODERS[self._media["format"]]

    def _begin(self, conversation: str, parameters: Fields) -> Begin:
        told = table(parameters, "participant")
        external, internal = party(word(told, "ani"), word(told, "aniName")), party(word(told, "dnis"))
        sides = {"external": (Role.CUSTOMER, external), "internal": (Role.AGENT, internal)}
        codec = word(self._media, "format")
        continued = parameters.get("continuedSessions")
        return Begin(
            dialect=Dialect.AUDIOHOOK,
            name=self._id,
            stream=self._id,
            ids=(
                ("conversation-id", conversation),
                ("audiohook-session", self._id),
                ("participant-id", word(told, "id")),
            ),
            channels=tuple(Channel(index, side, *sides[side], codec) for index, side in enumerate(self._sides)),
            caller=external,
            callee=internal,
            rate=_RATE,
            at=self._at,
            earlier=tuple(
                word(one, "id") for one in (continued if isinstance(continued, list) else ()) if isinstance(one, dict)
            ),
        )

    def _heard(self, message: bytes) -> Sequence[Step]:
        if not self._sides:
            raise ValueError("AudioHook audio came before the session was opened")
        parts = split(self._decode(message), len(self._sides))
        at, self._at = self._at, self._at + len(parts[0]) // 2
        return tuple(Heard(channel, pcm, at) for channel, pcm in enumerate(parts))

    def _skip(self, parameters: Fields) -> int:
        """Where the stream goes on after audio that the client kept to itself, in samples."""
        start, discarded = _samples(word(parameters, "start")), _samples(word(parameters, "discarded"))
        if start is None or discarded is None:
            raise ValueError("AudioHook tells start and discarded as durations")
        self._at = max(self._at, start + discarded)
        return self._at

    def _message(self, kind: str, parameters: dict[str, object]) -> str:
        self._seq += 1
        return json.dumps(
            {
                "version": "2",
                "id": self._id,
                "type": kind,
                "seq": self._seq,
                "clientseq": self._client_seq,
                "parameters": parameters,
            }
        )


def _samples(duration: str) -> int | None:
    """A duration as AudioHook writes it (ISO 8601, seconds only) in samples; None where it is none."""
    found = _DURATION.fullmatch(duration)
    return round(float(found[1]) * _RATE) if found else None
