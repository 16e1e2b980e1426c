"""Far more INVITEs than a service takes, from one UDP socket that behaves otherwise."""

import selectors
import socket
import time
from collections import Counter, deque
from dataclasses import dataclass, field

from tests.acceptance.raw_sip import AUDIO_OFFER, Asked, Reply, parse_reply

HELD_S = 0.3
"""How long an answered call stands."""
LAST_ANSWERS_S = 60.0


@dataclass(slots=True)
class Flood:
    """`calls` INVITEs within `seconds`. What is answered 200 is acknowledged and hung up, the rest acknowledged."""

    port: int
    calls: int
    seconds: float
    statuses: Counter[int] = field(default_factory=Counter)
    """Final responses to INVITEs, each call once."""
    without_retry_after: int = 0
    """503 that did not say when to come again."""
    hung_up: int = 0
    """BYEs that were answered 200."""

    def run(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own, selectors.DefaultSelector() as selector:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
            own.connect(("127.0.0.1", self.port))
            own.setblocking(False)
            selector.register(own, selectors.EVENT_READ)
            _Sender(self, own).run(selector)


class _Sender:
    def __init__(self, flood: Flood, own: socket.socket) -> None:
        self._flood = flood
        self._socket = own
        self._port = int(own.getsockname()[1])
        self._asked = [Asked(body=AUDIO_OFFER.format(port=40000)) for _ in range(flood.calls)]
        self._waiting = {asked.call: asked for asked in self._asked}
        self._standing: deque[tuple[float, Asked, Reply]] = deque()
        self._leaving: set[str] = set()

    def run(self, selector: selectors.BaseSelector) -> None:
        began, sent = time.monotonic(), 0
        end = began + self._flood.seconds + LAST_ANSWERS_S
        while (now := time.monotonic()) < end and (self._waiting or self._standing or self._leaving):
            while sent < len(self._asked) and now - began >= sent * self._flood.seconds / len(self._asked):
                self._send(self._asked[sent])
                sent += 1
            while self._standing and self._standing[0][0] <= now:
                _, asked, reply = self._standing.popleft()
                self._leaving.add(asked.call)
                self._send(asked.within(reply, "BYE", 2))
            for _ in selector.select(0.005):
                self._receive()

    def _send(self, asked: Asked) -> None:
        self._socket.send(asked.data("UDP", self._port))

    def _receive(self) -> None:
        try:
            reply = parse_reply(self._socket.recv(65536).decode(errors="replace"))
        except BlockingIOError:
            return
        if reply is None or reply.status < 200:
            return
        call = reply.header("Call-ID")
        if reply.header("CSeq").endswith("BYE"):
            self._flood.hung_up += call in self._leaving
            self._leaving.discard(call)
        elif asked := self._waiting.pop(call, None):
            self._take(asked, reply)

    def _take(self, asked: Asked, reply: Reply) -> None:
        flood = self._flood
        flood.statuses[reply.status] += 1
        if reply.status == 200:
            self._socket.send(asked.acknowledgement(reply).data("UDP", self._port))
            self._standing.append((time.monotonic() + HELD_S, asked, reply))
            return
        flood.without_retry_after += reply.status == 503 and not reply.header("Retry-After").isdigit()
        self._socket.send(asked.acknowledgement(reply).data("UDP", self._port))
