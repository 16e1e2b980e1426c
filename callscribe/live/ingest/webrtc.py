"""A browser's microphone over WebRTC (RFC 8825), by aiortc: ICE, DTLS-SRTP, its jitter buffer, and Opus.

aiortc takes its UDP ports from the system's range, one for each address of the machine but loopback's, and needs no
STUN or TURN server here: the browser must reach one of these addresses, or the advertised one.
"""

import asyncio
import ipaddress
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from typing import Self, cast

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.exceptions import InternalError, InvalidAccessError, InvalidStateError, OperationError
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av.audio.frame import AudioFrame

from callscribe.live.ingest.listening import count_trouble
from callscribe.live.ingest.opus import RATE, Monophone
from callscribe.live.ingest.steps import Digit, Heard

_UNREAD_FRAMES = 500
"""Of 20 ms, of 4 KiB each. aiortc itself keeps all that nobody takes."""
_UNREADABLE = (ValueError, LookupError, AttributeError, AssertionError, TypeError)
"""What aiortc's parser raises for lines that it cannot read."""
_UNFIT = (InternalError, InvalidAccessError, InvalidStateError, OperationError)
"""What aiortc raises for an offer that it can read, but not answer."""


class WebrtcSession:
    """One browser's audio. Implements Source. Make it with `answering`."""

    def __init__(self, peer: RTCPeerConnection, track: MediaStreamTrack, answer: str, counts: Counter[str]) -> None:
        self.answer = answer
        """SDP."""
        self._peer = peer
        self._track = track
        self._counts = counts
        self._frames: asyncio.Queue[AudioFrame | None] = asyncio.Queue(_UNREAD_FRAMES)
        self._first: AudioFrame | None = None
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def answering(cls, offer: str, advertised: str, counts: Counter[str]) -> Self:
        """Take an SDP offer of one audio stream; its answer names `advertised` in place of this machine's IPv4
        addresses, "" these themselves. Raises ValueError for another offer. What is dropped is counted in `counts`."""
        if [line[:8] for line in offer.splitlines() if line.startswith("m=")] != ["m=audio "]:
            raise ValueError("the offer must be SDP with one audio stream and nothing else")
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        async with AsyncExitStack() as unless_answered:
            unless_answered.push_async_callback(peer.close)
            try:
                await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
                await peer.setLocalDescription(await peer.createAnswer())
                track = peer.getTransceivers()[0].receiver.track
            except _UNREADABLE as error:
                raise ValueError("the offer's SDP cannot be understood") from error
            except _UNFIT as error:
                raise ValueError("the offer must have Opus, G.722 or G.711") from error
            if track is None:
                raise ValueError("the offer must send its audio: a=sendonly or a=sendrecv")
            answer = _advertising(peer.localDescription.sdp, advertised)
            unless_answered.pop_all()
        return cls(peer, track, answer, counts)

    async def begun(self, within_s: float) -> None:
        async with asyncio.timeout(within_s):
            self._first = await self._frames.get()
        if self._first is None:
            raise TimeoutError

    async def sounds(self) -> AsyncIterator[Heard | Digit]:
        mono, frame = Monophone(), self._first
        began = _instant(frame) if frame else 0
        while frame:
            # What was lost is missing in between.
            at = _instant(frame) - began
            yield Heard(0, mono.take([frame]), max(0, at))
            frame = await self._frames.get()

    async def close(self) -> None:
        self._reading.cancel()
        await self._peer.close()

    async def _read(self) -> None:
        """Take in what comes, as long as there is room, until the browser has ended it."""
        with suppress(MediaStreamError):
            while True:
                frame = cast(AudioFrame, await self._track.recv())
                if self._frames.full():
                    count_trouble(self._counts, "ingest_packets_dropped")
                else:
                    self._frames.put_nowait(frame)
        await self._frames.put(None)


def _instant(frame: AudioFrame) -> int:
    """Samples at RATE, from some beginning."""
    assert frame.pts is not None
    assert frame.time_base is not None
    return int(frame.pts * frame.time_base * RATE)


def _advertising(sdp: str, address: str) -> str:
    """The SDP with `address` in the host candidates of IPv4 (RFC 8839 section 5.1)."""
    if not address:
        return sdp
    lines = []
    for line in sdp.splitlines():
        words = line.split(" ")
        if line.startswith("a=candidate:") and _is_ipv4(words[4]):
            words[4] = address
        lines.append(" ".join(words))
    return "\r\n".join([*lines, ""])


def _is_ipv4(text: str) -> bool:
    return ipaddress.ip_address(text).version == 4
