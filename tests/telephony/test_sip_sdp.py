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
    mended = repair(sdp.encode(), "198.51.100.9")
    assert mended.quirks == ()
    # A line is given one for all as well, since of a declined m-line nothing is left.
    declined = slim(mended.sdp + b"m=video 5000 RTP/AVP 99\r\nc=IN IP4 192.0.2.7\r\n")
    assert b"s=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n" in declined
    assert declined.endswith(b"c=IN IP4 192.0.2.7\r\nm=video 0 RTP/AVP 99\r\n")


@pytest.mark.parametrize("address", ["pbx.example.com", "1" * 300, "192.0.2.256", "192.0.2.1.7", "", "192.0.2.1 x"])
def test_a_connection_line_without_an_address_takes_the_origins(address: str) -> None:
    mended = repair(GOOD.replace("c=IN IP4 192.0.2.1", f"c=IN IP4 {address}").encode(), "198.51.100.9")
    assert (mended.sdp, mended.quirks) == (GOOD.encode(), ("sdp-c-missing",))


@pytest.mark.parametrize("origin", ["", "- 1 IN IP4 192.0.2.1", "- one 1 IN IP4 192.0.2.1", "a b 1 1 IN IP4 192.0.2.1"])
def test_an_origin_line_that_lacks_something_is_written_anew(origin: str) -> None:
    mended = repair(GOOD.replace("o=- 1 1 IN IP4 192.0.2.1", f"o={origin}").encode(), "192.0.2.1")
    assert (mended.sdp, mended.quirks) == (GOOD.replace("o=- 1 1", "o=- 0 0").encode(), ("sdp-o-missing",))


@pytest.mark.parametrize("line", ["c=IN IP4 0.0.0.0", "c=in ip4  192.0.2.1/127", "c=IN IP6 2001:db8::1"])
def test_a_connection_line_with_one_stays(line: str) -> None:
    sdp = GOOD.replace("c=IN IP4 192.0.2.1", line)
    assert repair(sdp.encode(), "198.51.100.9").sdp == sdp.encode()


@pytest.mark.parametrize(("value", "kept"), [("4001", True), ("4001 IN IP4 192.0.2.1", True), ("4001 IN IP4 x", False)])
def test_where_rtcp_goes_is_told_to_a_line_only_as_an_address(value: str, kept: bool) -> None:
    assert (f"a=rtcp:{value}\r\n".encode() in slim(GOOD.encode() + f"a=rtcp:{value}\r\n".encode())) is kept


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


@pytest.mark.parametrize(
    ("codecs", "formats"),
    [((), "8 101 0"), (("PCMU", "PCMA"), "0 8 101"), (("G722", "PCMA"), "9 8 101"), (("PCMU",), "0 101")],
)
def test_a_trunks_codecs_are_offered_to_the_line_in_their_order(codecs: tuple[str, ...], formats: str) -> None:
    rich = GOOD.replace(" 0 101", " 18 8 101 9 0") + "a=rtpmap:9 G722/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    assert media_lines(slim(rich.encode(), codecs))[0].formats == tuple(formats.split())


def test_opus_is_known_by_its_own_clock_only_and_kept_where_a_trunk_names_it() -> None:
    rich = GOOD.replace(" 0 101", " 111 96 0") + "a=rtpmap:111 OPUS/48000/2\r\na=rtpmap:96 opus/8000\r\n"
    assert [(line.preferred, sorted(line.codecs)) for line in media_lines(rich.encode())] == [
        ("opus", ["PCMU", "opus"])
    ]
    assert media_lines(slim(rich.encode(), ("PCMU", "opus")))[0].formats == ("0", "111")
    assert media_lines(slim(rich.encode()))[0].formats == ("0",)


def test_an_offer_without_any_of_the_trunks_codecs_is_declined() -> None:
    assert media_lines(slim(GOOD.encode(), ("G722",)))[0].port == 0
