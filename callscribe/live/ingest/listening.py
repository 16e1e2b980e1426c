"""What every port for calls that do not come by SIP does alike."""

import socket
import ssl
from asyncio import BaseTransport
from collections import Counter

import structlog

from telephony.certificate import Certificate, TlsFiles

log = structlog.get_logger()

_KEEPALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 15), (socket.TCP_KEEPCNT, 4))
"""Seconds of silence, seconds between probes, probes: finds machines that are gone. WebSocket pings would cost those
clients their connection that read nothing while they speak."""


def count_trouble(counts: Counter[str], name: str, port: str = "ingest") -> None:
    """Count something that should not have come; logged as `port`'s trouble the 1st, 2nd, 4th, 8th … time."""
    counts[name] += 1
    if counts[name] & (counts[name] - 1) == 0:
        log.warning(f"{port}_trouble", what=name, times=counts[name])


def keep_alive(transport: BaseTransport) -> None:
    """Have the system find out when the other machine is gone."""
    connected = transport.get_extra_info("socket")
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE:
        connected.setsockopt(socket.IPPROTO_TCP, option, value)


def server_context(table: str, certificate: str, key: str) -> ssl.SSLContext | None:
    """TLS where the settings of `table` name a certificate, which may be renewed on disk.

    Raises SettingsError where a PEM file cannot be used.
    """
    return Certificate(TlsFiles(certificate, key, table=table)).follow() if certificate else None
