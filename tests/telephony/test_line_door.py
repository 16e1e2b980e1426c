"""The kernel's filter on a socket that somebody else opened."""

import os
import socket
from collections.abc import Iterator

import pytest

from telephony.line.door import RtpDoor, SocketGone
from telephony.line.guard import RtpGuard


def udp_socket(host: str = "127.0.0.1") -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind((host, 0))
    opened.settimeout(0.2)
    return opened


def address_of(opened: socket.socket) -> str:
    return "{}:{}".format(*opened.getsockname())


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


def test_a_door_lets_in_whom_it_is_told_to_and_counts_the_others(rtp: socket.socket) -> None:
    with udp_socket() as party, udp_socket() as neighbor, udp_socket("127.0.0.5") as stranger:
        door = RtpDoor(rtp.getsockname()[1])
        everybody = (party, neighbor, stranger)
        assert heard(rtp, *everybody) == [0, 1, 2]
        door.let_in("127.0.0.1")
        assert heard(rtp, *everybody) == [0, 1]
        assert door.kept_out() == 1
        door.let_in(address_of(party))
        assert heard(rtp, *everybody) == [0]
        assert door.kept_out() == 3
        door.let_in("")
        assert heard(rtp, *everybody) == [0, 1, 2]
        assert door.kept_out() == 3


def test_a_guard_lets_nobody_but_the_partys_host_in_from_the_start(rtp: socket.socket) -> None:
    with udp_socket() as party, udp_socket("127.0.0.5") as stranger:
        guard = RtpGuard("127.0.0.1:4000", address_of(rtp))
        assert heard(rtp, stranger, party, stranger) == [1]
        guard.look(address_of(party), 1, 0.1)
        assert guard.kept_out == 2


def test_a_guard_that_leaves_lets_everybody_in(rtp: socket.socket) -> None:
    with udp_socket("127.0.0.5") as stranger:
        guard = RtpGuard("127.0.0.1:4000", address_of(rtp))
        assert heard(rtp, stranger) == []
        guard.leave()
        assert heard(rtp, stranger) == [0]


def test_a_guard_suits_only_the_socket_and_the_address_that_it_was_made_for(rtp: socket.socket) -> None:
    guard = RtpGuard("127.0.0.1:4000", address_of(rtp))
    assert guard.suits("127.0.0.1:4000", address_of(rtp))
    assert not guard.suits("127.0.0.1:4002", address_of(rtp))
    assert not guard.suits("127.0.0.1:4000", "127.0.0.1:9")


def test_a_door_whose_socket_is_gone_says_so_and_leaves_no_descriptor(rtp: socket.socket) -> None:
    door = RtpDoor(rtp.getsockname()[1])
    rtp.close()
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(SocketGone, match="no UDP socket"):
        door.let_in("127.0.0.1:4000")
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("declared", ["pbx.example.com:4000", ":4000", "127.0.0.1:rtp"])
def test_an_address_that_is_none_is_no_filter(rtp: socket.socket, declared: str) -> None:
    with pytest.raises((OSError, ValueError)):
        RtpDoor(rtp.getsockname()[1]).let_in(declared)
