"""What RTCP says of who sends: parties whose labels are backwards change places by it."""

import socket
import struct
import time
from collections.abc import Sequence

import pytest

from tests.acceptance import siprec
from tests.acceptance.raw_sip import Asked, RawPeer
from tests.acceptance.rtp import RtpSender
from tests.acceptance.service import RunningService
from tests.acceptance.speech import excerpt, mu_law
from tests.acceptance.subscription import corrections

pytestmark = pytest.mark.acceptance

DANIEL, LAURA = "1001@sbc.example.com", "+15550100@sbc.example.com"
REPORTS = 5


def report(source: int, name: str) -> bytes:
    """An empty receiver report, and a source description with a CNAME (RFC 3550 sections 6.4.2 and 6.5)."""
    item = struct.pack("!IBB", source, 1, len(name)) + name.encode()
    item += bytes(4 - len(item) % 4)
    return struct.pack("!BBHI", 0x80, 201, 1, source) + struct.pack("!BBH", 0x81, 202, len(item) // 4) + item


def tell(host: str, ports: Sequence[int], names: Sequence[str]) -> None:
    """Send each RTP port's neighbor a name every half a second."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind((host, 0))
        for _ in range(REPORTS * 2):
            for channel, (port, name) in enumerate(zip(ports, names, strict=True)):
                own.sendto(report(0xCA11 + channel, name), ("127.0.0.1", port + 1))
            time.sleep(0.5)


@pytest.mark.parametrize(
    ("host", "names", "told", "parties", "quirks"),
    [
        ("127.0.0.1", (LAURA, DANIEL), [(0, 1)], ["Laura Bennett", "Daniel"], ["parties-contradict"]),
        ("127.0.0.1", (DANIEL, LAURA), [], ["Daniel", "Laura Bennett"], []),
        ("127.0.0.66", (LAURA, DANIEL), [], ["Daniel", "Laura Bennett"], []),
    ],
    ids=["backwards", "right", "of a stranger"],
)
def test_parties_are_corrected_by_what_their_own_rtcp_calls_them(
    service: RunningService, host: str, names: Sequence[str], told: object, parties: object, quirks: object
) -> None:
    sender = RtpSender(2)
    body = siprec.multipart(siprec.offer(sender.ports)).replace("\n", "\r\n")
    asked = Asked(body=body, content_type=siprec.CONTENT_TYPE, headers={"Require": "siprec"})
    with RawPeer("UDP", service.sip_port) as peer:
        reply = peer.establish(asked)
        assert reply.status == 200
        service.wait_call(asked.call, "active")
        with corrections(service, asked.call) as seen:
            sender.start(reply.audio_ports, [mu_law(channel) for channel in excerpt(1).channels])
            tell(host, reply.audio_ports, names)
            assert peer.hang_up(asked, reply).status == 200
    sender.close()
    call = service.wait_call(asked.call)
    assert [event.corrected for event in seen] == told
    assert [channel["party"]["name"] for channel in call["channels"]] == parties
    assert call["quirks"] == quirks
