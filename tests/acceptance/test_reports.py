"""RTCP receiver reports while nothing is heard (RFC 3264 section 5.1): some clients end a call with a mute recorder."""

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest

from tests.acceptance.raw_sip import Asked, RawPeer
from tests.acceptance.service import RunningService

pytestmark = pytest.mark.acceptance

PATIENCE_S = 12.0
"""Twice the time between two reports (RFC 3550 section 6.2)."""
RECEIVER_REPORT = 201
SDES = 202
SSRC = 0xCA11
HOLDS = {
    "inactive": ("127.0.0.1", "inactive"),
    "sendonly, silent": ("127.0.0.1", "sendonly"),
    "address": ("0.0.0.0", ""),
}
"""Ways to be on hold: address and direction."""


def offer(port: int, version: int, address: str, direction: str) -> str:
    lines = ["v=0", f"o=raw 1 {version} IN IP4 127.0.0.1", "s=-", f"c=IN IP4 {address}", "t=0 0"]
    lines += [f"m=audio {port} RTP/AVP 0", "a=rtpmap:0 PCMU/8000", *([f"a={direction}"] if direction else [])]
    return "\r\n".join(lines) + "\r\n"


@contextmanager
def media_ports() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A socket for RTP, and one for RTCP on the port after it."""
    with ExitStack() as stack:
        while True:
            rtp, rtcp = (stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(2))
            rtp.bind(("127.0.0.1", 0))
            try:
                rtcp.bind(("127.0.0.1", rtp.getsockname()[1] + 1))
            except OSError:
                continue
            yield rtp, rtcp
            return


def speak(rtp: socket.socket, target: int, packets: int) -> None:
    for number in range(packets):
        header = struct.pack("!BBHII", 0x80, 0, number, number * 160, SSRC)
        rtp.sendto(header + b"\xff" * 160, ("127.0.0.1", target))
        time.sleep(0.02)


def reports(rtcp: socket.socket, count: int) -> list[bytes]:
    """The next compound packets with a receiver report."""
    found: list[bytes] = []
    deadline = time.monotonic() + PATIENCE_S * count
    while len(found) < count and (left := deadline - time.monotonic()) > 0:
        rtcp.settimeout(left)
        try:
            packet = rtcp.recv(2048)
        except TimeoutError:
            break
        if packet[1] == RECEIVER_REPORT:
            found.append(packet)
    return found


@pytest.mark.parametrize("hold", HOLDS)
def test_receiver_reports_go_on_while_a_call_is_on_hold(service: RunningService, hold: str) -> None:
    address, direction = HOLDS[hold]
    with media_ports() as (rtp, rtcp), RawPeer("UDP", service.sip_port) as peer:
        port = rtp.getsockname()[1]
        asked = Asked(body=offer(port, 1, "127.0.0.1", "sendonly"), headers={"Require": "siprec"})
        reply = peer.establish(asked)
        speak(rtp, reply.audio_ports[0], 50)
        held = replace(asked.within(reply, "INVITE", 2), body=offer(port, 2, address, direction))
        assert peer.establish(held).status == 200
        # What a new stream begins with, and the last of the one before it, came by now.
        time.sleep(1)
        rtcp.setblocking(False)
        while True:
            try:
                rtcp.recv(2048)
            except BlockingIOError:
                break
        (first, second) = reports(rtcp, 2)
        assert [packet[0] >> 6 for packet in (first, second)] == [2, 2]
        after = 4 * (struct.unpack("!H", first[2:4])[0] + 1)
        assert first[after + 1] == SDES
        assert peer.ask(asked.within(reply, "BYE", 3)).status == 200
