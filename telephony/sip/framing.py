"""Finding messages in datagrams and in streams (RFC 3261 section 18.3)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from callscribe.domain.errors import MalformedMessage
from telephony.sip.message import MAX_HEAD, Message, content_length, end_of_head, parse
from telephony.sip.multipart import boundary_of, closing_end

MAX_BODY = 256 * 1024
"""Bytes. Metadata above 64 KiB is dropped, and its call taken nevertheless: so there must be room for more."""

_BEGIN = re.compile(rb"[A-Za-z0-9\-.!%*_+`'~]")
"""What a method or version may begin with (RFC 3261 section 25.1)."""

KEEP_ALIVE = b"\r\n\r\n"
"""A ping on a stream (RFC 5626 section 3.5.1); the answer is a single CRLF."""


@dataclass(frozen=True, slots=True)
class Ping:
    """A keep-alive that wants its answer."""


@dataclass(frozen=True, slots=True)
class Oversized:
    """A message whose body is not read because it is above MAX_BODY; the stream is lost behind it."""

    message: Message


def parse_datagram(data: bytes) -> Message:
    """The message of a datagram.

    A body longer than Content-Length is cut there, unless it is a multipart that closes later: then the closing
    boundary counts. Raises MalformedMessage; a body shorter than Content-Length is left to check_body_length.
    """
    message = parse(data)
    try:
        announced = content_length(message.headers)
    except MalformedMessage:
        # The message is whole enough to be refused by name.
        return message
    if announced is None or announced >= len(message.body):
        return message
    closing = closing_end(message.body, _boundary(message))
    return replace(message, body=message.body[: max(closing, announced)])


def check_body_length(message: Message) -> int:
    """The announced length of the body, its real one where none was announced.

    Raises MalformedMessage when a datagram ended before its body did, or Content-Length cannot be read.
    """
    announced = content_length(message.headers)
    if announced is None:
        return len(message.body)
    if announced > len(message.body) and closing_end(message.body, _boundary(message)) < 0:
        raise MalformedMessage("Body shorter than Content-Length")
    return announced


def _boundary(message: Message) -> bytes:
    kind = message.headers.first("content-type")
    return boundary_of(kind, message.body) if kind.lower().startswith("multipart/") else b""


class StreamFramer:
    """Cuts what a TCP or TLS connection brings into messages. Holds at most one unfinished message."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def buffered(self) -> int:
        """Bytes of the unfinished message; 0 between messages."""
        return len(self._buffer.strip(b"\r\n"))

    @property
    def unread(self) -> bytes:
        """What was not cut into messages: after a MalformedMessage, the one that makes no sense."""
        return bytes(self._buffer)

    def feed(self, data: bytes) -> Iterator[Message | Ping | Oversized]:
        """Add what was read and yield what is whole. Raises MalformedMessage when the stream makes no sense."""
        self._buffer += data
        while self._buffer:
            if self._buffer.startswith((b"\r", b"\n")):
                if self._buffer == b"\r":
                    return
                if self._buffer.startswith(KEEP_ALIVE):
                    yield Ping()
                    del self._buffer[: len(KEEP_ALIVE)]
                    continue
                if bytes(self._buffer[:4]) in (b"\r\n", b"\r\n\r"):
                    # May become a keep-alive; alone it means nothing.
                    return
                del self._buffer[: 2 if self._buffer.startswith(b"\r\n") else 1]
                continue
            taken = self._take()
            if taken is None:
                return
            yield taken
            if isinstance(taken, Oversized):
                self._buffer.clear()

    def _take(self) -> Message | Oversized | None:
        end = end_of_head(self._buffer)
        if end is None:
            if not _BEGIN.match(self._buffer):
                raise MalformedMessage("no SIP start line")
            if len(self._buffer) > MAX_HEAD:
                raise MalformedMessage("no end of headers")
            return None
        head = parse(bytes(self._buffer[: end[1]]))
        length = content_length(head.headers) or 0
        if length > MAX_BODY:
            return Oversized(head)
        whole = end[1] + length
        if len(self._buffer) < whole:
            return None
        body = bytes(self._buffer[end[1] : whole])
        del self._buffer[:whole]
        return replace(head, body=body)
