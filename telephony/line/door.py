"""The door of an RTP socket which PJMEDIA opened: a filter in the kernel lets one sender in, or all (socket(7))."""

import ctypes
import itertools
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from telephony.line.gate import SourceGate

_SO_ATTACH_FILTER, _SO_DETACH_FILTER, _SO_MEMINFO = 26, 27, 55
_MEMINFO = struct.Struct("9I")
"""The last is the number of packets that the socket dropped (SK_MEMINFO_DROPS)."""
_INSTRUCTION = struct.Struct("HBBI")
"""Of classic BPF: code, two jump distances and a constant (linux/filter.h)."""
_LOAD_HALF, _LOAD_WORD, _JUMP_EQUAL, _RETURN = 0x28, 0x20, 0x15, 0x06
_NETWORK_HEADER = -0x100000 % 2**32
"""Where the kernel lets the IP header begin (SKF_NET_OFF)."""


class RtpDoor:
    """One m-line's, opened and shut as its gate says."""

    def __init__(self, declared: str, local_port: int) -> None:
        """`declared` is the address and port in the party's SDP, as "192.0.2.1:4000"."""
        self._declared = declared
        self._local_port = local_port
        self._gate = SourceGate(declared)
        self._shut = False
        self._descriptor = -1
        self._dropped = 0

    def due(self, now: float) -> bool:
        """As SourceGate.due."""
        return self._gate.due(now)

    def look(self, source: str, packets: int, now: float) -> bool:
        """As SourceGate.look. Raises OSError and ValueError where the socket cannot be filtered."""
        changed = self._gate.look(source, packets, now)
        if self._gate.shut != self._shut:
            self._turn(shut=self._gate.shut)
        return changed

    def shut_out(self) -> int:
        """Packets that came in vain since this was last asked. Raises OSError."""
        with self._socket() as rtp:
            dropped: int = _MEMINFO.unpack(rtp.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size))[-1]
        fresh, self._dropped = (dropped - self._dropped) % 2**32, dropped
        return fresh

    def remove(self) -> None:
        """Leave the socket open for all. Raises OSError."""
        if self._shut:
            self._turn(shut=False)

    def _turn(self, *, shut: bool) -> None:
        with self._socket() as rtp:
            if shut:
                program = only_from(self._declared)
                held = ctypes.create_string_buffer(program, len(program))
                count = len(program) // _INSTRUCTION.size
                rtp.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", count, ctypes.addressof(held)))
            else:
                rtp.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
        self._shut = shut

    @contextmanager
    def _socket(self) -> Iterator[socket.socket]:
        """PJMEDIA's socket, by a descriptor of our own that must not outlive it. Raises OSError where it is gone."""
        for descriptor in itertools.chain((self._descriptor,), _descriptors()):
            found = _duplicate(descriptor)
            if found is None:
                continue
            with found:
                datagrams = found.family == socket.AF_INET and found.type == socket.SOCK_DGRAM
                if datagrams and found.getsockname()[1] == self._local_port:
                    self._descriptor = descriptor
                    yield found
                    return
        raise OSError(f"no UDP socket on port {self._local_port}")


def only_from(address: str) -> bytes:
    """Classic BPF that lets a UDP socket have what "192.0.2.1:4000" sends. Raises OSError and ValueError."""
    host, _, port = address.rpartition(":")
    return b"".join(
        _INSTRUCTION.pack(*instruction)
        for instruction in (
            (_LOAD_HALF, 0, 0, 0),  # the source port, first of the UDP header
            (_JUMP_EQUAL, 0, 3, int(port)),
            (_LOAD_WORD, 0, 0, _NETWORK_HEADER + 12),  # the source address (RFC 791)
            (_JUMP_EQUAL, 0, 1, int.from_bytes(socket.inet_aton(host))),
            (_RETURN, 0, 0, 2**32 - 1),
            (_RETURN, 0, 0, 0),
        )
    )


def _descriptors() -> Iterator[int]:
    yield from map(int, os.listdir("/proc/self/fd"))


def _duplicate(descriptor: int) -> socket.socket | None:
    """The socket of a descriptor, None where it is no socket."""
    try:
        copy = os.dup(descriptor)
    except OSError:
        return None
    try:
        return socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        return None
