"""Reading and writing SIP messages, after the examples of RFC 4475."""

import pytest

from callscribe.domain.errors import MalformedMessage
from telephony.sip.headers import Headers, split_commas
from telephony.sip.message import MAX_HEAD, MAX_HEADERS, Request, Response, check_request, parse, salvage

TORTUROUS = (
    "INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\r\n"
    "TO :\r\n sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n\r\n"
    'from   : "J Rosenberg \\\\\\""       <sip:jdrosen@example.com>\r\n  ;\r\n  tag = 98asjd8\r\n'
    "MaX-fOrWaRdS: 0068\r\n"
    "Call-ID: wsinv.ndaksdj@192.0.2.1\r\n"
    "Content-Length   : 3\r\n"
    "cseq: 0009\r\n  INVITE\r\n"
    "Via  : SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw\r\n"
    "s :\r\n"
    "NewFangledHeader:   newfangled value\r\n continued newfangled value\r\n"
    "UnknownHeaderWithUnusualValue: ;;,,;;,;\r\n"
    "Content-Type: application/sdp\r\n"
    "v:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n"
    " SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239\r\n"
    'm:"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =\r\n   newvalue ;\r\n  second ; q = 0.33\r\n'
    "\r\nv=0"
)


def request(data: bytes | str) -> Request:
    message = parse(data.encode() if isinstance(data, str) else data)
    assert isinstance(message, Request)
    return message


def test_a_torturous_invite_is_understood() -> None:
    invite = request(TORTUROUS)
    check_request(invite)
    assert (invite.method, invite.uri) == ("INVITE", "sip:vivekg@chair-dnrc.example.com;unknownparam")
    assert invite.cseq == 9
    assert invite.headers.first("newfangledheader") == "newfangled value continued newfangled value"
    assert len(invite.headers.all("via")) == 3
    assert invite.headers.all("via")[2] == "SIP  /    2.0   / UDP  192.168.255.111   ; branch= z9hG4bK30239"
    assert invite.headers.first("subject") == ""
    assert invite.headers.first("unknownheaderwithunusualvalue") == ";;,,;;,;"
    assert invite.body == b"v=0"


def test_a_message_is_written_as_it_was_read() -> None:
    data = (
        b"BYE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP c\r\nCall-ID: \xff\xfe\r\nCSeq: 1 BYE\r\nContent-Length: 2\r\n\r\nhi"
    )
    assert request(data).to_bytes() == data


def test_content_length_is_counted_when_a_message_is_written() -> None:
    wrong = request(b"INFO sip:a@b SIP/2.0\r\nl: 99\r\nCSeq: 1 INFO\r\n\r\nbody")
    assert wrong.to_bytes().endswith(b"CSeq: 1 INFO\r\nContent-Length: 4\r\n\r\nbody")


def test_bare_line_feeds_end_headers_too() -> None:
    ack = request(b"ACK sip:a@b SIP/2.0\nVia: SIP/2.0/UDP c\nCSeq: 1 ACK\n\nx\n")
    assert (ack.headers.first("via"), ack.cseq, ack.body) == ("SIP/2.0/UDP c", 1, b"x\n")


