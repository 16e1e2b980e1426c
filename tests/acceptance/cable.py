"""A cable between two network namespaces that delays, reorders, loses and doubles what goes through it.

It is made of two TUN devices, since not every kernel has netem: what one gets is written to the other, when it is due.
"""

import contextlib
import fcntl
import heapq
import itertools
import os
import selectors
import struct
import threading
import time
from collections.abc import Callable, Sequence
from typing import Self

_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_IDLE_S = 0.05
_LARGEST_PACKET = 65536

Fate = Callable[[bytes], Sequence[float]]
"""Of an IP packet: how much later than it came each of its copies arrives, in seconds; none where it is lost."""


class Cable:
    """Carries IP packets between two devices, whose names are `ends`, from when it is entered."""

    def __init__(self, ends: tuple[str, str], fates: tuple[Fate, Fate]) -> None:
        """Makes the devices, in the caller's namespace. `fates[0]` is of what the first end sends. Raises OSError."""
        self._files = tuple(_open(name) for name in ends)
        self._fates = fates
        self._due: list[tuple[float, int, int, bytes]] = []
        """What is on its way: when it arrives, its number, the file of its end, and the packet."""
        self._numbers = itertools.count()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._carry)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """The devices go with it."""
        self._stop.set()
        self._thread.join()
        for file in self._files:
            os.close(file)

    def _carry(self) -> None:
        with selectors.DefaultSelector() as selector:
            for end, file in enumerate(self._files):
                selector.register(file, selectors.EVENT_READ, end)
            while not self._stop.is_set():
                wait = max(0.0, min(_IDLE_S, self._due[0][0] - time.monotonic())) if self._due else _IDLE_S
                for key, _ in selector.select(wait):
                    self._take(int(key.data))
                while self._due and self._due[0][0] <= time.monotonic():
                    _, _, file, packet = heapq.heappop(self._due)
                    # An end that is not plugged in yet takes nothing.
                    with contextlib.suppress(OSError):
                        os.write(file, packet)

    def _take(self, end: int) -> None:
        packet, now = os.read(self._files[end], _LARGEST_PACKET), time.monotonic()
        for delay in self._fates[end](packet):
            heapq.heappush(self._due, (now + delay, next(self._numbers), self._files[1 - end], packet))


def _open(name: str) -> int:
    """A TUN device, which lives as long as its file (Linux, Documentation/networking/tuntap)."""
    file = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(file, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
    return file
