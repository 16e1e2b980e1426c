"""What sending calls on needs from outside: routes, the relay, and where targets are."""

import ipaddress
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from telephony.relay.ports import RelayPorts
from telephony.relay.wire import Aim, Copy
from telephony.routes import Routes


class MediaRelay(Protocol):
    """Implemented by telephony.relay.relay.Relay."""

    @property
    def local_address(self) -> str:
        """Where it and the lines reach each other."""

    def open(self, bridge: UUID) -> RelayPorts | None:
        """Take a call; None where no ports are free."""

    def aim(self, aim: Aim) -> None: ...

    def copy(self, copy: Copy) -> None: ...

    def close(self, bridge: UUID) -> None: ...


@dataclass(frozen=True, slots=True)
class Bridging:
    """Where calls are sent on, and by what."""

    routes: Routes = field(default_factory=Routes)
    relay: MediaRelay | None = None
    """None where there are no routes."""
    addresses: dict[str, str] = field(default_factory=dict)
    """IPv4 address of each target's host that was looked up."""
    media_timeout_s: int = 300
    """How often both parties of a call that no line hears are asked whether they are still there; 0: never."""

    def address_of(self, host: str) -> str:
        """IPv4 address of a target's host, "" while it is not known."""
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            return self.addresses.get(host, "")

    def expects(self, host: str) -> bool:
        """True for the address of a target: it may open connections to us."""
        return any(self.address_of(name) == host for name in self.routes.hosts)