def test_a_response_without_reason_and_one_with_odd_bytes() -> None:
    bare = parse(b"SIP/2.0 100 \r\nCSeq: 35 INVITE\r\n\r\n")
    odd = parse(b"SIP/2.0 200 = 2**3 * 5**2 \xd0\xbd\xd0\xbe\r\nCSeq: 35 INVITE\r\n\r\n")
    assert isinstance(bare, Response)
    assert isinstance(odd, Response)
    assert (bare.status, bare.reason, bare.cseq, bare.method) == (100, "", 35, "INVITE")
    assert odd.reason == "= 2**3 * 5**2 но"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"SIP/2.0 99 Low\r\n\r\n",
        b"SIP/2.0 4294967301 better not break\r\n\r\n",
        b"SIP/2.0 \xd9\xa2\xd9\xa0\xd9\xa0 Arabic\r\n\r\n",
        b"INVITE sip:a@b\r\nVia: x\r\n\r\n",
        b"IN VITE sip:a@b SIP/2.0 x\r\n\r\n",
        b"INVITE sip:a@b SIP/2.0\r\nno header here\r\n\r\n",
        b"INVITE sip:a@b SIP/2.0\r\nBad Name: x\r\n\r\n",
        b"INVITE sip:a@b SIP/2.0\r\nX: " + b"x" * MAX_HEAD + b"\r\n\r\n",
        b"INVITE sip:a@b SIP/2.0\r\n" + b"X: y\r\n" * (MAX_HEADERS + 1) + b"\r\n",
        bytes(range(256)),
    ],
)
def test_what_is_no_message_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse(data)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("Call-ID: c\r\n", ""), "Missing Call-ID header"),
        (("To: <sip:b@b>\r\n", ""), "Missing To header"),
        (("From: <sip:a@a>;tag=1\r\n", "From: <sip:a@a>;tag=1\r\nFrom: <sip:e@e>;tag=2\r\n"), "More than one From"),
        (("CSeq: 1 INVITE", "CSeq: INVITE"), "Bad CSeq"),
        (("CSeq: 1 INVITE", "CSeq: 1 invite"), "CSeq method differs"),
        (("sip:b@b SIP", "sip:b@b; lr SIP"), "Bad Request-URI"),
    ],
)
def test_a_request_says_what_is_wrong_with_it(change: tuple[str, str], reason: str) -> None:
    good = (
        "INVITE sip:b@b SIP/2.0\r\nVia: SIP/2.0/UDP a\r\nFrom: <sip:a@a>;tag=1\r\nTo: <sip:b@b>\r\n"
        "Call-ID: c\r\nCSeq: 1 INVITE\r\n\r\n"
    )
    check_request(request(good))
    with pytest.raises(MalformedMessage, match=reason):
        check_request(request(good.replace(*change)))


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("a, b", ("a", "b")),
        ('"x, y" <sip:a@b;p=1,2>, c', ('"x, y" <sip:a@b;p=1,2>', "c")),
        (r'"back\\", "a\", b"', (r'"back\\"', r'"a\", b"')),
        ("<unclosed, d", ("<unclosed, d",)),
        ('"unclosed, d', ('"unclosed, d',)),
        ("", ("",)),
    ],
)
def test_commas_part_values_outside_quotes_and_brackets(value: str, parts: tuple[str, ...]) -> None:
    assert split_commas(value) == parts


def test_headers_keep_their_order_when_one_is_set() -> None:
    headers = Headers((("via", "1"), ("to", "x"), ("via", "2")))
    assert headers.set("via", "3", "4").fields == (("via", "3"), ("via", "4"), ("to", "x"))
    assert headers.set("from", "y").fields[-1] == ("from", "y")
    assert headers.text() == "Via: 1\r\nTo: x\r\nVia: 2\r\n"


UNREADABLE = (
    b"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nthis is no header\r\n"
    b"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 7 INVITE\r\n\r\nv=0\r\n"
)


def test_what_a_response_repeats_is_salvaged_of_a_request_that_cannot_be_read() -> None:
    with pytest.raises(MalformedMessage):
        parse(UNREADABLE)
    found = salvage(UNREADABLE)
    assert found is not None
    assert (found.method, found.cseq, found.body) == ("INVITE", 7, b"")
    assert [name for name, _ in found.headers] == ["via", "from", "to", "call-id", "cseq"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Via", b"Why"),
        (b"Call-ID: x\r\n", b""),
        (b"7 INVITE", b"INVITE"),
        (b"7 INVITE", b"7 ACK"),
        (b"From:", b"From: <sip:z@z>\r\nFrom:"),
        (b"INVITE sip:a@b SIP/2.0", b"SIP/2.0 20 OK"),
    ],
)
def test_what_cannot_or_must_not_be_answered_is_not_salvaged(old: bytes, new: bytes) -> None:
    assert salvage(UNREADABLE.replace(old, new)) is None
