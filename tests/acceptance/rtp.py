"""A plain RTP sender: G.711 packets every 20 ms from one port to another (RFC 3550)."""

import socket
import struct
import threading
import time
from collections.abc import Sequence

PACKET_SAMPLES = 160


class RtpSender:
    """Sends several channels at the same instants, each from a socket of its own."""

    def __init__(self, channels: int) -> None:
        self._sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(channels)]
        for number in self._sockets:
            number.bind(("127.0.0.1", 0))
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self.began_at = 0.0
        """Unix time of the first packet; sample n of every channel follows in the packet of n samples later."""

    @property
    def ports(self) -> list[int]:
        """The ports to offer, one for each channel."""
        return [int(number.getsockname()[1]) for number in self._sockets]

    def start(self, targets: Sequence[int], payloads: Sequence[bytes]) -> None:
        """Send each payload to its port of 127.0.0.1, from now, at the pace of speech."""
        self._thread = threading.Thread(target=self._send, args=(targets, payloads), daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Until all is sent."""
        assert self._thread is not None
        self._thread.join()

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        for number in self._sockets:
            number.close()

    def _send(self, targets: Sequence[int], payloads: Sequence[bytes]) -> None:
        began, self.began_at = time.monotonic(), time.time()
        packets = max(len(payload) for payload in payloads) // PACKET_SAMPLES
        for number in range(packets):
            for channel, (target, payload) in enumerate(zip(targets, payloads, strict=True)):
                start = number * PACKET_SAMPLES
                part = payload[start : start + PACKET_SAMPLES]
                if len(part) == PACKET_SAMPLES:
                    header = struct.pack("!BBHII", 0x80, 0, number & 0xFFFF, start, 0xCA11 + channel)
                    self._sockets[channel].sendto(header + part, ("127.0.0.1", target))
            if self._stop.wait(max(0.0, began + (number + 1) * 0.02 - time.monotonic())):
                return
