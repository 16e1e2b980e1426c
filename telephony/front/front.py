"""The front as a running thing: sockets, clock and proxy joined."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from callscribe.domain.errors import PortUnavailable, SettingsError
from callscribe.domain.refusal import RefusedRequest
from telephony.bridge.bridging import Bridging
from telephony.certificate import Certificate, TlsFiles
from telephony.front.exchange import Exchange, FrontSettings, Tally
from telephony.front.hops import Addresses, Hop, Transport
from telephony.front.offer import FrontListener
from telephony.front.ports import DatagramPort, StreamPorts
from telephony.front.proxy import Proxy
from telephony.front.refusals import Refusals
from telephony.front.registrars import Registrars
from telephony.front.tls import HandshakeFault
from telephony.lines import LineStatus
from telephony.registration import RegistrationStatus
from telephony.settings import SipSettings, TrunkSettings
from telephony.sip.message import Message
from telephony.trunks import Trunks

UNREGISTER_LIMIT_S = 1.5
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
        self.bridging = Bridging()
        """Where calls are sent on; may be set before start()."""
        self.admits: Callable[[TrunkSettings], bool] = lambda _: True
        """Whether those behind the lines can take one more call of a trunk; may be set before start()."""
        self.tally = Tally()
        self.refusals = Refusals()
        self.ports = SipPorts(0, 0)
        self._outside = DatagramPort(Transport.UDP, self)
        self._inside = DatagramPort(Transport.LINE, self)
        self._streams = StreamPorts(self)
        self._exchange: Exchange | None = None
        self._proxy: Proxy | None = None
        self._registrars: Registrars | None = None
        self._alarm: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Open the sockets. Raises PortUnavailable and SettingsError, with nothing left open."""
        settings = self._settings
        try:
            certificate = Certificate(_tls_files(settings)) if settings.tls_port else None
            inside = await self._inside.open("127.0.0.1", 0)
            port = await self._open_outside(settings.host, settings.port)
            tls = 0
            if certificate:
                tls = await self._streams.listen_tls(settings.host, settings.tls_port, certificate)
        except BaseException:
            await self.stop()
            raise
        self.ports = SipPorts(port, tls)
        told = FrontSettings(
            addresses=Addresses(self._advertised, port, tls, inside),
            trunks=self._trunks,
            invites_per_second=settings.invites_per_second,
            source_invites_per_second=settings.source_invites_per_second,
            tally=self.tally,
            refusals=self.refusals,
            bridging=self.bridging,
            admits=self.admits,
        )
        loop = asyncio.get_running_loop()
        self._exchange = Exchange(told, self._lines, self._listener, self, loop.time)
        try:
            self._registrars = Registrars(self._exchange, self._outside, self._streams, self._arm)
        except SettingsError:
            await self.stop()
            raise
        self._proxy = Proxy(self._exchange)

    def register(self) -> None:
        """Let trunks register that do: calls may come from now on."""
        if self._registrars:
            self._registrars.start()

    def take(self, trunks: Trunks) -> None:
        """Know these trunks from now on, and register as they say. Raises SettingsError, with nothing changed."""
        if self._registrars is None:
            return
        contexts = self._registrars.contexts_of(trunks)
        self._trunks.take(trunks)
        self._registrars.renew(contexts)

    async def stop(self) -> None:
        """Close everything; answers nothing any more. Waits a moment for registrars that were told so by drain()."""
        if self._registrars:
            await self._registrars.finish(UNREGISTER_LIMIT_S)
        self._registrars = None
        self._proxy = None
        if self._alarm:
            self._alarm.cancel()
        self._outside.close()
        self._inside.close()
        await self._streams.close()

    def drain(self) -> None:
        """Answer new calls with 503 from now on, and take registrations back."""
        if self._exchange:
            self._exchange.draining = True
        if self._registrars:
            self._registrars.stop()

    def registrations(self) -> tuple[RegistrationStatus, ...]:
        """How the registrations of trunks go."""
        return self._registrars.statuses() if self._registrars else ()

    @property
    def bridged(self) -> int:
        """Calls that are sent on, ringing or going on."""
        return len(self._proxy.bridges) if self._proxy else 0

    def end_bridges(self) -> None:
        """Hang up all calls that are sent on."""
        if self._proxy:
            self._proxy.bridges.end_all()
            self._arm()

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

    def belongs(self, message: Message, source: Hop) -> bool:
        return self._proxy is not None and self._proxy.belongs(message, source)

    def allows(self, host: str) -> bool:
        return self._trunks.find(host) is not None or self.bridging.expects(host)

    def asks_certificate(self, host: str) -> bool:
        trunk = self._trunks.find(host)
        # An unlisted address may call the Contact that any trunk registered.
        may_be = (trunk,) if trunk else tuple(trunk for _, trunk in self._trunks.registered)
        return any(trunk.tls == "verified" for trunk in may_be)

    def refuse_oversized(self, message: Message, source: Hop) -> None:
        if self._proxy:
            self._proxy.refuse_oversized(message, source)

    def refuse_unreadable(self, data: bytes, reason: str, source: Hop) -> None:
        self.tally.trouble("messages_unreadable")
        if self._proxy:
            self._proxy.refuse_unreadable(data, reason, source)

    def undeliverable(self, message: Message) -> None:
        if self._proxy:
            self._proxy.undeliverable(message)
            self._arm()

    def handshake_refused(self) -> None:
        self.tally.trouble("connections_refused")

    def handshake_failed(self, host: str, fault: HandshakeFault) -> None:
        trunk = self._trunks.find(host)
        counter = f"tls_handshakes_failed_{fault.replace('-', '_')}"
        self.tally.trouble(counter, host)
        self.refusals.note(
            RefusedRequest(datetime.now(UTC), host, Transport.TLS, trunk.name if trunk else "", "", 0, counter)
        )

    def disconnected(self, number: int) -> None:
        if self._registrars:
            self._registrars.connection_lost(number)
            self._arm()

    async def _open_outside(self, host: str, port: int) -> int:
        """UDP and TCP on the same port; port 0 takes one that is free for both."""
        for _ in range(_PORT_TRIES):
            chosen = await self._outside.open(host, port)
            try:
                return await self._streams.listen(host, chosen)
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


def _tls_files(settings: SipSettings) -> TlsFiles:
    return TlsFiles(settings.tls_certificate, settings.tls_key, settings.tls_client_ca)
