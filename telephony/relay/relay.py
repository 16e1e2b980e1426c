"""The relay as its parent sees it, in the supervisor's event loop."""

import asyncio
import contextlib
import errno
import os
import resource
import signal
import socket
from collections import deque
from dataclasses import dataclass
from uuid import UUID

import structlog

from telephony.children import spawn
from telephony.relay.ports import PortRange, RelayPorts
from telephony.relay.wire import Aim, Close, Copy, Open, Order, encode

log = structlog.get_logger()

_BACK_OFF_S = 0.2
_LEAVE_S = 1.0
_LATER = (errno.EAGAIN, errno.ETOOMANYREFS)
"""The relay has more to read, orders or descriptors (unix(7)), than may wait for it."""
_PAUSE_S, _PATIENCE_S = 0.01, 10.0
"""Until orders are tried again, and how long none may be taken: a relay that starts has not read any."""
_WILDCARDS = ("", "0.0.0.0")


@dataclass(frozen=True, slots=True)
class RelaySettings:
    """Where relayed media come and go."""

    bind_address: str
    """Local address of its sockets."""
    first_port: int
    last_port: int
    """Both included."""


@dataclass(slots=True, eq=False)
class _Call:
    """What the relay has to know of one call, also the next relay should this one die."""

    sockets: tuple[socket.socket, ...]
    aims: dict[int, Aim]
    copy: Copy | None = None


class Relay:
    """A relay process, replaced by a new one when it dies: the sockets are kept here, so calls go on over the next."""

    def __init__(self, settings: RelaySettings) -> None:
        self.local_address = "127.0.0.1" if settings.bind_address in _WILDCARDS else settings.bind_address
        """Where it and the lines reach each other."""
        self._ports = PortRange(settings.bind_address, settings.first_port, settings.last_port)
        self._calls: dict[UUID, _Call] = {}
        self._orders: socket.socket | None = None
        self._waiting: deque[tuple[Order, tuple[socket.socket, ...]]] = deque()
        self._pause: asyncio.TimerHandle | None = None
        """Set while orders wait because the relay could take no more."""
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self.restarts = 0

    async def start(self) -> None:
        """Run a relay from now on. Raises OSError where it cannot be spawned.

        Raises this process's limit for open files to what it may, and so the relay's: a call takes four in each.
        """
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        process = await self._spawn()
        self._keeper = asyncio.create_task(self._keep(process))

    async def stop(self) -> None:
        """End it, and every call's media."""
        self._stopping.set()
        for name in list(self._calls):
            self.close(name)
        self._hang_up()
        if self._keeper:
            _, late = await asyncio.wait({self._keeper}, timeout=_LEAVE_S)
            if late and self._process:
                _kill(self._process.pid)
            await self._keeper
        self._keeper = None

    @property
    def pid(self) -> int:
        """0 while there is none."""
        return self._process.pid if self._process and self._process.returncode is None else 0

    def open(self, bridge: UUID) -> RelayPorts | None:
        """Take a call; None where no ports are free."""
        pairs = [self._ports.take() for _ in range(2)]
        sockets = tuple(one for pair in pairs if pair for one in pair)
        if None in pairs:
            for one in sockets:
                one.close()
            return None
        call = self._calls[bridge] = _Call(sockets, {})
        self._send_open(bridge, call)
        return RelayPorts(*(int(one.getsockname()[1]) for one in sockets[::2]))

    def aim(self, aim: Aim) -> None:
        """A party is there from now on. Ignored for a call that is not open, as copy() and close() are."""
        if call := self._calls.get(aim.bridge):
            call.aims[aim.side] = aim
            self._send(aim)

    def copy(self, copy: Copy) -> None:
        """Send copies there from now on."""
        if call := self._calls.get(copy.bridge):
            call.copy = copy
            self._send(copy)

    def close(self, bridge: UUID) -> None:
        if call := self._calls.pop(bridge, None):
            if not self._forget(bridge):
                self._send(Close(bridge))
            for one in call.sockets:
                one.close()

    async def _keep(self, process: asyncio.subprocess.Process) -> None:
        while True:
            status = await process.wait()
            self._hang_up()
            if self._stopping.is_set():
                return
            self.restarts += 1
            log.error("relay_lost", status=status, calls=len(self._calls))
            while True:
                await asyncio.sleep(_BACK_OFF_S)
                if self._stopping.is_set():
                    return
                try:
                    process = await self._spawn()
                except OSError as error:
                    log.error("relay_not_spawned", problem=error.strerror)
                else:
                    break

    async def _spawn(self) -> asyncio.subprocess.Process:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        process = await spawn("telephony.relay", (ours, theirs))
        self._process, self._orders = process, ours
        for name, call in self._calls.items():
            self._send_open(name, call)
            for order in (*call.aims.values(), *((call.copy,) if call.copy else ())):
                self._send(order)
        return process

    def _send_open(self, bridge: UUID, call: _Call) -> None:
        self._send(Open(bridge), call.sockets)

    def _send(self, order: Order, sockets: tuple[socket.socket, ...] = ()) -> None:
        if self._orders is None:
            return
        self._waiting.append((order, sockets))
        if self._pause is None:
            self._tell(asyncio.get_running_loop().time())

    def _tell(self, since: float) -> None:
        """Send the orders that wait; none could be since that time of the loop's clock."""
        self._pause, loop = None, asyncio.get_running_loop()
        try:
            while self._waiting and self._orders:
                order, sockets = self._waiting[0]
                socket.send_fds(self._orders, [encode(order)], [one.fileno() for one in sockets])
                self._waiting.popleft()
                since = loop.time()
        except OSError as error:
            if error.errno in _LATER and loop.time() - since < _PATIENCE_S:
                self._pause = loop.call_later(_PAUSE_S, self._tell, since)
                return
            # It is gone, or reads no more: the next one is told everything anew.
            self._hang_up()
            if self.pid:
                _kill(self.pid)

    def _forget(self, bridge: UUID) -> bool:
        """Drop what waits to be said of a call; True where the relay has not heard of it."""
        dropped = [order for order, _ in self._waiting if order.bridge == bridge]
        self._waiting = deque(waiting for waiting in self._waiting if waiting[0].bridge != bridge)
        return any(isinstance(order, Open) for order in dropped)

    def _hang_up(self) -> None:
        if self._orders:
            self._orders.close()
        if self._pause:
            self._pause.cancel()
        self._orders = self._pause = None
        self._waiting.clear()


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
