"""A plain RTP sender: G.711 packets every 20 ms from one port to another (RFC 3550), also as a bad network has them."""

import random
import socket
import struct
import threading
import time
import weakref
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from telephony.children import keep_time
from tests.keys import EVENT_TYPE, PACKET_SAMPLES, key_payloads

_SPARED = 25
"""Packets at both ends of a damaged stream that come as they should: who counts must know where it began and ended."""

NOISE_TYPE, NOISE = 13, b"\x46"
"""Comfort noise of -70 dBov (RFC 3389)."""

Schedule = Sequence[tuple[int, ...]]
"""For each 20 ms the numbers of the packets that are sent then."""


@dataclass(frozen=True, slots=True)
class Damage:
    """What becomes of a stream's packets on their way."""

    schedule: Schedule
    lost: int
    duplicated: int
    swapped: int

    @classmethod
    def of(cls, packets: int, lost: float, duplicated: float, swapped: float, seed: int = 1) -> "Damage":
        """That of a stream of so many packets, by the share of packets, 0 to 1, that each thing happens to."""
        dice, counts = random.Random(seed), [0, 0, 0]
        schedule: list[tuple[int, ...]] = [(number,) for number in range(packets)]
        number = _SPARED
        while number < packets - _SPARED:
            fate = dice.choices((0, 1, 2, 3), (lost, duplicated, swapped, 1 - lost - duplicated - swapped))[0]
            if fate == 0:
                schedule[number] = ()
            elif fate == 1:
                schedule[number] = (number, number)
            elif fate == 2:
                schedule[number], schedule[number + 1] = (), (number + 1, number)
                number += 1
            if fate < 3:
                counts[fate] += 1
            number += 1
        return cls(schedule, *counts)


class Seals(Protocol):
    """Makes an SRTP packet of an RTP packet."""

    def seal(self, packet: bytes) -> bytes: ...


def _close(sockets: Sequence[socket.socket]) -> None:
    for each in sockets:
        each.close()


class RtpSender:
    """Sends several channels at the same instants, each from a socket of its own."""

    def __init__(self, channels: int) -> None:
        self._sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(channels)]
        # Of a test that failed nobody closes them, and the warning would be another test's.
        weakref.finalize(self, _close, self._sockets)
        for number in self._sockets:
            number.bind(("127.0.0.1", 0))
        self.payload_type = 0
        self.suppresses = False
        """Whether silence is not sent: comfort noise begins it (RFC 3389), and numbers go on after it without a gap."""
        self.sealers: Sequence[Seals] = ()
        """What makes SRTP of each channel's packets; may change while they are sent. Empty: they are plain."""
        self._keys = [deque[tuple[int, bytes]]() for _ in range(channels)]
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self.began_at = 0.0
        """Unix time of the first packet; sample n of every channel follows in the packet of n samples later."""
        self.ticks = 0
        """How many times 20 ms were sent."""

    @property
    def ports(self) -> list[int]:
        """The ports to offer, one for each channel."""
        return [int(number.getsockname()[1]) for number in self._sockets]

    def start(
        self, targets: Sequence[int], payloads: Sequence[bytes], schedules: Sequence[Schedule] | None = None
    ) -> None:
        """Send each payload to its port of 127.0.0.1, from now, at the pace of speech, or as its schedule says."""
        plain = [[(number,) for number in range(len(payload) // PACKET_SAMPLES)] for payload in payloads]
        self._thread = threading.Thread(target=self._send, args=(targets, payloads, schedules or plain), daemon=True)
        self._thread.start()

    def press(self, channel: int, digit: str) -> None:
        """Send a key in place of speech, from the channel's next packet on."""
        self._keys[channel].extend(key_payloads(digit))

    def wait(self) -> None:
        """Until all is sent."""
        assert self._thread is not None
        self._thread.join()

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        _close(self._sockets)

    def _send(self, targets: Sequence[int], payloads: Sequence[bytes], schedules: Sequence[Schedule]) -> None:
        keep_time()
        began, self.began_at = time.monotonic(), time.time()
        silent = [False] * len(payloads)
        unsent = [0] * len(payloads)
        for tick in range(max(len(schedule) for schedule in schedules)):
            for channel, schedule in enumerate(schedules):
                for number in schedule[tick] if tick < len(schedule) else ():
                    start = timestamp = number * PACKET_SAMPLES
                    kind, payload = self.payload_type, payloads[channel][start : start + PACKET_SAMPLES]
                    before, silent[channel] = silent[channel], self.suppresses and _is_silent(payload)
                    if silent[channel] and before:
                        unsent[channel] += 1
                        continue
                    if silent[channel]:
                        kind, payload = NOISE_TYPE, NOISE
                    if self._keys[channel]:
                        step, payload = self._keys[channel].popleft()
                        kind, timestamp = EVENT_TYPE, start - step * PACKET_SAMPLES
                    sequence = (number - unsent[channel]) & 0xFFFF
                    header = struct.pack("!BBHII", 0x80, kind, sequence, timestamp, 0xCA11 + channel)
                    packet = header + payload
                    if sealers := self.sealers:
                        packet = sealers[channel].seal(packet)
                    self._sockets[channel].sendto(packet, ("127.0.0.1", targets[channel]))
            self.ticks = tick + 1
            if self._stop.wait(max(0.0, began + (tick + 1) * 0.02 - time.monotonic())):
                return


def _is_silent(payload: bytes) -> bool:
    """Whether mu-law has nothing but its two smallest steps."""
    return min((octet | 0x80 for octet in payload), default=0xFF) >= 0xFD
