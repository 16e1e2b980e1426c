"""SDP of bridged calls: whose address stands where, what is declined, what a line is offered."""

import pytest

from telephony.relay.sdp import Format, audio_of, heard, is_encrypted_only, is_out_of_reach, relayed

OFFER = b"""v=0\r
o=ann 42 7 IN IP4 192.0.2.10\r
s=-\r
c=IN IP4 192.0.2.10\r
t=0 0\r
m=audio 40000 RTP/AVP 18 8 0 96\r
a=rtpmap:96 telephone-event/8000\r
a=fmtp:96 0-15\r
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:secret\r
a=rtcp:40005 IN IP4 192.0.2.10\r
a=candidate:1 1 UDP 1 192.0.2.10 40000 typ host\r
a=ptime:20\r
a=sendonly\r
m=video 40002 RTP/AVP 99\r
"""
ANSWER = b"""v=0\r
o=bob 1 1 IN IP4 192.0.2.20\r
s=-\r
c=IN IP4 192.0.2.20\r
t=0 0\r
m=audio 50000 RTP/AVP 0 8 101\r
a=rtpmap:101 telephone-event/8000\r
m=video 0 RTP/AVP 99\r
"""


def test_an_offer_names_the_relay_and_nothing_of_the_party() -> None:
    passed = relayed(OFFER, (), "198.51.100.1", 30000, is_answer=False).decode()
    assert passed.splitlines() == [
        "v=0",
        "o=- 42 7 IN IP4 198.51.100.1",
        "s=-",
        "c=IN IP4 198.51.100.1",
        "t=0 0",
        "m=audio 30000 RTP/AVP 8 0 96",
        "a=rtpmap:96 telephone-event/8000",
        "a=fmtp:96 0-15",
        "a=ptime:20",
        "a=sendonly",
        "m=video 0 RTP/AVP 99",
    ]


def test_an_answer_keeps_its_first_codec_and_its_keys() -> None:
    assert "m=audio 30000 RTP/AVP 0 101\r\n" in relayed(ANSWER, (), "198.51.100.1", 30000, is_answer=True).decode()


def test_what_a_party_says_of_its_audio_is_read() -> None:
    audio = audio_of(OFFER, ())
    assert audio is not None
    assert (audio.host, audio.port, audio.rtcp_port, audio.place) == ("192.0.2.10", 40000, 40005, 0)
    assert audio.formats == (Format(8, "PCMA"), Format(0, "PCMU"), Format(96, "telephone-event"))
    assert audio.narrowed.formats == (Format(8, "PCMA"), Format(96, "telephone-event"))


def test_an_old_hold_reaches_the_other_party_as_it_was_said() -> None:
    held = OFFER.replace(b"c=IN IP4 192.0.2.10", b"c=IN IP4 0.0.0.0")
    assert "c=IN IP4 0.0.0.0\r\n" in relayed(held, (), "198.51.100.1", 30000, is_answer=False).decode()


def test_a_line_is_offered_what_each_party_sends() -> None:
    """With the payload types that the other party named, and quiet where nobody is to send."""
    caller, callee = audio_of(OFFER, ()), audio_of(ANSWER.replace(b"m=audio 5", b"a=recvonly\r\nm=audio 5"), ())
    assert caller is not None
    assert callee is not None
    assert heard(caller, callee.narrowed, "127.0.0.1", (30000, 30004), 3).decode().splitlines() == [
        "v=0",
        "o=- 1 3 IN IP4 127.0.0.1",
        "s=-",
        "c=IN IP4 127.0.0.1",
        "t=0 0",
        "m=audio 30000 RTP/AVP 0 101",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=sendonly",
        "m=audio 30004 RTP/AVP 0 96",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:96 telephone-event/8000",
        "a=inactive",
    ]


@pytest.mark.parametrize(
    ("line", "encrypted"),
    [
        ("m=audio 4000 RTP/SAVP 0", True),
        ("m=audio 4000 UDP/TLS/RTP/SAVPF 0", True),
        ("m=audio 4000 RTP/AVP 0", False),
        ("m=audio 4000 RTP/SAVP 0\r\nm=audio 4002 RTP/AVP 0", False),
        ("m=audio 0 RTP/SAVP 0\r\nm=audio 4002 RTP/AVP 0", False),
        ("m=video 4000 RTP/SAVP 99", False),
    ],
)
def test_audio_that_needs_keys_of_ours_is_told(line: str, encrypted: bool) -> None:
    assert is_encrypted_only(f"v=0\r\n{line}\r\n".encode()) is encrypted


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        (b"c=IN IP4 192.0.2.10", b"c=IN IP6 2001:db8::1"),
        (b"c=IN IP4 192.0.2.10", b"c=IN IP4 192.0.2.999"),
        (b"m=audio 40000", b"m=audio 65535"),
        (b"m=audio 40000", b"m=audio 99999"),
    ],
)
def test_audio_that_nothing_can_be_sent_to_is_none(said: bytes, instead: bytes) -> None:
    sdp = OFFER.replace(said, instead)
    assert audio_of(sdp, ()) is None
    assert is_out_of_reach(sdp, ())


def test_audio_that_is_declined_is_not_out_of_reach() -> None:
    assert not is_out_of_reach(OFFER, ())
    assert not is_out_of_reach(OFFER.replace(b"m=audio 40000", b"m=audio 0"), ())


@pytest.mark.parametrize("port", [b"99999", b"65536", b"0"])
def test_a_port_for_rtcp_that_there_is_not_is_the_next_one(port: bytes) -> None:
    audio = audio_of(OFFER.replace(b"a=rtcp:40005", b"a=rtcp:" + port), ())
    assert audio is not None
    assert audio.rtcp_port == 40001
