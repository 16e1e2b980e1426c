"""The kernel's filter on a socket that somebody else opened."""

import os
import socket
from collections.abc import Iterator

import pytest

from telephony.line.door import RtpDoor
from telephony.line.gate import PROBE_S


def udp_socket() -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind(("127.0.0.1", 0))
    opened.settimeout(0.2)
    return opened


@pytest.fixture
def rtp() -> Iterator[socket.socket]:
    with udp_socket() as opened:
        yield opened


def heard(rtp: socket.socket, *senders: socket.socket) -> list[int]:
    """Which of the senders, each of which sends once, a socket hears."""
    for number, sender in enumerate(senders):
        sender.sendto(bytes((number,)), rtp.getsockname())
    found = []
    while True:
        try:
            found.append(rtp.recv(10)[0])
        except TimeoutError:
            return found


def test_a_shut_door_lets_the_declared_address_in_and_counts_the_others(rtp: socket.socket) -> None:
    with udp_socket() as party, udp_socket() as stranger:
        declared = f"127.0.0.1:{party.getsockname()[1]}"
        door = RtpDoor(declared, rtp.getsockname()[1])
        assert heard(rtp, party, stranger) == [0, 1]
        door.look(declared, 1, 0.0)
        assert heard(rtp, stranger, party, stranger, stranger) == [1]
        assert (door.shut_out(), door.shut_out()) == (3, 0)
        door.remove()
        assert heard(rtp, party, stranger) == [0, 1]


def test_a_probe_that_finds_no_party_opens_the_door_again(rtp: socket.socket) -> None:
    with udp_socket() as elsewhere:
        source = f"127.0.0.1:{elsewhere.getsockname()[1]}"
        door = RtpDoor("192.0.2.1:4000", rtp.getsockname()[1])
        door.look(source, 1, 0.0)
        assert heard(rtp, elsewhere) == []
        door.look(source, 1, PROBE_S)
        assert heard(rtp, elsewhere) == [0]


def test_a_door_whose_socket_is_gone_says_so_and_leaves_no_descriptor(rtp: socket.socket) -> None:
    door = RtpDoor("192.0.2.1:4000", rtp.getsockname()[1])
    rtp.close()
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="no UDP socket"):
        door.look("198.51.100.9:4000", 1, 0.0)
    assert len(os.listdir("/proc/self/fd")) == before
