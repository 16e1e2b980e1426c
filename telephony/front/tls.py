"""TLS on the public port: handshakes that are bounded, and tell why they failed."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from telephony.certificate import Certificate

HANDSHAKE_LIMIT_S = 5.0
MAX_HANDSHAKES = 64
"""At once, of addresses that a trunk allows."""
MAX_STRANGE_HANDSHAKES = 8
"""At once, of all others: each costs a signature."""


class HandshakeFault(StrEnum):
    """Why a handshake failed."""

    NO_TLS = "no-tls"
    """What came was no TLS: plain SIP, or another protocol."""
    OLD_TLS = "old-tls"
    """The peer knows no version that is taken here (1.2 and 1.3)."""
    NO_CIPHER = "no-cipher"
    CERTIFICATE_REFUSED = "certificate-refused"
    """The peer does not trust the certificate here, or finds another name in it."""
    CLIENT_CERTIFICATE = "client-certificate"
    """The peer's certificate is expired, or not of `sip.tls_client_ca`."""
    CLOSED = "closed"
    """The peer left without a word: most often it does not trust the certificate here."""
    SLOW = "slow"
    OTHER = "other"


_FAULTS = {
    "HTTP_REQUEST": HandshakeFault.NO_TLS,
    "HTTPS_PROXY_REQUEST": HandshakeFault.NO_TLS,
    "WRONG_VERSION_NUMBER": HandshakeFault.NO_TLS,
    "BAD_RECORD_TYPE": HandshakeFault.NO_TLS,
    "RECORD_LAYER_FAILURE": HandshakeFault.NO_TLS,
    "UNSUPPORTED_PROTOCOL": HandshakeFault.OLD_TLS,
    "VERSION_TOO_LOW": HandshakeFault.OLD_TLS,
    "NO_SHARED_CIPHER": HandshakeFault.NO_CIPHER,
    "NO_SUITABLE_SIGNATURE_ALGORITHM": HandshakeFault.NO_CIPHER,
}
"""OpenSSL's reason codes."""


@dataclass(frozen=True, slots=True)
class Security:
    """How a TLS peer that connections are opened to is known."""

    context: ssl.SSLContext
    name: str = ""
    """What its certificate must name; "": its address."""


class Reception(Protocol):
    """Takes connections, and hears of those that came to nothing."""

    def allows(self, host: str) -> bool:
        """True where a trunk allows this address."""

    def asks_certificate(self, host: str) -> bool:
        """True where a trunk wants a certificate of this address."""

    def handshake_refused(self) -> None:
        """Too many were going on."""

    def handshake_failed(self, host: str, fault: HandshakeFault) -> None: ...


class TlsDoor:
    """Makes TLS connections of accepted TCP ones. Calling it gives the protocol of one that was just accepted.

    asyncio's own TLS servers keep failures to themselves and have no bound on handshakes.
    """

    def __init__(
        self, certificate: Certificate, reception: Reception, connection: Callable[[], asyncio.Protocol]
    ) -> None:
        self._certificate = certificate
        self._reception = reception
        self._connection = connection
        self._going_on: dict[asyncio.Task[None], bool] = {}
        """Handshakes, and whether their peers are known."""

    def __call__(self) -> asyncio.Protocol:
        return _Knock(self)

    async def close(self) -> None:
        tasks = list(self._going_on)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def admit(self, knock: "_Knock", transport: asyncio.Transport) -> None:
        """Begin a handshake, or close the connection where too many go on."""
        host = str((transport.get_extra_info("peername") or ("",))[0])
        known = self._reception.allows(host)
        if sum(other is known for other in self._going_on.values()) >= (
            MAX_HANDSHAKES if known else MAX_STRANGE_HANDSHAKES
        ):
            self._reception.handshake_refused()
            transport.abort()
            return
        task = asyncio.create_task(self._shake_hands(knock, transport, host))
        self._going_on[task] = known
        task.add_done_callback(self._going_on.pop)

    async def _shake_hands(self, knock: "_Knock", transport: asyncio.Transport, host: str) -> None:
        try:
            secured = await asyncio.get_running_loop().start_tls(
                transport,
                knock,
                self._certificate.context(ask=self._reception.asks_certificate(host)),
                server_side=True,
                ssl_handshake_timeout=HANDSHAKE_LIMIT_S,
            )
        except OSError as error:
            self._reception.handshake_failed(host, fault_of(error))
            return
        if secured is None or knock.lost:
            self._reception.handshake_failed(host, HandshakeFault.CLOSED)
            return
        connection = self._connection()
        secured.set_protocol(connection)
        connection.connection_made(secured)
        if knock.early:
            connection.data_received(bytes(knock.early))


class _Knock(asyncio.Protocol):
    """A connection until its handshake is over. What comes right behind the handshake is kept."""

    def __init__(self, door: TlsDoor) -> None:
        self._door = door
        self.early = bytearray()
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        # Nothing may be read before start_tls has taken the transport over.
        transport.pause_reading()
        self._door.admit(self, transport)

    def data_received(self, data: bytes) -> None:
        self.early += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True


def client_context() -> ssl.SSLContext:
    """TLS towards a caller whose connection is gone. It is known by an IP address, which certificates seldom name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def is_verified(transport: asyncio.BaseTransport) -> bool:
    """True where the peer showed a certificate of `sip.tls_client_ca`."""
    secured = transport.get_extra_info("ssl_object")
    return secured is not None and bool(secured.getpeercert())


def fault_of(error: OSError) -> HandshakeFault:
    """What a failed handshake failed with."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return HandshakeFault.CLIENT_CERTIFICATE
    if isinstance(error, ssl.SSLError):
        reason = error.reason or ""
        # Alerts by which a peer refuses a certificate (RFC 8446 section 6.2): bad, revoked, unknown CA and others.
        if "ALERT" in reason and ("CERTIFICATE" in reason or "UNKNOWN_CA" in reason):
            return HandshakeFault.CERTIFICATE_REFUSED
        if "ALERT_PROTOCOL_VERSION" in reason:
            return HandshakeFault.OLD_TLS
        return _FAULTS.get(reason, HandshakeFault.OTHER)
    return HandshakeFault.SLOW if isinstance(error, ConnectionAbortedError | TimeoutError) else HandshakeFault.CLOSED
