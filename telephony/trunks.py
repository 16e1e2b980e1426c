"""Which trunk a caller's address belongs to."""

import hashlib
import ipaddress
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from telephony.settings import RegisterSettings, TrunkSettings

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class _Entry:
    network: _Network
    trunk: TrunkSettings


class Trunks:
    """Finds a trunk by source address: the longest matching prefix wins, among equals the trunk named first.

    A trunk that registers is also found by what only its registrar was told, and last by the registrar's addresses.
    """

    def __init__(self, trunks: tuple[TrunkSettings, ...]) -> None:
        self.settings = trunks
        entries = [
            _Entry(ipaddress.ip_network(network, strict=False), trunk) for trunk in trunks for network in trunk.allow
        ]
        self._entries = sorted(entries, key=lambda entry: -entry.network.prefixlen)
        self._registered = {contact_user(trunk.register): trunk for trunk in trunks if trunk.register.registrar}
        self._registrars: dict[str, frozenset[str]] = {}

    def take(self, others: "Trunks") -> None:
        """Know these trunks from now on. What was learned of registrars stays."""
        known = {(trunk.name, trunk.register): user for user, trunk in self._registered.items()}
        self._registered = {
            known.get((trunk.name, trunk.register), user): trunk for user, trunk in others._registered.items()
        }
        self.settings, self._entries = others.settings, others._entries

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
        told = (trunk for trunk in self._registered.values() if str(address) in self._registrars.get(trunk.name, ()))
        return next(told, None)

    def called(self, user: str) -> TrunkSettings | None:
        """The trunk that registered a Contact with this user part."""
        return self._registered.get(user)

    @property
    def registered(self) -> Iterable[tuple[str, TrunkSettings]]:
        """The trunks that register, each behind the user part of its Contact."""
        return self._registered.items()

    def learn(self, trunk: str, addresses: Iterable[str]) -> None:
        """Take what the registrar's name of a trunk was looked up to be, in place of what was learned before."""
        self._registrars[trunk] = frozenset(addresses)


def contact_user(account: RegisterSettings) -> str:
    """The user part of a registration's Contact, which its registrar learns and nobody guesses.

    It is the same after a restart, so that the PBX does not ring what is gone beside what is there. From it the
    password can only be found by trying, at the price that scrypt (RFC 7914) sets. Without a password it is random.
    """
    if not account.password:
        return f"cs-{secrets.token_hex(16)}"
    place = f"{account.registrar}\n{account.domain}\n{account.extension}\n{account.transport}"
    made = hashlib.scrypt(account.password.encode(), salt=place.encode(), n=2**14, r=8, p=1, dklen=16)
    return f"cs-{made.hex()}"
