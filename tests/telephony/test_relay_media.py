"""A party's SDP as the relay is told of it, and what cannot be told."""

from uuid import uuid4

import pytest

from telephony.bridge.legs import Leg
from telephony.bridge.media import Media, check_media
from telephony.front.bodies import Body
from telephony.front.hops import Hop, Transport
from telephony.relay.ports import RelayPorts
from telephony.relay.wire import Aim, Copy

SDP = "v=0\r\no=ann 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"


class Told:
    """A relay that keeps where parties are."""

    local_address = "127.0.0.1"

    def __init__(self) -> None:
        self.aims: list[Aim] = []

    def open(self, bridge: object) -> RelayPorts | None:
        return None

    def aim(self, aim: Aim) -> None:
        self.aims.append(aim)

    def copy(self, copy: Copy) -> None: ...

    def close(self, bridge: object) -> None: ...


def test_the_relay_is_told_where_the_signaling_comes_from() -> None:
    relay, name = Told(), uuid4()
    hop = Hop(Transport.UDP, "203.0.113.5", 5060)
    leg = Leg(0, "call-1", "<sip:a@x>;tag=1", "<sip:b@x>", "sip:b@x", hop)
    Media(relay, name, RelayPorts(30000, 30004), "198.51.100.1", ()).take(leg, SDP.encode(), is_answer=False)
    assert relay.aims == [Aim(name, 0, "192.0.2.10", 40000, 40001, "203.0.113.5")]


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ("IN IP4 192.0.2.10\r\nt", "IN IP6 2001:db8::1\r\nt"),
        ("audio 40000", "audio 65535"),
        ("audio 40000", "audio 99999"),
    ],
)
def test_audio_that_nothing_can_be_sent_to_is_refused(said: str, instead: str) -> None:
    assert said in SDP
    refusal = check_media(Body(SDP.replace(said, instead).encode()), "198.51.100.1")
    assert refusal is not None
    assert (refusal.status, refusal.counter) == (488, "bridges_unreachable")


@pytest.mark.parametrize("sdp", [SDP, SDP.replace("audio 40000", "audio 0"), SDP.replace("RTP/AVP 0", "RTP/AVP 18")])
def test_audio_that_is_declined_or_in_reach_is_not_refused(sdp: str) -> None:
    assert check_media(Body(sdp.encode()), "198.51.100.1") is None
