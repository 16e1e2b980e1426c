"""A network that a test makes: a caller's own namespace, and behind a bad cable a router that does NAT."""

import os
import random
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.acceptance.cable import Cable
from tests.peers import require

_RTP_PACKET = 20 + 8 + 12 + 160
"""Bytes of an IP packet with 20 ms of G.711 (RFC 791, RFC 768, RFC 3550)."""
LOST_OF, DOUBLED_OF = 20, 25
"""Of so many RTP packets that leave the house one is lost, and one comes twice."""
_USUAL_S, _LATE_S = 0.02, 0.05
"""How long packets take at most, and now and then one: longer than the next one, which overtakes it."""
LATE_OF = 30
_ROUTER = """
table ip house {
    chain translate {
        type nat hook postrouting priority srcnat
        oifname "out" masquerade random
    }
}
"""


@dataclass(frozen=True, slots=True)
class House:
    """A private network behind NAT."""

    service: str
    """This machine's address, as the house sees it."""
    caller: str
    """The caller's address in the house, which means nothing outside."""
    public: str
    """The router's address outside, which everything from the house has on its way here."""
    inside: Sequence[str]
    """What a command begins with to run in the house."""


@contextmanager
def house() -> Iterator[House]:
    """A house for as long as the body runs. Skips the test where namespaces or devices cannot be made."""
    ip, nft = require("ip"), require("nft")
    _check_privilege()
    first = 4 * (os.getpid() % 63)
    made = House(
        f"198.51.100.{first + 1}", "192.168.77.2", f"198.51.100.{first + 2}", (ip, "netns", "exec", _name("c"))
    )
    try:
        with Cable((_name("i"), _name("r")), (BadLine(seed=1), lambda _: (0.0,))):
            for command in _commands(made).strip().splitlines():
                _run(ip, *command.split(), given="1" if "tee" in command.split() else "")
            _run(ip, "netns", "exec", _name("x"), nft, "-f", "-", given=_ROUTER)
            yield made
    finally:
        for namespace in (_name("c"), _name("x")):
            subprocess.run([ip, "netns", "delete", namespace], capture_output=True, check=False)


class BadLine:
    """What becomes of packets that leave the house."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._sent = 0

    def __call__(self, packet: bytes) -> Sequence[float]:
        if len(packet) != _RTP_PACKET:
            return (0.0,)
        self._sent += 1
        delay = self._random.uniform(0.0, _USUAL_S)
        match self._sent:
            case number if number % LOST_OF == 10:
                return ()
            case number if number % DOUBLED_OF == 12:
                return (delay, delay)
            case number if number % LATE_OF == 14:
                return (_LATE_S,)
        return (delay,)


def _commands(made: House) -> str:
    caller, router, outside = _name("c"), _name("x"), _name("o")
    return f"""
        netns add {router}
        netns add {caller}
        link add {outside} type veth peer name out netns {router}
        addr add {made.service}/30 dev {outside}
        link set {outside} up
        -n {router} addr add {made.public}/30 dev out
        -n {router} link set out up
        link set {_name("r")} netns {router}
        -n {router} addr add 192.168.77.1 peer {made.caller} dev {_name("r")}
        -n {router} link set {_name("r")} up
        link set {_name("i")} netns {caller}
        -n {caller} addr add {made.caller} peer 192.168.77.1 dev {_name("i")}
        -n {caller} link set {_name("i")} up
        -n {caller} link set lo up
        -n {caller} route add default via 192.168.77.1
        netns exec {router} tee /proc/sys/net/ipv4/ip_forward
    """


def _name(part: str) -> str:
    """Of a namespace or device of this process: a device's name has 15 characters at most."""
    return f"cs{os.getpid()}{part}"


def _check_privilege() -> None:
    if subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode:
        pytest.skip("network namespaces may not be made by this user: run the test as root")
    try:
        os.close(os.open("/dev/net/tun", os.O_RDWR))
    except OSError as error:
        pytest.skip(f"no network device can be made here: /dev/net/tun: {error.strerror}")


def _run(*command: str, given: str = "") -> None:
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if "not permitted" in done.stderr:
        pytest.skip(f"no network can be made here: {' '.join(command)}: {done.stderr}")
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
