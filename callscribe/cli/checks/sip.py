"""SIP and RTP on this machine: ports, the advertised address, the range of media ports."""

import errno
import ipaddress
import socket
from collections.abc import Iterator
from pathlib import Path

from callscribe.cli.checks.finding import Finding, bad, hint, ok
from callscribe.cli.checks.probe import ask_options
from callscribe.cli.checks.sockets import bound_sockets
from callscribe.cli.ports import PublicPort
from callscribe.config.settings import Settings
from callscribe.domain.errors import PortUnavailable
from telephony.line.settings import RTP_PORTS_PER_CALL
from telephony.lines import PACKAGED_CALLS, lines_wanted
from telephony.settings import SipSettings

_PROC = Path("/proc/sys/net/ipv4")
_MOST_NAMED = 3


def check_port(port: PublicPort, *, running: bool) -> Finding:
    """Whether it is free, or in use, and by whom; `running`: whether the service answers."""
    where = f"{port.port} on {port.host}"
    try:
        port.check()
    except PortUnavailable as error:
        kinds = {"UDP" if kind == socket.SOCK_DGRAM else "TCP" for kind in port.kinds}
        holders = [bound for bound in bound_sockets(port.port, port.port) if bound.kind in kinds]
        if ours := next((bound for bound in holders if bound.is_ours), None):
            return ok(port.setting, f"{where} is bound by {ours.owner}")
        detail, _, cure = str(error).partition("; ")
        owner = next((bound.owner for bound in holders if bound.owner), "")
        if running and not owner:
            return hint(
                port.setting,
                f"{where} is bound while the service runs; by whom, this user may not know",
                "none, if `answers` is ok; else ask as the service's user, or as root",
            )
        return bad(port.setting, f"{detail} (by {owner})" if owner else detail, cure)
    if running:
        return bad(
            port.setting, f"the service runs, but nobody listens on {where}", "start `callscribe sip` or `serve`"
        )
    return ok(port.setting, f"{where} is free")


def is_served(sip: SipSettings, *, running: bool) -> bool:
    """True where a process of Callscribe has the SIP port.

    While the service runs it is also taken for the one that has the port where this user may not know who does.
    """
    bound = bound_sockets(sip.port, sip.port)
    return any(one.is_ours for one in bound) or (running and bool(bound) and not any(one.owner for one in bound))


def check_answers(sip: SipSettings, address: str) -> Iterator[Finding]:
    """Whether the front of the running service answers OPTIONS, also on the address that callers are told."""
    local = "127.0.0.1" if sip.host in ("", "0.0.0.0") else sip.host
    ports = [("UDP", sip.port), ("TCP", sip.port), *([("TLS", sip.tls_port)] if sip.tls_port else [])]
    for transport, port in ports:
        status = ask_options(transport, local, port)
        check = f"answers {transport}"
        if status is None:
            yield bad(check, f"nobody answers OPTIONS at {local}:{port}", "look at the log of `callscribe sip`")
        elif status == 503:
            yield hint(check, "it answers 503: no line stands, or it is draining", "wait, or look at its log")
        else:
            told = "no trunk allows this machine, which is no harm" if status == 403 else f"with {status}"
            yield ok(check, f"the front answers at {local}:{port}: {told}")
    if address != local and ask_options("UDP", address, sip.port) is None:
        yield hint(
            "answers callers",
            f"nobody answers OPTIONS at the advertised address {address}:{sip.port}, as seen from this machine",
            "set sip.host to 0.0.0.0 or that address, or have the NAT forward it; try `callscribe call` from elsewhere",
        )


def check_address(settings: Settings, address: str) -> Finding:
    """Whether callers can reach the advertised address."""
    check, sip = "advertised address", settings.sip
    try:
        told = ipaddress.IPv4Address(address)
    except ValueError:
        return bad(check, f"{address} is no IPv4 address", "set sip.advertised_address to the one that callers reach")
    networks = [ipaddress.ip_network(network) for trunk in settings.trunks for network in trunk.allow]
    if told.is_loopback and any(not network.is_loopback for network in networks):
        return hint(
            check, f"{address} is told to callers, whom it leads back to themselves", "set sip.advertised_address"
        )
    if not is_own(address):
        return hint(
            check,
            f"{address} is no address of this machine: right only behind a NAT",
            f"have it forward UDP and TCP {sip.port} and UDP {sip.rtp_port_min}-{sip.rtp_port_max}, ports unchanged",
        )
    if not told.is_global and any(network.is_global for network in networks):
        return hint(
            check,
            f"{address} is private, and trunks allow public networks, which cannot reach it",
            "set sip.advertised_address to the public address of the NAT, or narrow `allow`",
        )
    return ok(check, f"{address}, an address of this machine")


def check_rtp_range(sip: SipSettings, *, bridging: bool) -> Iterator[Finding]:
    """Whether the range suffices for the lines, and whether others take ports of it.

    `bridging`: whether routes take their part of it. Lines are taken for those of the packaged PJSUA2, and it is said.
    """
    check, lines = "RTP range", lines_wanted(sip.lines, PACKAGED_CALLS)
    ports = PACKAGED_CALLS * RTP_PORTS_PER_CALL
    first = sip.rtp_port_min + sip.rtp_port_min % 2
    until = sip.lines_rtp_port_max(bridging=bridging)
    fitting = max(0, (until + 1 - first) // ports)
    last = first + ports * lines - 1
    kind = f"lines of {PACKAGED_CALLS} calls, which the packaged PJSUA2 carries"
    if fitting < lines:
        yield bad(
            check,
            f"{sip.rtp_port_min}-{until} has room for {fitting} lines, not {lines}: {kind}"
            + ("; bridged calls have the upper half of the range" if bridging else ""),
            f"set sip.rtp_port_max to {2 * last - sip.rtp_port_min if bridging else last} or above, or sip.lines to "
            f"{fitting}",
        )
        return
    strangers = [bound for bound in bound_sockets(first, last) if bound.kind == "UDP" and not bound.is_ours]
    if strangers:
        named = ", ".join(f"{bound.port} by {bound.owner or 'another user'}" for bound in strangers[:_MOST_NAMED])
        yield hint(check, f"others have UDP ports of it: {named}", "move sip.rtp_port_min and sip.rtp_port_max")
    low, high = _ephemeral()
    if low <= last and first <= high and not _is_reserved(first, last):
        yield hint(
            check,
            f"{first}-{last} overlaps the ports that Linux gives to anybody ({low}-{high})",
            f"sysctl net.ipv4.ip_local_reserved_ports={first}-{last}, or move the range",
        )
    elif not strangers:
        yield ok(check, f"{first}-{last} for {lines} {kind}; there is room for {fitting}")


def is_own(address: str) -> bool:
    """True where an interface of this machine has the address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError as error:
            return error.errno != errno.EADDRNOTAVAIL
    return True


def _ephemeral() -> tuple[int, int]:
    low, high = (_PROC / "ip_local_port_range").read_text().split() if _PROC.exists() else ("32768", "60999")
    return int(low), int(high)


def _is_reserved(first: int, last: int) -> bool:
    file = _PROC / "ip_local_reserved_ports"
    ranges = file.read_text().strip().split(",") if file.exists() else []
    spans = [entry.partition("-") for entry in ranges if entry]
    return any(int(low) <= first and last <= int(high or low) for low, _, high in spans)
