"""UDP sockets for relayed calls, out of a range of ports."""

import contextlib
import itertools
import socket
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RelayPorts:
    """Local RTP ports of one relayed call; RTCP is on the next ones."""

    caller: int
    """Facing the caller."""
    callee: int


class PortRange:
    """Even RTP ports with their RTCP ports, taken in turn: one that was just given back may still be sent to."""

    def __init__(self, host: str, first: int, last: int) -> None:
        """`first` to `last`, both included."""
        self._host = host
        self._starts = range(first + first % 2, last, 2)
        self._turn: Iterator[int] = itertools.cycle(self._starts)

    def take(self) -> tuple[socket.socket, socket.socket] | None:
        """An RTP socket and its RTCP socket; None where no pair is free, or the process may open no more."""
        for _ in self._starts:
            start = next(self._turn)
            pair = self._bind(start)
            if pair:
                return pair
        return None

    def _bind(self, start: int) -> tuple[socket.socket, socket.socket] | None:
        with contextlib.ExitStack() as opened:
            try:
                rtp = opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                rtcp = opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                rtp.bind((self._host, start))
                rtcp.bind((self._host, start + 1))
            except OSError:
                return None
            opened.pop_all()
        return rtp, rtcp
