"""The ports that the service offers to others: whether they are free, before anything is started."""

import random
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from callscribe.config.settings import Settings
from callscribe.domain.errors import PortUnavailable

_OFFERED = range(31_500, 32_768)
_told: set[int] = set()


@dataclass(frozen=True, slots=True)
class PublicPort:
    """One address that the service listens on, and the setting that names it."""

    setting: str
    host: str
    port: int
    kinds: tuple[socket.SocketKind, ...]

    def check(self) -> None:
        """Raises PortUnavailable, its message naming the cure, when it cannot be bound now."""
        for kind in self.kinds:
            try:
                self._bind(kind)
            except OSError as error:
                raise PortUnavailable(
                    f"{self.setting} {self.port} on {self.host} cannot be bound: {error.strerror};"
                    f" stop what uses it or set {self.setting}"
                ) from error

    def _bind(self, kind: socket.SocketKind) -> None:
        found = socket.getaddrinfo(self.host, self.port, type=kind, flags=socket.AI_PASSIVE)
        family, _, protocol, _, address = found[0]
        with closing(socket.socket(family, kind, protocol)) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)


def public_ports(settings: Settings) -> Iterator[PublicPort]:
    """Those of the pages, of SIP and of the other ways in."""
    sip, web, funasr = settings.sip, settings.web, settings.funasr_server
    yield PublicPort("web.port", web.host, web.port, (socket.SOCK_STREAM,))
    yield PublicPort("sip.port", sip.host, sip.port, (socket.SOCK_DGRAM, socket.SOCK_STREAM))
    if sip.tls_port:
        yield PublicPort("sip.tls_port", sip.host, sip.tls_port, (socket.SOCK_STREAM,))
    if funasr.port:
        yield PublicPort("funasr_server.port", funasr.host, funasr.port, (socket.SOCK_STREAM,))
    if settings.ingest.port:
        yield PublicPort("ingest.port", settings.ingest.host, settings.ingest.port, (socket.SOCK_STREAM,))
    if settings.ingest.http_port:
        yield PublicPort("ingest.http_port", settings.ingest.host, settings.ingest.http_port, (socket.SOCK_STREAM,))
    if settings.audiosocket.port:
        audiosocket = settings.audiosocket
        yield PublicPort("audiosocket.port", audiosocket.host, audiosocket.port, (socket.SOCK_STREAM,))


def free_port() -> int:
    """A port of loopback that is free now, for TCP and for UDP; none is told twice in a process.

    The kernel gives ports of its ephemeral range (32,768 and up on Linux) to whoever sends without having one, so one
    of those may be gone again before it is listened on. These lie below it.
    """
    for port in random.sample(_OFFERED, len(_OFFERED)):
        if port not in _told and _is_free(port):
            _told.add(port)
            return port
    raise PortUnavailable(f"no port of 127.0.0.1 from {_OFFERED.start} to {_OFFERED.stop - 1} is free")


def _is_free(port: int) -> bool:
    try:
        PublicPort("", "127.0.0.1", port, (socket.SOCK_STREAM, socket.SOCK_DGRAM)).check()
    except PortUnavailable:
        return False
    return True
