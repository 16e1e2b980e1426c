"""Which trunk a caller's address belongs to."""

import ipaddress
from dataclasses import dataclass

from telephony.settings import TrunkSettings

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class _Entry:
    network: _Network
    trunk: TrunkSettings


class Trunks:
    """Finds a trunk by source address: the longest matching prefix wins, among equals the trunk named first."""

    def __init__(self, trunks: tuple[TrunkSettings, ...]) -> None:
        entries = [
            _Entry(ipaddress.ip_network(network, strict=False), trunk) for trunk in trunks for network in trunk.allow
        ]
        self._entries = sorted(entries, key=lambda entry: -entry.network.prefixlen)

    def find(self, host: str) -> TrunkSettings | None:
        """The trunk of an IP address, None where no trunk allows it or `host` is no address."""
        try:
            address = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return None
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        for entry in self._entries:
            if address in entry.network:
                return entry.trunk
        return None
