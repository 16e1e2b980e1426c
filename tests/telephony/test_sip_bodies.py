"""Multipart bodies, and messages found in datagrams and streams."""

import pytest

from callscribe.domain.errors import MalformedMessage
from telephony.sip.framing import MAX_BODY, Oversized, Ping, StreamFramer, check_body_length, parse_datagram
from telephony.sip.message import MAX_HEAD, Message, Request
from telephony.sip.multipart import Part, leaf_parts

HEAD = "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP c;branch=z9hG4bK1\r\nCSeq: 1 INVITE\r\n"


def with_body(body: str, length: int | None = None, kind: str = "application/sdp") -> bytes:
    announced = len(body) if length is None else length
    return f"{HEAD}Content-Type: {kind}\r\nContent-Length: {announced}\r\n\r\n{body}".encode()


def parts(body: str, kind: str = "multipart/mixed;boundary=b") -> list[tuple[str, bytes]]:
    return [(part.content_type, part.body) for part in leaf_parts(kind, body.encode())]


def test_parts_come_in_order_with_their_types() -> None:
    body = "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--b\r\nc:text/x;q=1\r\n\r\nhi\r\n--b--\r\n"
    assert parts(body) == [("application/sdp", b"v=0\r\n"), ("text/x", b"hi")]


@pytest.mark.parametrize(
    "body",
    [
        "--b\nContent-Disposition: session;handling=required\nContent-Type: application/sdp\n\nv=0\n--b--",
        "\r\n\r\n--b\r\nContent-Type:application/sdp\r\n\r\nv=0\r\n--b--   \r\n",
        "preamble\r\n--b  \r\nContent-Type:\r\n application/sdp\r\n\r\nv=0\r\n--b--\r\nepilogue",
        "--b\r\nContent-Type: application/sdp\r\n\r\nv=0",
        "--b\r\n--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b--",
    ],
)
def test_odd_multiparts_are_read(body: str) -> None:
    assert ("application/sdp", b"v=0") in parts(body)


def test_a_boundary_is_taken_quoted_or_from_the_body() -> None:
    body = "--x y\r\nContent-Type: a/b\r\n\r\n1\r\n--x y--"
    assert parts(body, 'multipart/mixed; boundary="x y"') == [("a/b", b"1")]
    assert parts(body.replace("x y", "xy"), "multipart/mixed") == [("a/b", b"1")]


def test_nested_multiparts_are_opened_to_a_depth() -> None:
    body = "--b\r\nContent-Type: multipart/mixed;boundary=c\r\n\r\n--c\r\nContent-Type: a/b\r\n\r\n1\r\n--c--\r\n--b--"
    assert parts(body) == [("a/b", b"1")]
    same = "--b\r\nContent-Type: multipart/mixed;boundary=b\r\n\r\n" * 5
    assert len(parts(same)) <= 5


def test_a_part_without_headers() -> None:
    assert leaf_parts("multipart/mixed;boundary=b", b"--b\r\n\r\nv=0\r\n--b--") == (Part("", b"v=0"),)


def test_a_part_may_contain_what_only_looks_like_its_boundary() -> None:
    assert parts("--b\r\nContent-Type: a/b\r\n\r\n--bc\r\nx--b\r\n--b--") == [("a/b", b"--bc\r\nx--b")]


def test_a_datagram_ends_its_body_at_content_length() -> None:
    assert parse_datagram(with_body("v=0\r\njunk", 5)).body == b"v=0\r\n"


def test_a_datagrams_multipart_ends_at_its_closing_boundary() -> None:
    body = "--b\r\nContent-Type: a/b\r\n\r\n" + "x" * 3000 + "\r\n--b--"
    message = parse_datagram(with_body(body + "\r\n", 449, "multipart/mixed;boundary=b"))
    assert message.body == body.encode()
    assert check_body_length(message) == 449


def test_a_datagram_that_ends_too_soon_is_malformed() -> None:
    with pytest.raises(MalformedMessage, match="shorter"):
        check_body_length(parse_datagram(with_body("v=0", 10)))


def test_a_datagrams_multipart_may_announce_too_much_when_it_closes() -> None:
    body = "--b\r\nContent-Type: a/b\r\n\r\nx\r\n--b--"
    assert check_body_length(parse_datagram(with_body(body, 999, "multipart/mixed;boundary=b"))) == 999


def bodies(found: list[Message | Ping | Oversized]) -> list[bytes]:
    return [message.body for message in found if isinstance(message, Request)]


def test_a_stream_is_cut_into_messages_however_it_arrives() -> None:
    stream = with_body("v=0\r\n") + with_body("") + with_body("x" * 5000)
    for size in (1, 7, 100, len(stream)):
        framer = StreamFramer()
        found = [m for at in range(0, len(stream), size) for m in framer.feed(stream[at : at + size])]
        assert bodies(found) == [b"v=0\r\n", b"", b"x" * 5000]
        assert framer.buffered == 0


def test_keep_alives_between_messages_are_answered_and_skipped() -> None:
    framer = StreamFramer()
    found = list(framer.feed(b"\r\n\r\n" + with_body("1") + b"\r\n" + with_body("2")))
    assert [type(item).__name__ for item in found] == ["Ping", "Request", "Request"]


def test_a_half_message_waits() -> None:
    framer = StreamFramer()
    assert list(framer.feed(with_body("12345")[:-2])) == []
    assert framer.buffered > 0
    assert bodies(list(framer.feed(b"45"))) == [b"12345"]


def test_a_stream_without_content_length_has_no_body() -> None:
    assert bodies(list(StreamFramer().feed((HEAD + "\r\n").encode()))) == [b""]


def test_a_body_too_large_is_told_by_its_head() -> None:
    framer = StreamFramer()
    (found,) = framer.feed(with_body("xyz", MAX_BODY + 1))
    assert isinstance(found, Oversized)
    assert framer.buffered == 0


@pytest.mark.parametrize("data", [b"x" * (MAX_HEAD + 1), b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01", with_body("", -5)])
def test_a_stream_that_makes_no_sense_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        list(StreamFramer().feed(data))
