"""Where a message comes from or goes to."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Transport(StrEnum):
    """How a hop is reached."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"
    LINE = "line"
    """UDP on loopback, from the inside socket to a line."""


@dataclass(frozen=True, slots=True)
class Hop:
    """The next element on the way."""

    transport: Transport
    host: str
    port: int
    connection: int = 0
    """Number of the TCP or TLS connection to use while it lives; else one to host and port is opened. 0: none."""
    verified: bool = False
    """True where a TLS peer showed a certificate of `sip.tls_client_ca`."""

    @property
    def reliable(self) -> bool:
        """True where the transport itself repeats what is lost."""
        return self.transport in (Transport.TCP, Transport.TLS)


class Outlet(Protocol):
    """Sends. Never raises: what cannot be sent is reported later with Proxy.undeliverable, or lost like a datagram."""

    def send(self, hop: Hop, data: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class Addresses:
    """What the front calls itself in messages."""

    host: str
    """Advertised address."""
    port: int
    """UDP and TCP."""
    tls_port: int
    inside_port: int
    """UDP on 127.0.0.1, towards the lines."""

    def via(self, transport: Transport, branch: str) -> str:
        """Our Via value on a request sent over `transport`."""
        if transport is Transport.LINE:
            return f"SIP/2.0/UDP 127.0.0.1:{self.inside_port};branch={branch};rport"
        return f"SIP/2.0/{transport.upper()} {self.host}:{self._port(transport)};branch={branch};rport"

    def contact(self, transport: Transport, user: str = "callscribe") -> str:
        """Our SIP URI for a peer on `transport`."""
        if transport is Transport.LINE:
            return f"sip:caller@127.0.0.1:{self.inside_port}"
        suffix = f";transport={transport}" if transport is not Transport.UDP else ""
        return f"sip:{user}@{self.host}:{self._port(transport)}{suffix}"

    def _port(self, transport: Transport) -> int:
        # Without a TLS port of our own, peers come back over the connections that we opened.
        return self.tls_port or 5061 if transport is Transport.TLS else self.port
