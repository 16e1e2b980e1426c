"""A small SIP user agent and RTP source of the tests' own: it sends what a test writes, odd offers included."""

import asyncio
import re
import socket
import struct
from collections import deque
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import numpy as np

from callscribe.domain.audio import AudioChunk
from telephony.line.wire import Dtmf, Ended, LineStream, RtpCounts
from tests.keys import EVENT_TYPE, key_payloads

RATE = 8000
ANYWHERE = ("127.0.0.1", 0)
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
    port: int = 0
    """RTP port offered; 0: one that nobody sends from."""


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
        while (reply := await asyncio.wait_for(self._replies.get(), 60)).status < 200:
            pass
        if reply.status < 300:
            self._to = self._to_of(reply)
        answer = self._offer(media) if sdp == "" and reply.status < 300 else ""
        self._send("ACK", self._cseq, answer, to=self._to_of(reply), branch=branch if reply.status >= 300 else "")
        return reply

    async def bye(self) -> Reply:
        self._cseq += 1
        self._send("BYE", self._cseq, "")
        return await asyncio.wait_for(self._replies.get(), 60)

    def play(self, reply: Reply, line: int, frequency: float, local: tuple[str, int] = ANYWHERE) -> "RtpSource":
        """Send a tone to an m-line of the answer until the phone closes, from any port or one of its own."""
        port = int(reply.media[line][0].split()[1])
        source = RtpSource(port, frequency, local)
        self._sources.append(source)
        return source

    def _offer(self, media: tuple[Media, ...]) -> str:
        self._version += 1
        lines = ["v=0", f"o=- 1 {self._version} IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"]
        for number, entry in enumerate(media):
            port = 0 if entry.rejected else entry.port or 40000 + 2 * number
            lines += [f"m={entry.kind} {port} RTP/AVP {entry.payloads}", f"a={entry.direction}"]
            lines += ["a=rtpmap:96 H264/90000"] if entry.payloads == "96" else []
            lines += [f"a=rtpmap:{EVENT_TYPE} telephone-event/8000"] if str(EVENT_TYPE) in entry.payloads else []
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

    def __init__(self, port: int, frequency: float, local: tuple[str, int] = ANYWHERE) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(local)
        self._paused = False
        self._socket.connect(("127.0.0.1", port))
        self._payload = mulaw(tone(frequency, 1.0))
        self._others: deque[tuple[int, int, bytes]] = deque()
        """What is sent in place of the tone: payload type, packets since its timestamp, payload."""
        self._task = asyncio.create_task(self._run())

    async def pause(self, seconds: float) -> None:
        """Send nothing for a while."""
        self._paused = True
        await asyncio.sleep(seconds)
        self._paused = False

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        begun, number, sequence = loop.time(), 0, 0
        while True:
            place = number * PACKET % RATE
            kind, timestamp, payload = 0, number * PACKET, self._payload[place : place + PACKET]
            if self._others:
                kind, step, payload = self._others.popleft()
                timestamp -= step * PACKET
            try:
                if not self._paused:
                    head = struct.pack("!BBHII", 0x80, kind, sequence & 0xFFFF, timestamp, 0x5C0BE)
                    self._socket.send(head + payload)
                    sequence += 1
            except ConnectionRefusedError:
                return
            number += 1
            await asyncio.sleep(max(0.0, begun + number * PACKET / RATE - loop.time()))

    def press(self, digit: str) -> None:
        """Send a key (RFC 4733) in place of the tone, from the next packet on."""
        self._others.extend((EVENT_TYPE, step, payload) for step, payload in key_payloads(digit))

    async def fall_silent(self, seconds: float, noise_type: int) -> None:
        """Send comfort noise (RFC 3389) once, and then nothing for a while."""
        self._others.append((noise_type, 0, bytes((70,))))
        await asyncio.sleep(0.05)
        await self.pause(seconds)

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
    sample_rate: int = 0
    changes: list[tuple[LineStream, ...]] = field(default_factory=list)
    audio: dict[int, bytearray] = field(default_factory=dict, repr=False)
    samples: int = 0
    reason: str = ""
    rtp: tuple[RtpCounts, ...] = ()
    pressed: list[Dtmf] = field(default_factory=list)

    def seconds(self, channel: int, start: float, end: float) -> bytes:
        """A stretch of a channel."""
        return bytes(self.audio[channel][int(start * RATE) * 2 : int(end * RATE) * 2])


class Ledger:
    """A LineListener that keeps everything, and fails on audio that overlaps or leaves a hole."""

    def __init__(self) -> None:
        self.calls: dict[UUID, Heard] = {}
        self.lost: list[tuple[int, tuple[UUID, ...]]] = []
        self.faults: list[str] = []

    def line_answered(self, call_id: UUID, streams: tuple[LineStream, ...], sample_rate: int = 8000) -> None:
        self.calls[call_id] = Heard(streams, sample_rate)

    def line_streams_changed(self, call_id: UUID, streams: tuple[LineStream, ...]) -> None:
        self.calls[call_id].changes.append(streams)

    def line_audio(self, call_id: UUID, chunk: AudioChunk) -> None:
        pcm = self.calls[call_id].audio.setdefault(chunk.channel, bytearray())
        if chunk.offset * 2 != len(pcm):
            self.faults.append(f"channel {chunk.channel}: {chunk.offset} after {len(pcm) // 2}")
        pcm += chunk.pcm

    def line_dtmf(self, pressed: Dtmf) -> None:
        self.calls[pressed.call_id].pressed.append(pressed)

    def line_call_ended(self, ended: Ended) -> None:
        heard = self.calls.setdefault(ended.call_id, Heard())
        heard.samples, heard.reason, heard.rtp = ended.samples, ended.reason, ended.rtp

    def line_lost(self, line: int, calls: tuple[UUID, ...]) -> None:
        self.lost.append((line, calls))

    async def ended(self, call_id: UUID, limit: float = 60.0) -> Heard:
        """The call once it has ended."""
        async with asyncio.timeout(limit):
            while call_id not in self.calls or not self.calls[call_id].reason:
                await asyncio.sleep(0.02)
        return self.calls[call_id]
