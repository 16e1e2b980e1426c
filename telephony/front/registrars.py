"""The registrations of a front on its sockets: names are looked up here, and connections opened."""

import asyncio
import contextlib
import itertools
import socket
import ssl
from collections import defaultdict
from collections.abc import Callable

import structlog

from callscribe.domain.errors import SettingsError
from telephony.front.exchange import Exchange
from telephony.front.hops import Hop, Transport
from telephony.front.ports import DatagramPort, StreamPorts
from telephony.front.registration import Registration, RegistrationPlan
from telephony.front.replies import default_port
from telephony.front.tls import Security
from telephony.registration import RegistrationState, RegistrationStatus, explain
from telephony.settings import RegisterSettings
from telephony.sip.framing import KEEP_ALIVE
from telephony.trunks import Trunks

log = structlog.get_logger()


class Registrars:
    """All trunks that register. Implements Network for each."""

    def __init__(
        self, exchange: Exchange, datagrams: DatagramPort, streams: StreamPorts, settle: Callable[[], None]
    ) -> None:
        """`settle` is called after everything that may have set a timer. Raises SettingsError."""
        self._exchange = exchange
        self._datagrams = datagrams
        self._streams = streams
        self._settle = settle
        self._tries: defaultdict[str, itertools.count[int]] = defaultdict(itertools.count)
        self._tasks: set[asyncio.Task[None]] = set()
        self._leaving = False
        self._stopped = asyncio.Event()
        self._contexts = self.contexts_of(exchange.trunks)
        self._registrations = [self._registration(plan) for plan in _plans(exchange.trunks)]
        self._taken_back: list[Registration] = []
        """Those of trunks that are gone, or register otherwise now."""

    def start(self) -> None:
        """Register all."""
        for registration in self._registrations:
            registration.start()

    def contexts_of(self, trunks: Trunks) -> dict[str, ssl.SSLContext]:
        """What the trunks that register over TLS trust, by their names. Raises SettingsError."""
        told = (plan for plan in _plans(trunks) if plan.account.transport == Transport.TLS)
        return {plan.trunk: _client_context(plan.trunk, plan.account) for plan in told}

    def renew(self, contexts: dict[str, ssl.SSLContext]) -> None:
        """Register as the trunks say now: take back what is said no more, and begin what is new.

        `contexts` are those of `contexts_of`. What was to be taken back before is not waited for any longer.
        """
        if self._leaving:
            return
        wanted = _plans(self._exchange.trunks)
        self._taken_back = [one for one in self._registrations if one.plan not in wanted]
        kept = {one.plan: one for one in self._registrations if one.plan in wanted}
        self._contexts = contexts
        self._registrations = [kept.get(plan) or self._registration(plan) for plan in wanted]
        for registration in self._taken_back:
            registration.stop()
        for registration in self._registrations:
            if registration.plan not in kept:
                registration.start()
        self._settle()

    def _registration(self, plan: RegistrationPlan) -> Registration:
        exchange = self._exchange
        return Registration(plan, exchange.clients, exchange.timers, exchange.addresses, self)

    def stop(self) -> None:
        """Take all registrations back: their calls go elsewhere from now on."""
        self._leaving = True
        for registration in self._registrations:
            registration.stop()
        self._settle()

    async def finish(self, limit_s: float) -> None:
        """After stop: wait until the registrars have confirmed it, for so long at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while self._leaving and any(one.state is not RegistrationState.STOPPED for one in self.statuses()):
                    self._stopped.clear()
                    await self._stopped.wait()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def connection_lost(self, number: int) -> None:
        """A TCP or TLS connection is gone."""
        for registration in (*self._registrations, *self._taken_back):
            registration.connection_lost(number)

    def statuses(self) -> tuple[RegistrationStatus, ...]:
        return tuple(registration.status for registration in self._registrations)

    # Network

    def reach(self, registration: Registration) -> None:
        task = asyncio.create_task(self._reach(registration))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def ping(self, hop: Hop) -> None:
        if hop.transport is Transport.UDP:
            self._datagrams.send(hop.host, hop.port, KEEP_ALIVE)
        else:
            self._streams.ping(hop.connection)

    def leave(self, hop: Hop) -> None:
        self._streams.drop(hop.connection)

    def changed(self, registration: Registration) -> None:
        plan, status = registration.plan, registration.status
        if status.state is RegistrationState.STOPPED:
            log.info("registration_stopped", trunk=plan.trunk)
            self._stopped.set()
            return
        log.info("registered", trunk=plan.trunk, registrar=plan.account.registrar, expires_s=status.expires_s)
        if status.seen_address:
            log.warning(
                "registered_behind_nat",
                trunk=plan.trunk,
                seen=status.seen_address,
                advertised=self._exchange.addresses.host,
                cure="set sip.advertised_address to where the PBX sees this node, and forward its ports",
            )

    def failed(self, registration: Registration, wait_s: float) -> None:
        plan, state = registration.plan, registration.status.state
        self._exchange.tally.count("registrations_failed")
        log.warning(
            "registration_failed",
            trunk=plan.trunk,
            state=state,
            reason=explain(state, plan.account),
            retry_in_s=round(wait_s),
        )

    async def _reach(self, registration: Registration) -> None:
        plan = registration.plan
        transport = Transport(plan.account.transport)
        port = plan.account.port or default_port(transport)
        try:
            addresses = await _look_up(plan.account.host, port)
        except (OSError, UnicodeError):
            registration.fail(RegistrationState.NAME_UNKNOWN)
            self._settle()
            return
        self._exchange.trunks.learn(plan.trunk, addresses)
        hop = Hop(transport, addresses[next(self._tries[plan.trunk]) % len(addresses)], port)
        context = self._contexts.get(plan.trunk)
        try:
            if hop.reliable:
                hop = await self._streams.keep(hop, Security(context, plan.account.host) if context else None)
        except ssl.SSLCertVerificationError:
            registration.fail(RegistrationState.UNTRUSTED)
        except ssl.SSLError:
            registration.fail(RegistrationState.NO_TLS)
        except OSError:
            registration.fail(RegistrationState.UNCONNECTED)
        else:
            registration.reached(hop)
        self._settle()


def _plans(trunks: Trunks) -> list[RegistrationPlan]:
    return [RegistrationPlan(trunk.name, trunk.register, user) for user, trunk in trunks.registered]


async def _look_up(host: str, port: int) -> list[str]:
    """IPv4 addresses of a host, in the order of its name server. Raises OSError, and UnicodeError for no name."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, family=socket.AF_INET, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for _, _, _, _, address in found))


def _client_context(trunk: str, account: RegisterSettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=account.tls_authorities or None)
    except OSError as error:
        raise SettingsError(f"register.tls_authorities of trunk {trunk} must be a PEM file: {error}") from error
