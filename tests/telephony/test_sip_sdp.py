"""Offers before a strict stack sees them."""

import pytest

from telephony.sdp import media_lines, repair, slim

GOOD = (
    "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    "m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=label:1\r\n"
)


def test_a_good_sdp_stays_as_it_is() -> None:
    assert repair(GOOD.encode(), "198.51.100.9").sdp == GOOD.encode()
    assert repair(GOOD.encode(), "198.51.100.9").quirks == ()


@pytest.mark.parametrize("missing", ["v=0", "s=-", "c=IN IP4 192.0.2.1", "t=0 0"])
def test_a_missing_line_is_put_where_it_belongs(missing: str) -> None:
    mended = repair(GOOD.replace(missing + "\r\n", "", 1).encode(), "198.51.100.9")
    assert mended.sdp == GOOD.encode()
    assert mended.quirks == (f"sdp-{missing[0]}-missing",)


def test_a_missing_origin_and_connection_take_the_senders_address() -> None:
    bare = GOOD.replace("o=- 1 1 IN IP4 192.0.2.1\r\n", "").replace("c=IN IP4 192.0.2.1\r\n", "")
    mended = repair(bare.encode(), "198.51.100.9")
    assert b"o=- 0 0 IN IP4 198.51.100.9\r\ns=-\r\nc=IN IP4 198.51.100.9\r\nt=0 0\r\n" in mended.sdp


def test_an_origin_of_zeros_names_no_address() -> None:
    sdp = GOOD.replace("c=IN IP4 192.0.2.1\r\n", "").replace("192.0.2.1", "0.0.0.0")
    assert b"c=IN IP4 198.51.100.9\r\n" in repair(sdp.encode(), "198.51.100.9").sdp


def test_a_connection_line_at_every_m_line_is_enough() -> None:
    sdp = GOOD.replace("c=IN IP4 192.0.2.1\r\n", "") + "c=IN IP4 192.0.2.7\r\n"
    assert repair(sdp.encode(), "198.51.100.9").quirks == ()


def test_bare_line_feeds_blank_and_junk_lines_go() -> None:
    odd = GOOD.replace("\r\n", "\n").replace("s=-\n", "s=-\n\nhello\n")
    mended = repair(odd.encode(), "198.51.100.9")
    assert (mended.sdp, mended.quirks) == (GOOD.encode(), ("sdp-junk-lines",))


def test_lines_out_of_order_are_put_in_order() -> None:
    odd = GOOD.replace("s=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n", "t=0 0\r\nc=IN IP4 192.0.2.1\r\ns=-\r\n")
    assert repair(odd.encode(), "198.51.100.9").sdp == GOOD.encode()


def test_media_lines_tell_kind_port_label_and_codecs() -> None:
    sdp = GOOD + (
        "m=video 5000 RTP/AVP 96\r\nm=audio 0 RTP/AVP 8\r\n"
        "m=audio 4002/2 RTP/SAVP 97 18\r\na=label:x y\r\na=rtpmap:97 pcma/8000/1\r\n"
        "m=audio 4004 RTP/AVP 0\r\na=rtpmap:0 OPUS/8000\r\nm=audio junk\r\n"
    )
    lines = media_lines(sdp.encode())
    assert [line.kind for line in lines] == ["audio", "video", "audio", "audio", "audio", "audio"]
    assert [line.port for line in lines] == [4000, 5000, 0, 4002, 4004, 0]
    assert [line.label for line in lines] == ["1", "", "", "x y", "", ""]
    assert [sorted(line.codecs) for line in lines] == [["PCMU"], [], ["PCMA"], ["PCMA"], [], []]


@pytest.mark.parametrize("sdp", [b"", b"\0\x01\xff" * 100, b"m=", b"m=audio", b"=\r\n=\r\n"])
def test_garbage_has_no_audio(sdp: bytes) -> None:
    repair(sdp, "198.51.100.9")
    assert not any(line.port for line in media_lines(sdp))


def test_a_line_gets_what_it_uses_of_an_offer() -> None:
    rich = GOOD.replace("t=0 0\r\n", "t=0 0\r\na=group:BUNDLE 0\r\na=sendonly\r\n").replace(" 0 101", " 96 9 0 101 102")
    rich += "b=AS:80\r\nc=IN IP4 192.0.2.7\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\na=ptime:20\r\n"
    rich += "a=candidate:1 1 UDP 1 192.0.2.7 4000 typ host\r\na=fmtp:101 0-16\r\n"
    rich += "m=audio 4002 RTP/AVP 18 97\r\na=label:2\r\nm=video 5000/2 RTP/AVP 98\r\na=rtpmap:98 H264/90000\r\n"
    assert slim(rich.encode()).decode() == (
        GOOD.replace("t=0 0\r\n", "t=0 0\r\na=sendonly\r\n")
        + "c=IN IP4 192.0.2.7\r\na=ptime:20\r\na=fmtp:101 0-16\r\nm=audio 0 RTP/AVP 18\r\nm=video 0 RTP/AVP 98\r\n"
    )


def test_attributes_without_a_value_are_left_out() -> None:
    assert slim(GOOD.encode() + b"a=rtpmap:\r\na=fmtp\r\na=\r\nm=\r\nm=audio\r\n").startswith(GOOD.encode())


def test_audio_lines_beyond_four_are_declined_before_a_line_opens_sockets_for_them() -> None:
    offer = GOOD + "m=audio 0 RTP/AVP 0\r\n" + "m=audio 4002/2 RTP/AVP 8\r\n" * 5
    assert [line.port for line in media_lines(slim(offer.encode()))] == [4000, 0, 4002, 4002, 4002, 0, 0]
