"""Both ends of a bridged call, by hand: SIP from one socket and RTP from another, on each side."""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from tests.acceptance.raw_sip import Asked, Incoming, RawPeer, Reply
from tests.acceptance.service import RunningService, wait_for
from tests.keys import EVENT_TYPE, PACKET_SAMPLES, key_payloads

SDP = """v=0\r
o=phone 7 {version} IN IP4 127.0.0.1\r
s=-\r
c=IN IP4 127.0.0.1\r
t=0 0\r
m=audio {port} RTP/AVP 0 8 101\r
a=rtpmap:101 telephone-event/8000\r
a=fmtp:101 0-15\r
a={direction}\r
"""


def bridge_settings(callee_port: int, sip_port: int) -> str:
    """Trunks and routes for calls that are sent on to a port of 127.0.0.1; `sip_port` is the service's own."""
    target = f"127.0.0.1:{callee_port}"
    routes = [
        ("20[0-9]{2}", f"sip:{{user}}@{target}", "bridged", ""),
        ("hotline", f"sip:desk@{target};transport=udp", "bridged", 'username = "scribe"\npassword = "secret"\n'),
        ("brief", f"sip:nobody@{target}", "bridged", "ring_s = 1\n"),
        ("circle", f"sip:circle@127.0.0.1:{sip_port}", "bridged", ""),
        ("30[0-9]{2}", f"sip:{{user}}@{target}", "branch", ""),
    ]
    trunks = [("bridged", BRIDGED_ADDRESS, '[trunks.roles]\nagent_is = "callee"\n'), ("branch", BRANCH_ADDRESS, "")]
    return "".join(
        [f'\n[[trunks]]\nname = "{name}"\nallow = ["{address}/32"]\n{more}' for name, address, more in trunks]
        + [
            f'\n[[routes]]\nmatch = "{match}"\ntarget = "{where}"\ntrunks = ["{trunk}"]\n{more}'
            for match, where, trunk, more in routes
        ]
    )


BRIDGED_ADDRESS = "127.0.0.5"
"""Whoever calls from here is sent on."""
BRANCH_ADDRESS = "127.0.0.4"
"""Likewise, over routes of its own."""


class RtpEnd:
    """A socket that sends G.711 at the pace of speech and keeps what it gets."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._stop = threading.Event()
        self._number = 0
        self.heard: list[tuple[int, bytes]] = []
        """Payload types and payloads, in the order in which they came."""
        self._threads = [threading.Thread(target=self._hear, daemon=True)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def sdp(self, direction: str = "sendrecv", version: int = 1) -> str:
        return SDP.format(port=self.port, direction=direction, version=version)

    def audio(self) -> bytes:
        """All audio that came, without keys."""
        return b"".join(payload for kind, payload in list(self.heard) if kind != EVENT_TYPE)

    def keys(self) -> list[bytes]:
        """Payloads of all telephone events that came."""
        return [payload for kind, payload in list(self.heard) if kind == EVENT_TYPE]

    def say(self, port: int, audio: bytes, payload_type: int = 0) -> threading.Thread:
        """Begin to send to a port of 127.0.0.1; the thread ends with it."""
        packets = [audio[at : at + PACKET_SAMPLES] for at in range(0, len(audio), PACKET_SAMPLES)]
        sender = threading.Thread(target=self._say, args=(port, payload_type, packets), daemon=True)
        self._threads.append(sender)
        sender.start()
        return sender

    def press(self, port: int, digit: str) -> list[bytes]:
        """Send a key, and give its payloads."""
        for step, payload in key_payloads(digit):
            self._send(port, EVENT_TYPE, (self._number - step) * PACKET_SAMPLES, payload)
            time.sleep(0.02)
        return [payload for _, payload in key_payloads(digit)]

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._socket.close()

    def _say(self, port: int, payload_type: int, packets: list[bytes]) -> None:
        began = time.monotonic()
        for tick, packet in enumerate(packets, 1):
            self._send(port, payload_type, self._number * PACKET_SAMPLES, packet)
            if self._stop.wait(max(0.0, began + tick * 0.02 - time.monotonic())):
                return

    def _send(self, port: int, kind: int, timestamp: int, payload: bytes) -> None:
        header = struct.pack("!BBHII", 0x80, kind, self._number & 0xFFFF, timestamp, 0xB21D6E)
        self._socket.sendto(header + payload, ("127.0.0.1", port))
        self._number += 1

    def _hear(self) -> None:
        self._socket.settimeout(0.1)
        while not self._stop.is_set():
            try:
                packet = self._socket.recv(2048)
            except TimeoutError:
                continue
            self.heard.append((packet[1] & 0x7F, packet[12:]))


@dataclass(slots=True)
class Party:
    """A telephone: one SIP and one RTP socket."""

    sip: RawPeer
    rtp: RtpEnd

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sip.close()
        self.rtp.close()


@dataclass(slots=True)
class Attempt:
    """A call that reached the callee, who has not answered yet."""

    caller: Party
    callee: Party
    asked: Asked
    invite: Incoming

    def pick_up(self) -> "Conversation":
        """The callee answers."""
        self.callee.sip.answer(self.invite, 200, self.callee.rtp.sdp())
        reply = self.caller.sip.final(self.asked.call)
        assert reply.status == 200, reply.head
        self.caller.sip.send(self.asked.acknowledgement(reply).data("UDP", self.caller.sip.port))
        self.callee.sip.take_request("ACK")
        return Conversation(self, reply)


@dataclass(slots=True)
class Conversation:
    """An answered call."""

    attempt: Attempt
    reply: Reply
    """The 200, as the caller got it."""

    @property
    def ports(self) -> tuple[int, int]:
        """Where the caller and the callee send their RTP."""
        return self.reply.audio_ports[0], self.attempt.invite.audio_port

    def hang_up(self) -> None:
        """The caller does."""
        attempt = self.attempt
        assert attempt.caller.sip.hang_up(attempt.asked, self.reply).status == 200
        attempt.callee.sip.answer(attempt.callee.sip.take_request("BYE"), 200)


@contextmanager
def parties(service: RunningService, address: str = BRIDGED_ADDRESS) -> Iterator[tuple[Party, Party]]:
    """A caller from an address, and the callee that the routes name."""
    caller = Party(RawPeer("UDP", service.sip_port, address), RtpEnd())
    callee = Party(RawPeer("UDP", service.sip_port, own_port=service.callee_port), RtpEnd())
    with caller, callee:
        yield caller, callee


def dial(caller: Party, number: str, body: str | None = None, **headers: str | None) -> Asked:
    """Send an INVITE to a number."""
    asked = Asked(
        body=caller.rtp.sdp() if body is None else body,
        start=f"INVITE sip:{number}@127.0.0.1 SIP/2.0",
        to=f"<sip:{number}@127.0.0.1>",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )
    caller.sip.send(asked.data("UDP", caller.sip.port))
    return asked


def ring(ends: tuple[Party, Party], number: str = "2001") -> Attempt:
    """Call a number, up to the INVITE that reaches the callee."""
    caller, callee = ends
    asked = dial(caller, number)
    return Attempt(caller, callee, asked, callee.sip.take_request("INVITE"))


def talk(ends: tuple[Party, Party], number: str = "2001") -> Conversation:
    """An answered call."""
    return ring(ends, number).pick_up()


def wait_audio(end: RtpEnd, audio: bytes, seconds: float = 60.0) -> None:
    """Until all of that has come, each packet as it was sent."""
    wait_for(lambda: audio in end.audio() or None, "the audio", seconds=seconds)
