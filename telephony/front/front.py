"""The front as a running thing: sockets, clock and proxy joined."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from callscribe.domain.errors import PortUnavailable
from telephony.front.exchange import Exchange, FrontSettings, Tally
from telephony.front.hops import Addresses, Hop, Transport
from telephony.front.offer import FrontListener
from telephony.front.ports import DatagramPort, StreamPorts, server_context
from telephony.front.proxy import Proxy
from telephony.lines import LineStatus
from telephony.settings import SipSettings
from telephony.sip.message import Message
from telephony.trunks import Trunks

_PORT_TRIES = 20


@dataclass(frozen=True, slots=True)
class SipPorts:
    """Public ports that are bound."""

    sip: int
    """UDP and TCP."""
    tls: int
    """0 where there is no TLS."""


class Front:
    """The public SIP port. Implements Outlet for the proxy and Receiver for the sockets."""

    def __init__(
        self,
        settings: SipSettings,
        advertised_address: str,
        trunks: Trunks,
        lines: Callable[[], Sequence[LineStatus]],
        listener: FrontListener,
    ) -> None:
        self._settings = settings
        self._advertised = advertised_address
        self._trunks = trunks
        self._lines = lines
        self._listener = listener
        self.tally = Tally()
        self.ports = SipPorts(0, 0)
        self._outside = DatagramPort(Transport.UDP, self)
        self._inside = DatagramPort(Transport.LINE, self)
        self._streams = StreamPorts(self)
        self._exchange: Exchange | None = None
        self._proxy: Proxy | None = None
        self._alarm: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Open the sockets. Raises PortUnavailable and SettingsError, with nothing left open."""
        settings = self._settings
        try:
            context = server_context(settings.tls_certificate, settings.tls_key) if settings.tls_port else None
            inside = await self._inside.open("127.0.0.1", 0)
            port = await self._open_outside(settings.host, settings.port)
            tls = 0
            if context:
                tls = await self._streams.listen(Transport.TLS, settings.host, settings.tls_port, context)
        except BaseException:
            await self.stop()
            raise
        self.ports = SipPorts(port, tls)
        told = FrontSettings(
            addresses=Addresses(self._advertised, port, tls, inside),
            trunks=self._trunks,
            invites_per_second=settings.invites_per_second,
            tally=self.tally,
        )
        loop = asyncio.get_running_loop()
        self._exchange = Exchange(told, self._lines, self._listener, self, loop.time)
        self._proxy = Proxy(self._exchange)

    async def stop(self) -> None:
        """Close everything; answers nothing any more."""
        self._proxy = None
        if self._alarm:
            self._alarm.cancel()
        self._outside.close()
        self._inside.close()
        await self._streams.close()

    def drain(self) -> None:
        """Answer new calls with 503 from now on."""
        if self._exchange:
            self._exchange.draining = True

    def release(self, call_id: UUID) -> None:
        """The line has ended this call."""
        if self._proxy:
            self._proxy.release(call_id)
            self._arm()

    def line_lost(self, line: int) -> None:
        """A line died."""
        if self._proxy:
            self._proxy.line_lost(line)
            self._arm()

    def counters(self) -> Mapping[str, int]:
        return dict(self.tally.counts)

    # Outlet

    def send(self, hop: Hop, data: bytes) -> None:
        if hop.transport is Transport.LINE:
            self._inside.send(hop.host, hop.port, data)
        elif hop.transport is Transport.UDP:
            self._outside.send(hop.host, hop.port, data)
        else:
            self._streams.send(hop, data)

    # Receiver

    def receive(self, message: Message, source: Hop) -> None:
        if self._proxy is None:
            return
        self._proxy.receive(message, source)
        self._arm()

    def allows(self, host: str) -> bool:
        return self._trunks.find(host) is not None

    def refuse_oversized(self, message: Message, source: Hop) -> None:
        if self._proxy:
            self._proxy.refuse_oversized(message, source)

    def undeliverable(self, message: Message) -> None:
        if self._proxy:
            self._proxy.undeliverable(message)
            self._arm()

    async def _open_outside(self, host: str, port: int) -> int:
        """UDP and TCP on the same port; port 0 takes one that is free for both."""
        for _ in range(_PORT_TRIES):
            chosen = await self._outside.open(host, port)
            try:
                return await self._streams.listen(Transport.TCP, host, chosen)
            except PortUnavailable:
                self._outside.close()
                if port:
                    raise
        raise PortUnavailable("no port is free for both UDP and TCP: set sip.port")

    def _arm(self) -> None:
        """See to it that the next timer rings."""
        if self._alarm:
            self._alarm.cancel()
            self._alarm = None
        due = self._exchange.timers.next_due() if self._exchange else None
        if due is not None and self._proxy:
            self._alarm = asyncio.get_running_loop().call_at(due, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        if self._exchange and self._proxy:
            self._exchange.timers.ring_due()
            self._arm()
