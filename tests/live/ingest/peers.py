"""What the peers of the ingests send, written from the public descriptions of their protocols."""

import base64
import hashlib
import hmac
import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from tests.peers import missing

TWILIO_SECRET = "8bd0e2c1f7a94c5f"
GENESYS_KEY = "SGVsbG8sIEkgYW0gdGhlIEFQSSBrZXkh"
GENESYS_SECRET = base64.b64encode(b"a client secret of thirty-two by").decode()
FRAME = 160
"""Samples of 20 ms at 8 kHz."""
Json = dict[str, Any]
"""A message of a protocol."""


def require_address() -> None:
    """Skip where WebRTC has no way: aiortc leaves loopback out. Where CI=true, fail."""
    # Of the extra webrtc, which other tests with these peers do without.
    from aioice.ice import get_host_addresses

    if not get_host_addresses(use_ipv4=True, use_ipv6=False):
        missing("this machine has no IPv4 address beside loopback's, which aiortc leaves out")


def audiosocket_frame(kind: int, payload: bytes = b"") -> bytes:
    return struct.pack(">BH", kind, len(payload)) + payload


def audiosocket_audio(pcm: bytes, kind: int = 0x10, size: int = 320) -> list[bytes]:
    return [audiosocket_frame(kind, pcm[place : place + size]) for place in range(0, len(pcm), size)]


def twilio_signature(url: str) -> str:
    return base64.b64encode(hmac.digest(TWILIO_SECRET.encode(), url.encode(), hashlib.sha1)).decode()


class TwilioCall:
    """The messages of a stream of both tracks."""

    def __init__(self, call_sid: str = "", stream_sid: str = "", parameters: Mapping[str, str] | None = None) -> None:
        self.call_sid = call_sid or f"CA{uuid4().hex}"
        self.stream_sid = stream_sid or f"MZ{uuid4().hex}"
        self.parameters = dict(parameters or {})
        self.sequence = 0

    def message(self, event: str, **fields: object) -> str:
        self.sequence += 1
        told = {"event": event, "sequenceNumber": str(self.sequence), **fields, "streamSid": self.stream_sid}
        return json.dumps(told)

    def opening(self, *tracks: str) -> list[str]:
        start = {
            "accountSid": f"AC{'0' * 32}",
            "streamSid": self.stream_sid,
            "callSid": self.call_sid,
            "tracks": list(tracks or ("inbound", "outbound")),
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": self.parameters,
        }
        connected = json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        return [connected, self.message("start", start=start)]

    def media(self, track: str, chunk: int, audio: bytes, timestamp: int) -> str:
        payload = base64.b64encode(audio).decode()
        media = {"track": track, "chunk": str(chunk), "timestamp": str(timestamp), "payload": payload}
        return self.message("media", media=media)

    def frames(self, tracks: Mapping[str, bytes]) -> list[str]:
        """All audio (mu-law), 20 ms by 20 ms, one track after the other."""
        longest = max(map(len, tracks.values()))
        return [
            self.media(track, place // FRAME + 1, audio[place : place + FRAME], place // 8)
            for place in range(0, longest, FRAME)
            for track, audio in tracks.items()
            if place < len(audio)
        ]

    def stop(self) -> str:
        return self.message("stop", stop={"accountSid": f"AC{'0' * 32}", "callSid": self.call_sid})


class GenesysSession:
    """The client of an AudioHook session."""

    def __init__(self, conversation: UUID | None = None) -> None:
        self.id = str(uuid4())
        self.organization = str(uuid4())
        self.conversation = str(uuid4() if conversation is None else conversation)
        self.sequence = 0
        self.server_sequence = 0

    def headers(self, authority: str, target: str, created: int, unsigned: str = "") -> dict[str, str]:
        """Those of the handshake, signed but for the one named."""
        fields = {
            "audiohook-organization-id": self.organization,
            "audiohook-session-id": self.id,
            "audiohook-correlation-id": str(uuid4()),
            "x-api-key": GENESYS_KEY,
        }
        signed = {"@request-target": target, "@authority": authority, **fields}
        signed.pop(unsigned, None)
        covered = " ".join(f'"{name}"' for name in signed)
        parameters = (
            f'({covered});keyid="{GENESYS_KEY}";nonce="VGhpc0lzQVVuaXF1ZU5vbmNl";alg="hmac-sha256"'
            f";created={created};expires={created + 10}"
        )
        lines = [f'"{name}": {value}' for name, value in signed.items()]
        base = "\n".join([*lines, f'"@signature-params": {parameters}'])
        digest = hmac.digest(base64.b64decode(GENESYS_SECRET), base.encode(), hashlib.sha256)
        signature = f"sig1=:{base64.b64encode(digest).decode()}:"
        return {**fields, "signature-input": f"sig1={parameters}", "signature": signature}

    def message(self, kind: str, parameters: Json, position: float = 0.0) -> str:
        self.sequence += 1
        return json.dumps(
            {
                "version": "2",
                "id": self.id,
                "type": kind,
                "seq": self.sequence,
                "serverseq": self.server_sequence,
                "position": f"PT{position:.3f}S".replace(".000S", "S"),
                "parameters": parameters,
            }
        )

    def open(self, media: Sequence[Json] | None = None, continued: Sequence[str] = ()) -> str:
        parameters: Json = {
            "organizationId": self.organization,
            "conversationId": self.conversation,
            "participant": {
                "id": "883efee8-3d6c-4537-b500-6d7ca4b92fa0",
                "ani": "+1-555-555-1234",
                "aniName": "John Doe",
                "dnis": "+1-800-555-6789",
            },
            "media": media or genesys_media(),
            "language": "en-US",
        }
        if continued:
            parameters["continuedSessions"] = [{"id": one, "serverseq": 1, "clientseq": 1} for one in continued]
        return self.message("open", parameters)


def genesys_media() -> list[Json]:
    layouts = (["external"], ["external", "internal"], ["internal"])
    return [{"type": "audio", "format": "PCMU", "channels": layout, "rate": 8000} for layout in layouts]


def interleaved(*channels: bytes, width: int = 1) -> bytes:
    """Audio of equally long channels, sample by sample of `width` bytes."""
    samples = len(channels[0]) // width
    return b"".join(channel[place * width : (place + 1) * width] for place in range(samples) for channel in channels)
