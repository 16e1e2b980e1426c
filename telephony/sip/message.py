"""SIP requests and responses (RFC 3261 section 7), read tolerantly and written strictly."""

import re
from dataclasses import dataclass, field, replace

from callscribe.domain.errors import MalformedMessage
from telephony.sip.headers import Headers, full_name, split_values

VERSION = "SIP/2.0"
MAX_HEAD = 16 * 1024
"""Bytes of start line and headers."""
MAX_HEADERS = 256
MAX_CSEQ = 2**31 - 1
"""RFC 3261 section 8.1.1.5."""

_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(r"(?:\r\n|\n|\r)[ \t]+")
_LINE_END = re.compile(r"\r\n|\n|\r")
_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_CSEQ = re.compile(r"(\d{1,20})[ \t]+(\S+)")
_ONCE = ("from", "to", "call-id", "cseq", "max-forwards", "content-type")
_REQUIRED = ("via", "from", "to", "call-id", "cseq")


@dataclass(frozen=True, slots=True)
class Request:
    """A SIP request."""

    method: str
    uri: str
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""
    version: str = VERSION

    @property
    def cseq(self) -> int:
        """Number of the CSeq header, 0 where it cannot be read."""
        found = _CSEQ.match(self.headers.first("cseq"))
        return int(found[1]) if found else 0

    def with_headers(self, headers: Headers) -> "Request":
        return replace(self, headers=headers)

    def to_bytes(self) -> bytes:
        return _write(f"{self.method} {self.uri} {VERSION}", self.headers, self.body)


@dataclass(frozen=True, slots=True)
class Response:
    """A SIP response."""

    status: int
    reason: str
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""

    @property
    def cseq(self) -> int:
        """Number of the CSeq header, 0 where it cannot be read."""
        found = _CSEQ.match(self.headers.first("cseq"))
        return int(found[1]) if found else 0

    @property
    def method(self) -> str:
        """Method of the CSeq header, or ""."""
        found = _CSEQ.match(self.headers.first("cseq"))
        return found[2] if found else ""

    def to_bytes(self) -> bytes:
        return _write(f"{VERSION} {self.status} {self.reason}", self.headers, self.body)


Message = Request | Response


def end_of_head(data: bytes | bytearray) -> tuple[int, int] | None:
    """Where the head ends and where the body begins, or None while there is no empty line."""
    found = _END_OF_HEAD.search(data)
    return found.span() if found else None


def parse(data: bytes) -> Message:
    """One whole message; everything after the empty line is its body.

    Folding, compact forms, bare LF, blanks before a colon, several values in one line and bytes that are no UTF-8 are
    taken. Raises MalformedMessage when there is no start line, a line is no header field, or the head is too large.
    """
    data = data.lstrip(b"\r\n")
    end = end_of_head(data)
    head, body = (data[: end[0]], data[end[1] :]) if end else (data.rstrip(b"\r\n"), b"")
    if len(head) > MAX_HEAD:
        raise MalformedMessage(f"start line and headers above {MAX_HEAD} bytes")
    start, _, rest = _FOLD.sub(" ", head.decode("utf-8", "surrogateescape")).replace("\r\n", "\n").partition("\n")
    headers = _parse_headers(rest)
    return _parse_start(start.strip(), headers, body)


def salvage(data: bytes | bytearray) -> Request | None:
    """A request that `parse` refuses, as far as it can be answered; None where it cannot, or wants no answer.

    It has no body, an empty URI, and of its headers those that a response repeats (RFC 3261 section 8.2.6.2).
    """
    end = end_of_head(data)
    head = bytes(data[: end[0] if end else MAX_HEAD]).lstrip(b"\r\n")[:MAX_HEAD]
    start, *lines = _LINE_END.split(_FOLD.sub(" ", head.decode("utf-8", "surrogateescape")))
    fields: list[tuple[str, str]] = []
    for line in lines[:MAX_HEADERS]:
        name, colon, value = line.partition(":")
        if colon and (name := full_name(name)) in _REQUIRED:
            fields.extend((name, part) for part in split_values(name, value.strip(" \t")))
    headers = Headers(tuple(fields))
    numbered = _CSEQ.fullmatch(headers.first("cseq"))
    whole = all(len(headers.all(name)) == 1 for name in _REQUIRED if name != "via") and "via" in headers
    if start.upper().startswith(VERSION) or not whole or not numbered or numbered[2] == "ACK":
        return None
    return Request(numbered[2], "", headers)


def check_request(request: Request) -> None:
    """Raises MalformedMessage, its message the reason, where a server may not take the request (RFC 3261 8.2, 16.3)."""
    headers = request.headers
    for name in _REQUIRED:
        if not headers.first(name):
            raise MalformedMessage(f"Missing {_title(name)} header")
    for name in _ONCE:
        if len(headers.all(name)) > 1:
            raise MalformedMessage(f"More than one {_title(name)} header")
    found = _CSEQ.fullmatch(headers.first("cseq"))
    if not found or int(found[1]) > MAX_CSEQ:
        raise MalformedMessage("Bad CSeq header")
    if found[2] != request.method:
        raise MalformedMessage("CSeq method differs from the request's")
    if "max-forwards" in headers and not re.fullmatch(r"\d{1,9}", headers.first("max-forwards")):
        raise MalformedMessage("Bad Max-Forwards header")
    if not request.uri or any(mark in request.uri for mark in ' <>"'):
        raise MalformedMessage("Bad Request-URI")


def content_length(headers: Headers) -> int | None:
    """The announced body length in bytes, None where there is none. Raises MalformedMessage for a bad value."""
    values = set(headers.all("content-length"))
    if not values:
        return None
    value = values.pop()
    if values or not re.fullmatch(r"\d{1,9}", value):
        raise MalformedMessage("Bad Content-Length header")
    return int(value)


def _title(name: str) -> str:
    return {"via": "Via", "from": "From", "to": "To", "call-id": "Call-ID", "cseq": "CSeq"}.get(name, name)


def _parse_start(start: str, headers: Headers, body: bytes) -> Message:
    first, _, rest = start.partition(" ")
    if first.upper() == VERSION:
        code, _, reason = rest.strip().partition(" ")
        if not (code.isascii() and code.isdecimal() and len(code) == 3 and "100" <= code < "700"):
            raise MalformedMessage("bad status code")
        return Response(int(code), reason.strip(), headers, body)
    uri, blank, version = rest.strip().rpartition(" ")
    if not blank or not _TOKEN.fullmatch(first) or not re.fullmatch(r"SIP/\d+\.\d+", version, re.IGNORECASE):
        raise MalformedMessage("no SIP start line")
    return Request(first, uri.strip(), headers, body, version.upper())


def _parse_headers(text: str) -> Headers:
    fields: list[tuple[str, str]] = []
    for line in _LINE_END.split(text):
        if not line:
            continue
        name, colon, value = line.partition(":")
        name = full_name(name)
        if not colon or not _TOKEN.fullmatch(name):
            raise MalformedMessage("a line that is no header field")
        fields.extend((name, part) for part in split_values(name, value.strip(" \t")))
        if len(fields) > MAX_HEADERS:
            raise MalformedMessage(f"more than {MAX_HEADERS} headers")
    return Headers(tuple(fields))


def _write(start: str, headers: Headers, body: bytes) -> bytes:
    counted = headers.without("content-length").add("content-length", str(len(body)))
    return f"{start}\r\n{counted.text()}\r\n".encode("utf-8", "surrogateescape") + body
