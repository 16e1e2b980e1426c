"""The address that callers are told."""

import socket

from telephony.settings import SipSettings

_WILDCARDS = ("", "0.0.0.0", "::")


def advertised_address(settings: SipSettings) -> str:
    """What SDP and Contact name: as set, or the host, or where that is a wildcard the one of the default route."""
    if settings.advertised_address:
        return settings.advertised_address
    if settings.host not in _WILDCARDS:
        return settings.host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Connecting a datagram socket sends nothing; it only asks the routing table.
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
