"""Readiness: tells whoever started this process that it serves now, in the protocol of sd_notify(3)."""

import os
import socket
from contextlib import suppress


def notify_ready() -> None:
    """Send READY=1 to the socket named in NOTIFY_SOCKET; without one, or when nobody listens, nothing happens."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.sendto(b"READY=1", address)
