"""A line's end of the socketpair: never blocks, drops audio rather than grow without bound."""

import socket
from collections.abc import Iterator

from callscribe.domain.errors import TelephonyError
from telephony.line.wire import FrameReader, Message, encode

_BACKLOG_BYTES = 4 << 20
"""About 30 s of four two-party calls: the parent may be busy for so long."""
_READ_BYTES = 65536


class ParentGone(TelephonyError):
    """The parent closed the socketpair."""


class ParentSocket:
    """Messages to and from the parent."""

    def __init__(self, pair: socket.socket) -> None:
        self._socket = pair
        self._socket.setblocking(False)
        self._frames = FrameReader()
        self._backlog = bytearray()

    @property
    def full(self) -> bool:
        """True when audio should be dropped, because the parent does not read."""
        return len(self._backlog) > _BACKLOG_BYTES

    def post(self, message: Message) -> None:
        self._backlog += encode(message)

    def flush(self) -> None:
        """Send what the socket takes. Raises ParentGone."""
        while self._backlog:
            try:
                sent = self._socket.send(self._backlog)
            except BlockingIOError:
                return
            except OSError as error:
                raise ParentGone from error
            del self._backlog[:sent]

    def read(self) -> Iterator[Message]:
        """What has come so far. Raises ParentGone, and TelephonyError for a broken stream."""
        while True:
            try:
                received = self._socket.recv(_READ_BYTES)
            except BlockingIOError:
                return
            except OSError as error:
                raise ParentGone from error
            if not received:
                raise ParentGone
            yield from self._frames.feed(received)
