"""The relay's loop: packets in on one side, out on the other, copies to a line."""

import select
import socket
import time
from dataclasses import dataclass, field
from uuid import UUID

from telephony.relay.side import Address, Side
from telephony.relay.wire import MAX_ORDER, SOCKETS, Aim, Close, Copy, Open, Order, decode

_LARGEST = 2048
"""Bytes of a packet: none of a call's is as long."""
_RTP_HEAD = 12
_SSRC = slice(8, 12)


@dataclass(slots=True, eq=False)
class _Bridge:
    """One relayed call."""

    rtp: tuple[socket.socket, ...]
    """Facing the caller, facing the callee."""
    rtcp: tuple[socket.socket, ...]
    sides: tuple[Side, Side] = field(default_factory=lambda: (Side(), Side()))
    copies: tuple[Address, ...] = ()

    def take_rtp(self, side: int, packet: bytes, source: Address) -> None:
        """Pass on what a party sent; the other party comes first."""
        if len(packet) < _RTP_HEAD or packet[0] >> 6 != 2:
            return
        if not self.sides[side].admits(source, packet[_SSRC], time.monotonic()):
            return
        target = self.sides[1 - side].target
        if target:
            _send(self.rtp[1 - side], packet, target)
        if self.copies:
            _send(self.rtp[side], packet, self.copies[side])

    def take_rtcp(self, side: int, packet: bytes, source: Address) -> None:
        # A line reports on the copies that it gets.
        is_line = any(source == (host, port + 1) for host, port in self.copies)
        target = self.sides[1 - side].rtcp_target
        if target and not is_line and self.sides[side].admits_rtcp(source):
            _send(self.rtcp[1 - side], packet, target)


@dataclass(frozen=True, slots=True)
class _Port:
    """A socket and what comes in there."""

    socket: socket.socket
    bridge: _Bridge
    side: int
    is_rtcp: bool

    def take(self) -> None:
        """Pass one packet on: the next one may have been sent because of an order that waits."""
        try:
            packet, source = self.socket.recvfrom(_LARGEST)
        except OSError:
            return
        if self.is_rtcp:
            self.bridge.take_rtcp(self.side, packet, source)
        else:
            self.bridge.take_rtp(self.side, packet, source)


class Switch:
    """Relays until its parent closes the socketpair."""

    def __init__(self, orders: socket.socket) -> None:
        self._orders = orders
        self._orders.setblocking(False)
        self._bridges: dict[UUID, _Bridge] = {}
        self._ports: dict[int, _Port] = {}
        self._poll = select.epoll()
        self._poll.register(orders, select.EPOLLIN)

    def run(self) -> None:
        """Raises TelephonyError for an order that cannot be read."""
        while True:
            ready = [descriptor for descriptor, _ in self._poll.poll()]
            # All orders first: whoever sends may do so because of one.
            if self._orders.fileno() in ready and not self._obey():
                return
            for descriptor in ready:
                if port := self._ports.get(descriptor):
                    port.take()

    def _obey(self) -> bool:
        """Carry out all orders that wait; False where the parent is gone."""
        while True:
            try:
                data, descriptors, _, _ = socket.recv_fds(self._orders, MAX_ORDER, SOCKETS)
            except BlockingIOError:
                return True
            if not data:
                return False
            order = decode(data)
            if isinstance(order, Open):
                self._open(order.bridge, [socket.socket(fileno=number) for number in descriptors])
            elif bridge := self._bridges.get(order.bridge):
                self._change(bridge, order)

    def _open(self, name: UUID, sockets: list[socket.socket]) -> None:
        if len(sockets) != SOCKETS:
            # Descriptors ran out: this call is without media, all others keep theirs.
            for opened in sockets:
                opened.close()
            return
        bridge = self._bridges[name] = _Bridge(tuple(sockets[::2]), tuple(sockets[1::2]))
        for number, opened in enumerate(sockets):
            opened.setblocking(False)
            self._ports[opened.fileno()] = _Port(opened, bridge, number // 2, bool(number % 2))
            self._poll.register(opened, select.EPOLLIN)

    def _change(self, bridge: _Bridge, order: Order) -> None:
        match order:
            case Aim(_, side, host, port, rtcp_port, signaling):
                bridge.sides[side].aim((host, port) if host else None, rtcp_port, signaling)
            case Copy(_, host, caller_port, callee_port):
                bridge.copies = ((host, caller_port), (host, callee_port)) if host else ()
            case Close(name):
                del self._bridges[name]
                for closed in (*bridge.rtp, *bridge.rtcp):
                    self._poll.unregister(closed)
                    del self._ports[closed.fileno()]
                    closed.close()


def _send(out: socket.socket, packet: bytes, target: Address) -> None:
    try:
        out.sendto(packet, target)
    except (OSError, ValueError, OverflowError):
        # No way there, a full buffer, or no address at all: lost as a datagram may be. All calls' media pass here.
        return
