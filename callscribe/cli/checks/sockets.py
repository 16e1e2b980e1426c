"""Which process of this machine has a port, as /proc tells (proc(5))."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LISTENS = "0A"
"""State of a TCP socket that listens."""
_OURS = ("callscribe.cli.main", "telephony.line")
"""Modules that processes of Callscribe run."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A bound IPv4 or IPv6 socket."""

    kind: str
    """"UDP" or "TCP"."""
    port: int
    owner: str
    """Command and process id; "" where this user may not know."""
    is_ours: bool
    """True where a process of Callscribe has it."""


def bound_sockets(first: int, last: int) -> tuple[Bound, ...]:
    """UDP sockets and listening TCP sockets on ports from `first` to `last`, both included."""
    found = [entry for entry in _entries() if first <= entry[1] <= last]
    owners = _owners({inode for _, _, inode in found}) if found else {}
    return tuple(Bound(kind, port, *owners.get(inode, ("", False))) for kind, port, inode in found)


def _entries() -> Iterator[tuple[str, int, str]]:
    """Kind, local port and inode of each."""
    for kind, table in (("UDP", "udp"), ("UDP", "udp6"), ("TCP", "tcp"), ("TCP", "tcp6")):
        try:
            lines = Path("/proc/net", table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if kind == "UDP" or fields[3] == _LISTENS:
                yield kind, int(fields[1].rpartition(":")[2], 16), fields[9]


def _owners(inodes: set[str]) -> dict[str, tuple[str, bool]]:
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    owners: dict[str, tuple[str, bool]] = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        held = {wanted[link] for link in _links(pid) if link in wanted}
        if held:
            owners |= dict.fromkeys(held, _named(pid))
    return owners


def _links(pid: str) -> Iterator[str]:
    """What a process has open; nothing of one that has ended or is another user's."""
    folder = f"/proc/{pid}/fd"
    with contextlib.suppress(OSError):
        for number in os.listdir(folder):
            with contextlib.suppress(OSError):
                yield os.readlink(f"{folder}/{number}")


def _named(pid: str) -> tuple[str, bool]:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_text(errors="replace").split("\0")
        name = Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "", False
    ours = any(part in _OURS or part.endswith("/callscribe") for part in command)
    return f"{'callscribe' if ours else name} (process {pid})", ours
