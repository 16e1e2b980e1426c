"""The door of an RTP socket which PJMEDIA opened: a filter in the kernel says who comes in (socket(7))."""

import ctypes
import os
import socket
import struct
from collections.abc import Iterator

_SO_ATTACH_FILTER, _SO_DETACH_FILTER, _SO_MEMINFO = 26, 27, 55
_MEMINFO = struct.Struct("9I")
"""The last is the number of packets that the socket dropped (SK_MEMINFO_DROPS)."""
_INSTRUCTION = struct.Struct("HBBI")
"""Of classic BPF: code, two jump distances and a constant (linux/filter.h)."""
_LOAD_HALF, _LOAD_WORD, _JUMP_EQUAL, _RETURN = 0x28, 0x20, 0x15, 0x06
_SOURCE_ADDRESS = -0x100000 % 2**32 + 12
"""In the IP header (RFC 791), which the kernel lets begin at SKF_NET_OFF."""


class SocketGone(OSError):
    """PJMEDIA has closed the socket."""


class RtpDoor:
    """One socket's. It stands open at first."""

    def __init__(self, port: int) -> None:
        """`port` is the local one. Raises SocketGone where there is no such socket."""
        self._port = port
        self._descriptor = -1
        self._allowed = ""
        with self._socket():
            pass

    def let_in(self, allowed: str) -> None:
        """An address with its port ("192.0.2.1:4000"), a host, or "" for everybody. Raises OSError."""
        if allowed == self._allowed:
            return
        with self._socket() as rtp:
            if allowed:
                program = only_from(allowed)
                held = ctypes.create_string_buffer(program, len(program))
                count = len(program) // _INSTRUCTION.size
                rtp.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HL", count, ctypes.addressof(held)))
            else:
                rtp.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
        self._allowed = allowed

    def kept_out(self) -> int:
        """Packets that came in vain so far. Raises OSError."""
        with self._socket() as rtp:
            return int(_MEMINFO.unpack(rtp.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size))[-1])

    def _socket(self) -> socket.socket:
        """PJMEDIA's socket by a descriptor of our own, which must not outlive it. Raises SocketGone."""
        for descriptor in self._candidates():
            found = _duplicate(descriptor)
            if found is None:
                continue
            datagrams = found.family == socket.AF_INET and found.type == socket.SOCK_DGRAM
            if datagrams and found.getsockname()[1] == self._port:
                self._descriptor = descriptor
                return found
            found.close()
        raise SocketGone(f"no UDP socket on port {self._port}")

    def _candidates(self) -> Iterator[int]:
        """Where it was the last time; the others are listed only where it is not."""
        yield self._descriptor
        yield from map(int, os.listdir("/proc/self/fd"))


def only_from(allowed: str) -> bytes:
    """Classic BPF that lets a UDP socket have what a host, or one port of it, sends. Raises OSError and ValueError."""
    host, _, port = allowed.partition(":")
    address = int.from_bytes(socket.inet_aton(host))
    checks = [(_LOAD_WORD, 0, 0, _SOURCE_ADDRESS), (_JUMP_EQUAL, 0, 3 if port else 1, address)]
    if port:
        # The source port, first of the UDP header, where the filter's packet begins.
        checks += [(_LOAD_HALF, 0, 0, 0), (_JUMP_EQUAL, 0, 1, int(port))]
    verdict = [(_RETURN, 0, 0, 2**32 - 1), (_RETURN, 0, 0, 0)]
    return b"".join(_INSTRUCTION.pack(*instruction) for instruction in (*checks, *verdict))


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
