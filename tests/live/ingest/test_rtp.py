"""RTP without signalling."""

import struct

import pytest

from callscribe.live.ingest.rtp import FORMATS, RtpPacket, RtpStream, packet_of
from callscribe.live.ingest.steps import Digit, Heard

SECOND = 8_000
FRAME = 160


def packet(timestamp: int, ssrc: int = 1, payload: bytes = b"\xff" * FRAME, kind: int = 0) -> RtpPacket:
    return RtpPacket(kind, timestamp % (1 << 32), ssrc, payload)


def places(*came: tuple[RtpPacket, int]) -> list[int | None]:
    """Where each packet lies that came then."""
    stream = RtpStream("ulaw")
    heard = [stream.take(each, now) for each, now in came]
    return [sound.at if isinstance(sound, Heard) else None for sound in heard]


def test_a_packet_s_padding_sources_and_extension_are_left_out() -> None:
    header = struct.pack(">BBHIIII", 0xB2, 0x80, 7, 1000, 5, 6, 7)
    datagram = header + b"\xbe\xde\x00\x01" + b"abcd" + b"sound" + b"\x00\x00\x03"
    assert packet_of(datagram) == RtpPacket(0, 1000, 5, b"sound")


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\x80\x00\x00\x01",
        b"\x00" * 20,
        b"\x80\xc8" + bytes(26),
        b"\x90\x00" + bytes(10),
        b"\x9f\x00" + bytes(14),
        b"\xa0\x00" + bytes(10) + b"\x09",
    ],
    ids=["empty", "short", "version", "rtcp", "no extension", "no sources", "long padding"],
)
def test_what_is_no_rtp_is_no_packet(datagram: bytes) -> None:
    assert packet_of(datagram) is None


def test_packets_lie_where_their_timestamps_say_in_any_order_and_around_the_end_of_the_count() -> None:
    first = (1 << 32) - FRAME
    came = [(packet(first), 0), (packet(first + 2 * FRAME), 400), (packet(first + FRAME), 410)]
    assert places(*came) == [0, 2 * FRAME, FRAME]


def test_another_source_goes_on_by_the_clock_and_the_one_before_is_dropped() -> None:
    came = [
        (packet(0), 0),
        (packet(77_000, ssrc=2), 480),
        (packet(160), 490),
        (packet(77_160, ssrc=2), 640),
        (packet(5, ssrc=1), 20_000),
    ]
    assert places(*came) == [0, 480, None, 640, 20_000]


def test_a_source_that_comes_early_adjoins_what_was_heard() -> None:
    assert places((packet(0), 0), (packet(900, ssrc=2), 10)) == [0, FRAME]


def test_timestamps_that_leap_go_on_by_the_clock() -> None:
    came = [(packet(0), 0), (packet(FRAME), 160), (packet(90 * SECOND), 320), (packet(90 * SECOND + FRAME), 480)]
    assert places(*came) == [0, 160, 320, 480]


def test_what_leads_on_by_the_clock_may_have_been_said_since_what_was_heard() -> None:
    stream = RtpStream("ulaw")
    # The second was held up for 5 s, the fourth is of another source.
    came = [
        (packet(0), 0),
        (packet(FRAME), 5 * SECOND),
        (packet(2 * FRAME), 5 * SECOND),
        (packet(7, ssrc=2), 7 * SECOND),
    ]
    heard = [stream.take(each, now) for each, now in came]
    assert [sound.said_from for sound in heard if isinstance(sound, Heard)] == [
        None, FRAME, None, 5 * SECOND + 2 * FRAME,
    ]  # fmt: skip


def test_a_pause_that_timestamps_count_is_kept() -> None:
    assert places((packet(0), 0), (packet(30 * SECOND), 30 * SECOND)) == [0, 30 * SECOND]


def test_a_key_is_told_once_and_comfort_noise_not_at_all() -> None:
    stream = RtpStream("ulaw")
    five, pound = b"\x05\x0a\x00\xa0", b"\x0b\x0a\x00\xa0"
    came = [packet(0, payload=five, kind=101)] * 3 + [packet(800, payload=pound, kind=101), packet(0, kind=13)]
    assert [stream.take(each, 0) for each in came] == [Digit(0, "5"), None, None, Digit(0, "#"), None]
    assert stream.take(packet(0, payload=b"\x20\0\0\0", kind=101), 0) is None


def test_linear_audio_is_of_network_byte_order() -> None:
    assert RtpStream("slin16").take(packet(0, payload=b"\x01\x02\xff\xfe"), 0) == Heard(0, b"\x02\x01\xfe\xff", 0)
    assert RtpStream("slin16").take(packet(0, payload=b"\x01\x02\xff"), 0) is None


def test_every_format_has_a_rate_that_calls_have() -> None:
    assert {name: rate for name, (_, rate, _) in FORMATS.items()} == {
        "ulaw": 8_000,
        "alaw": 8_000,
        "slin": 8_000,
        "slin16": 16_000,
    }
