"""The wire between a line and its parent, and the line's end of it."""

import socket
import struct
from collections.abc import Iterator
from uuid import UUID

import pytest

from callscribe.domain.audio import AudioChunk
from callscribe.domain.call import ChannelHold
from callscribe.domain.errors import TelephonyError
from telephony.line.meter import MediaWatch, RtpMeter
from telephony.line.parent import ParentGone, ParentSocket
from telephony.line.sdp import header, labels, with_labels
from telephony.line.settings import LineSettings
from telephony.line.wire import (
    Answered,
    Audio,
    Dtmf,
    Ended,
    FrameReader,
    HangUp,
    Hello,
    LineStream,
    Message,
    Note,
    Pulse,
    RtpCounts,
    Silence,
    Stop,
    StreamsChanged,
    encode,
)

CALL = UUID("12345678-1234-5678-1234-567812345678")
STREAMS = (LineStream(0, "ä", "PCMU"), LineStream(1, "", ""))
MESSAGES: tuple[Message, ...] = (
    Hello(41000, 4, ("PCMU", "opus")),
    Answered(CALL, STREAMS),
    Answered(CALL, STREAMS, 16_000),
    StreamsChanged(CALL, STREAMS[:1]),
    Audio(CALL, AudioChunk(1, 2**40, bytes(range(200)) * 8)),
    Silence(CALL, 3, 2**33, 2**32),
    Dtmf(CALL, 1, 2**33, "#"),
    Ended(CALL, 80000, "bye", (RtpCounts(packets=5, lost=1, jitter_us=300), RtpCounts())),
    Ended(CALL, 80000, "bye", holds=(ChannelHold(0, 800, 1600),)),
    Pulse({"frames_dropped": 2}),
    Note("callback-failed", "onCallState"),
    HangUp(CALL),
    Stop(),
)


def test_every_message_survives_the_wire_byte_by_byte() -> None:
    reader = FrameReader()
    stream = b"".join(encode(message) for message in MESSAGES)
    assert tuple(m for octet in stream for m in reader.feed(bytes([octet]))) == MESSAGES


def test_many_messages_in_one_read_come_in_order() -> None:
    assert tuple(FrameReader().feed(b"".join(encode(message) for message in MESSAGES))) == MESSAGES


@pytest.mark.parametrize(
    "frame",
    [
        struct.pack("!IB", 2**31, 1),
        struct.pack("!IB", 3, 1) + b"abc",
        struct.pack("!IB", 3, 9) + b"abc",
        struct.pack("!IB", 3, 0) + b"abc",
        struct.pack("!IB", 16, 0) + b'{"type": "Nope"}',
        struct.pack("!IB", 17, 0) + b'{"type": "Hello"}',
    ],
)
def test_a_broken_stream_is_an_error_and_no_message(frame: bytes) -> None:
    with pytest.raises(TelephonyError, match="line wire"):
        list(FrameReader().feed(frame))


def test_settings_survive_the_command_line() -> None:
    settings = LineSettings(0, 10000, "192.0.2.1", "0.0.0.0", 300, 8000)
    assert LineSettings.from_json(settings.to_json()) == settings


@pytest.fixture
def pair() -> Iterator[tuple[ParentSocket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ParentSocket(ours), theirs


def test_a_parent_that_does_not_read_makes_the_line_drop_audio_and_keep_control(
    pair: tuple[ParentSocket, socket.socket],
) -> None:
    line, parent = pair
    audio = Audio(CALL, AudioChunk(0, 0, bytes(1600)))
    posted = 0
    while not line.full:
        line.post(audio)
        line.flush()
        posted += 1
        assert posted < 10_000
    line.post(Stop())
    parent.settimeout(1)
    reader, received = FrameReader(), list[Message]()
    while Stop() not in received:
        line.flush()
        received += reader.feed(parent.recv(1 << 20))
    assert received == [audio] * posted + [Stop()]
    line.flush()
    assert not line.full


def test_what_the_parent_sends_is_read_without_waiting(pair: tuple[ParentSocket, socket.socket]) -> None:
    line, parent = pair
    assert list(line.read()) == []
    parent.sendall(encode(HangUp(CALL)) + encode(Stop())[:3])
    assert list(line.read()) == [HangUp(CALL)]
    parent.sendall(encode(Stop())[3:])
    assert list(line.read()) == [Stop()]


def test_a_parent_that_is_gone_is_noticed_in_both_directions(pair: tuple[ParentSocket, socket.socket]) -> None:
    line, parent = pair
    parent.close()
    with pytest.raises(ParentGone):
        list(line.read())
    line.post(Stop())
    with pytest.raises(ParentGone):
        line.flush()


def test_counts_of_successive_streams_add_up() -> None:
    meter = RtpMeter()
    meter.read(RtpCounts(packets=10, lost=1))
    meter.read(RtpCounts(packets=50, lost=2, reordered=1, jitter_us=400))
    meter.read(RtpCounts(packets=3))
    meter.read(RtpCounts(packets=20, duplicated=4, jitter_us=700))
    assert meter.total == RtpCounts(packets=70, lost=2, duplicated=4, reordered=1, jitter_us=700)


def test_silence_ends_a_call_after_the_timeout_and_hold_does_not() -> None:
    watch = MediaWatch(10, now=0.0)
    assert not watch.expired(0, True, 9.9)
    assert watch.expired(0, True, 10.0)
    assert not watch.expired(5, True, 12.0)
    assert not watch.expired(5, True, 21.9)
    assert not watch.expired(5, False, 100.0)
    assert not watch.expired(5, True, 109.0)
    assert watch.expired(5, True, 110.0)


def test_a_timeout_of_zero_never_ends_a_call() -> None:
    assert not MediaWatch(0, now=0.0).expired(0, True, 1e6)


OFFER = (
    "v=0\r\ns=-\r\nm=audio 4000 RTP/AVP 0\r\na=label:one\r\nm=video 0 RTP/AVP 96\r\n"
    "m=audio 4002 RTP/AVP 8\r\na=label: 3 \r\n"
)


def test_labels_are_read_per_m_line() -> None:
    assert labels(OFFER) == ("one", "", "3")
    assert labels("v=0\na=label:session\nm=audio 1 RTP/AVP 0\n") == ("",)


def test_labels_are_written_per_m_line_in_place_of_old_ones() -> None:
    answer = (
        "v=0\r\nm=audio 5000 RTP/AVP 0\r\na=label:old\r\na=recvonly\r\nm=video 0 RTP/AVP 96\r\n"
        "m=audio 5002 RTP/AVP 8\r\n"
    )
    assert with_labels(answer, labels(OFFER)) == (
        "v=0\r\nm=audio 5000 RTP/AVP 0\r\na=recvonly\r\na=label:one\r\nm=video 0 RTP/AVP 96\r\n"
        "m=audio 5002 RTP/AVP 8\r\na=label:3\r\n"
    )


def test_a_header_is_found_whatever_its_case_and_not_in_the_body() -> None:
    message = "INVITE sip:a SIP/2.0\r\nx-callscribe-CALL :  abc \r\nX-Other: 1\r\n\r\nX-Body: no\r\n"
    assert header(message, "X-Callscribe-Call") == "abc"
    assert header(message, "X-Body") == ""
