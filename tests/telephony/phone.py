"""A small SIP user agent and RTP source of the tests' own: it sends what a test writes, odd offers included."""

import asyncio
import re
import socket
import struct
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import numpy as np

from callscribe.domain.audio import AudioChunk
from telephony.lines import LineStream

RATE = 8000
PACKET = 160
"""Samples of one RTP packet."""


def mulaw(pcm: "np.ndarray[tuple[int], np.dtype[np.int16]]") -> bytes:
    """G.711 mu-law of int16 samples."""
    value = np.minimum(np.abs(pcm.astype(np.int32)), 32635) + 132
    exponent = np.floor(np.log2(value)).astype(np.int32) - 7
    mantissa = (value >> (exponent + 3)) & 0x0F
    sign = np.where(pcm < 0, 0x80, 0)
    return bytes((~(sign | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8))


def tone(frequency: float, seconds: float) -> "np.ndarray[tuple[int], np.dtype[np.int16]]":
    """A sine of amplitude 8000."""
    return (8000 * np.sin(2 * np.pi * frequency * np.arange(int(RATE * seconds)) / RATE)).astype(np.int16)


def loudest(pcm: bytes) -> float:
    """Frequency in Hz that carries most energy, or 0 for silence."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    if np.abs(samples).max(initial=0) < 500:
        return 0.0
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax() * RATE / len(samples))


@dataclass(frozen=True, slots=True)
class Media:
    """One m-line of an offer."""

    label: str = ""
    direction: str = "sendonly"
    kind: str = "audio"
    rejected: bool = False
    """Offered with port 0."""
    payloads: str = "0 8"


@dataclass(frozen=True, slots=True)
class Reply:
    """A SIP response."""

    status: int
    text: str

    @property
    def sdp(self) -> str:
        return self.text.partition("\r\n\r\n")[2]

    @property
    def media(self) -> list[list[str]]:
        """Lines of each m-line's section."""
        sections: list[list[str]] = []
        for line in self.sdp.splitlines():
            if line.startswith("m="):
                sections.append([])
            if sections:
                sections[-1].append(line)
        return sections


class Phone(asyncio.DatagramProtocol):
    """One call."""

    def __init__(self, sip_port: int, call_id: UUID | None, headers: tuple[str, ...] = ()) -> None:
        self._peer = ("127.0.0.1", sip_port)
        self._headers = (*((f"X-Callscribe-Call: {call_id}",) if call_id else ()), *headers)
        self._sip_call_id = uuid4().hex
        self._cseq = 0
        self._to = "<sip:scribe@127.0.0.1>"
        self._version = 0
        self._replies: asyncio.Queue[Reply] = asyncio.Queue()
        self._sources: list[RtpSource] = []
        self.requests: asyncio.Queue[str] = asyncio.Queue()

    async def __aenter__(self) -> "Phone":
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        return self

    async def __aexit__(self, *_: object) -> None:
        for source in self._sources:
            await source.stop()
        self._transport.close()

    async def invite(self, *media: Media, sdp: str | None = None) -> Reply:
        """Send an INVITE or a re-INVITE and acknowledge its final answer. `sdp` "" makes a delayed offer."""
        self._cseq += 1
        body = self._offer(media) if sdp is None else sdp
        branch = self._send("INVITE", self._cseq, body)
        while (reply := await asyncio.wait_for(self._replies.get(), 5)).status < 200:
            pass
        if reply.status < 300:
            self._to = self._to_of(reply)
        answer = self._offer(media) if sdp == "" and reply.status < 300 else ""
        self._send("ACK", self._cseq, answer, to=self._to_of(reply), branch=branch if reply.status >= 300 else "")
        return reply

    async def bye(self) -> Reply:
        self._cseq += 1
        self._send("BYE", self._cseq, "")
        return await asyncio.wait_for(self._replies.get(), 5)

    def play(self, reply: Reply, line: int, frequency: float) -> "RtpSource":
        """Send a tone to an m-line of the answer until the phone closes."""
        port = int(reply.media[line][0].split()[1])
        source = RtpSource(port, frequency)
        self._sources.append(source)
        return source

    def _offer(self, media: tuple[Media, ...]) -> str:
        self._version += 1
        lines = ["v=0", f"o=- 1 {self._version} IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"]
        for number, entry in enumerate(media):
            port = 0 if entry.rejected else 40000 + 2 * number
            lines += [f"m={entry.kind} {port} RTP/AVP {entry.payloads}", f"a={entry.direction}"]
            lines += ["a=rtpmap:96 H264/90000"] if entry.payloads == "96" else []
            lines += [f"a=label:{entry.label}"] if entry.label else []
        return "".join(f"{line}\r\n" for line in lines)

    def _send(self, method: str, cseq: int, body: str, *, to: str = "", branch: str = "") -> str:
        host, port = self._transport.get_extra_info("sockname")
        branch = branch or f"z9hG4bK{uuid4().hex}"
        lines = [
            f"{method} sip:scribe@127.0.0.1:{self._peer[1]} SIP/2.0",
            f"Via: SIP/2.0/UDP {host}:{port};branch={branch};rport",
            "Max-Forwards: 70",
            f"From: <sip:phone@{host}>;tag={self._sip_call_id[:8]}",
            f"To: {to or self._to}",
            f"Call-ID: {self._sip_call_id}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:phone@{host}:{port}>",
            *(self._headers if method == "INVITE" else ()),
            *(("Content-Type: application/sdp",) if body else ()),
            f"Content-Length: {len(body)}",
        ]
        self._transport.sendto(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), self._peer)
        return branch

    @staticmethod
    def _to_of(reply: Reply) -> str:
        found = re.search(r"^To:\s*(.*?)\r$", reply.text, re.MULTILINE | re.IGNORECASE)
        assert found
        return found[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        text = data.decode()
        if text.startswith("SIP/2.0 "):
            self._replies.put_nowait(Reply(int(text[8:11]), text))
            return
        self.requests.put_nowait(text)
        kept = [
            line
            for line in text.split("\r\n")
            if line.lower().startswith(("via:", "from:", "to:", "call-id:", "cseq:", "record-route:"))
        ]
        answer = "\r\n".join(["SIP/2.0 200 OK", *kept, "Content-Length: 0", "", ""])
        self._transport.sendto(answer.encode(), addr)


class RtpSource:
    """Sends a tone in real time."""

    def __init__(self, port: int, frequency: float) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", port))
        self._payload = mulaw(tone(frequency, 1.0))
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        begun, number = loop.time(), 0
        while True:
            place = number * PACKET % RATE
            head = struct.pack("!BBHII", 0x80, 0, number & 0xFFFF, number * PACKET, 0x5C0BE)
            try:
                self._socket.send(head + self._payload[place : place + PACKET])
            except ConnectionRefusedError:
                return
            number += 1
            await asyncio.sleep(max(0.0, begun + number * PACKET / RATE - loop.time()))

    def say(self, data: bytes) -> None:
        """Send a datagram that is no part of the tone."""
        self._socket.send(data)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._socket.close()


@dataclass
class Heard:
    """What a line told of one call."""

    streams: tuple[LineStream, ...] = ()
    changes: list[tuple[LineStream, ...]] = field(default_factory=list)
    audio: dict[int, bytearray] = field(default_factory=dict, repr=False)
    samples: int = 0
    reason: str = ""

    def seconds(self, channel: int, start: float, end: float) -> bytes:
        """A stretch of a channel."""
        return bytes(self.audio[channel][int(start * RATE) * 2 : int(end * RATE) * 2])


class Ledger:
    """A LineListener that keeps everything, and fails on audio that overlaps or leaves a hole."""

    def __init__(self) -> None:
        self.calls: dict[UUID, Heard] = {}
        self.lost: list[tuple[int, tuple[UUID, ...]]] = []
        self.faults: list[str] = []

    def line_answered(self, call_id: UUID, streams: tuple[LineStream, ...]) -> None:
        self.calls[call_id] = Heard(streams)

    def line_streams_changed(self, call_id: UUID, streams: tuple[LineStream, ...]) -> None:
        self.calls[call_id].changes.append(streams)

    def line_audio(self, call_id: UUID, chunk: AudioChunk) -> None:
        pcm = self.calls[call_id].audio.setdefault(chunk.channel, bytearray())
        if chunk.offset * 2 != len(pcm):
            self.faults.append(f"channel {chunk.channel}: {chunk.offset} after {len(pcm) // 2}")
        pcm += chunk.pcm

    def line_call_ended(self, call_id: UUID, samples: int, reason: str) -> None:
        heard = self.calls.setdefault(call_id, Heard())
        heard.samples, heard.reason = samples, reason

    def line_lost(self, line: int, calls: tuple[UUID, ...]) -> None:
        self.lost.append((line, calls))

    async def ended(self, call_id: UUID, limit: float = 5.0) -> Heard:
        """The call once it has ended."""
        async with asyncio.timeout(limit):
            while call_id not in self.calls or not self.calls[call_id].reason:
                await asyncio.sleep(0.02)
        return self.calls[call_id]
