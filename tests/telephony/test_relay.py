"""The relay of bridged calls: packets pass as they came, copies are sent, and a relay that dies is replaced."""

import asyncio
import errno
import os
import resource
import signal
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest

from callscribe.domain.errors import TelephonyError
from telephony.relay.ports import PortRange, RelayPorts
from telephony.relay.relay import Relay, RelaySettings
from telephony.relay.wire import Aim, Close, Copy, Open, decode, encode

HOST = "127.0.0.1"


def packet(number: int) -> bytes:
    return struct.pack("!BBHII", 0x80, 0, number, number * 160, 7) + bytes([number]) * 160


class Ear:
    """A UDP socket."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((HOST, 0))
        self.socket.setblocking(False)

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def send(self, data: bytes, port: int) -> None:
        self.socket.sendto(data, (HOST, port))

    def send_rtcp(self, port: int) -> None:
        """To the port next to that one."""
        self.send(bytes((0x80, 200, 0, 1)) + bytes(4), port + 1)

    async def take(self) -> tuple[bytes, int]:
        """The next packet and the port that it came from."""
        async with asyncio.timeout(60):
            data, source = await asyncio.get_running_loop().sock_recvfrom(self.socket, 2048)
        return data, source[1]

    def nothing(self) -> bool:
        try:
            self.socket.recv(2048)
        except BlockingIOError:
            return True
        return False


@asynccontextmanager
async def relaying() -> AsyncIterator[tuple[Relay, UUID, RelayPorts, list[Ear]]]:
    """A relay with one call, and four ears: the caller, the callee, and a line's for each of them."""
    first = free_range()
    relay, name, ears = Relay(RelaySettings(HOST, first, first + 20)), uuid4(), [Ear() for _ in range(4)]
    await relay.start()
    try:
        ports = relay.open(name)
        assert ports is not None
        for side in range(2):
            relay.aim(Aim(name, side, HOST, ears[side].port, ears[side].port + 1))
        yield relay, name, ports, ears
    finally:
        await relay.stop()
        for ear in ears:
            ear.socket.close()


def free_range() -> int:
    """An even port of the upper ephemeral range: pairs that are taken are passed over."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        return min(int(probe.getsockname()[1]), 65000) & ~1


async def test_packets_pass_as_they_came_in_both_directions() -> None:
    async with relaying() as (_, _, ports, ears):
        for number in range(20):
            ears[0].send(packet(number), ports.caller)
            ears[1].send(packet(number + 100), ports.callee)
        assert [await ears[1].take() for _ in range(20)] == [(packet(n), ports.callee) for n in range(20)]
        assert [await ears[0].take() for _ in range(20)] == [(packet(n), ports.caller) for n in range(100, 120)]


async def test_a_line_gets_a_copy_of_what_each_party_sends_until_it_leaves() -> None:
    async with relaying() as (relay, name, ports, ears):
        relay.copy(Copy(name, HOST, ears[2].port, ears[3].port))
        ears[0].send(packet(1), ports.caller)
        ears[1].send(packet(2), ports.callee)
        assert await ears[2].take() == (packet(1), ports.caller)
        assert await ears[3].take() == (packet(2), ports.callee)
        relay.copy(Copy(name, ""))
        ears[0].send(packet(3), ports.caller)
        assert [(await ears[1].take())[0] for _ in range(2)] == [packet(1), packet(3)]
        assert ears[2].nothing()


async def test_what_is_no_rtp_and_who_is_on_hold_gets_nothing() -> None:
    async with relaying() as (relay, name, ports, ears):
        ears[0].send(b"\x00\x01\x00\x00" + bytes(16), ports.caller)
        ears[0].send(packet(1)[:8], ports.caller)
        ears[0].send(packet(2), ports.caller)
        assert (await ears[1].take())[0] == packet(2)
        relay.aim(Aim(name, 1, "", 0, 0))
        ears[0].send(packet(3), ports.caller)
        relay.copy(Copy(name, HOST, ears[2].port, ears[3].port))
        await asyncio.sleep(0)
        ears[0].send(packet(4), ports.caller)
        while (await ears[2].take())[0] != packet(4):
            pass
        assert ears[1].nothing()


async def test_a_party_behind_nat_is_answered_where_it_sends_from() -> None:
    async with relaying() as (relay, name, ports, ears):
        relay.aim(Aim(name, 0, HOST, 9, 10))
        ears[0].send(packet(1), ports.caller)
        assert (await ears[1].take())[0] == packet(1)
        ears[1].send(packet(2), ports.callee)
        assert (await ears[0].take())[0] == packet(2)


async def test_a_call_goes_on_over_the_next_relay() -> None:
    async with relaying() as (relay, name, ports, ears):
        relay.copy(Copy(name, HOST, ears[2].port, ears[3].port))
        before = relay.pid
        os.kill(before, signal.SIGKILL)
        async with asyncio.timeout(10):
            while relay.pid in (0, before):
                await asyncio.sleep(0.02)
        ears[0].send(packet(1), ports.caller)
        assert (await ears[1].take())[0] == packet(1)
        assert (await ears[2].take())[0] == packet(1)
        assert relay.restarts == 1


async def test_no_order_that_names_no_address_ends_the_relay() -> None:
    async with relaying() as (relay, name, ports, ears):
        before = relay.pid
        relay.copy(Copy(name, HOST, ears[2].port, ears[3].port))
        for host, port in (("2001:db8::1", 4000), (HOST, 99999), ("x" * 64, 4000)):
            relay.aim(Aim(name, 1, host, port, 65536))
            ears[0].send(packet(1), ports.caller)
            ears[0].send_rtcp(ports.caller)
            assert (await ears[2].take())[0] == packet(1)
        relay.aim(Aim(name, 1, HOST, ears[1].port, ears[1].port + 1))
        ears[0].send(packet(2), ports.caller)
        assert (await ears[1].take())[0] == packet(2)
        assert (relay.pid, relay.restarts) == (before, 0)


async def test_hundreds_of_calls_go_on_over_the_next_relay() -> None:
    """Far more orders than wait in a socket, for a relay that has not begun to read."""
    relay, ears, names = (
        Relay(RelaySettings(HOST, 61000, 64999)),
        [Ear() for _ in range(2)],
        [uuid4() for _ in range(300)],
    )
    await relay.start()
    try:
        opened = [relay.open(name) for name in names]
        for name, side in ((name, side) for name in names for side in range(2)):
            relay.aim(Aim(name, side, HOST, ears[side].port, ears[side].port + 1))
        relay.close(names[0])
        before = relay.pid
        os.kill(before, signal.SIGKILL)
        async with asyncio.timeout(20):
            while relay.pid in (0, before):
                await asyncio.sleep(0.02)
        for number, ports in enumerate(opened[1:]):
            assert ports is not None
            ears[0].send(packet(number % 256), ports.caller)
            assert await ears[1].take() == (packet(number % 256), ports.callee)
        assert relay.restarts == 1
    finally:
        await relay.stop()
        for ear in ears:
            ear.socket.close()


@pytest.mark.parametrize("code", [errno.ETOOMANYREFS, errno.EAGAIN])
async def test_orders_wait_while_too_much_is_under_way(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    full, send_fds = [True] * 3, socket.send_fds

    def send(*args: Any) -> int:
        if full:
            full.pop()
            raise OSError(code, "too many")
        return send_fds(*args)

    monkeypatch.setattr(socket, "send_fds", send)
    async with relaying() as (relay, _, ports, ears):
        ears[0].send(packet(1), ports.caller)
        assert await ears[1].take() == (packet(1), ports.callee)
        assert (full, relay.restarts) == ([], 0)


async def test_a_call_without_descriptors_is_dropped_alone() -> None:
    async with relaying() as (relay, _, ports, ears):
        before = relay.pid
        resource.prlimit(before, resource.RLIMIT_NOFILE, (10, 10))
        late = relay.open(uuid4())
        assert late is not None
        ears[0].send(packet(1), late.caller)
        ears[0].send(packet(2), ports.caller)
        assert await ears[1].take() == (packet(2), ports.callee)
        assert (relay.pid, relay.restarts) == (before, 0)


def test_a_process_that_may_open_no_more_has_no_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    first, left, opening = free_range(), [True] * 3, socket.socket

    def limited(*args: Any) -> socket.socket:
        if not left:
            raise OSError(errno.EMFILE, "Too many open files")
        left.pop()
        return opening(*args)

    ports = PortRange(HOST, first, first + 3)
    monkeypatch.setattr(socket, "socket", limited)
    pair = ports.take()
    assert ports.take() is None
    assert pair is not None
    for one in pair:
        one.close()


async def test_a_relay_may_open_as_many_files_as_this_process_is_allowed() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard // 2, hard))
    try:
        async with relaying() as (relay, _, _, _):
            assert resource.prlimit(relay.pid, resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_ports_are_given_back_and_none_is_taken_twice() -> None:
    first = free_range()
    ports = PortRange(HOST, first, first + 3)
    pairs = [ports.take() for _ in range(3)]
    bound = [one.getsockname()[1] for pair in pairs if pair for one in pair]
    assert len(set(bound)) == len(bound)
    assert pairs[2] is None
    for one in (one for pair in pairs if pair for one in pair):
        one.close()
    again = ports.take()
    assert again is not None
    for one in again:
        one.close()


@pytest.mark.parametrize(
    "order", [Open(uuid4()), Aim(uuid4(), 1, "192.0.2.1", 4000, 4001), Copy(uuid4(), HOST, 1, 2), Close(uuid4())]
)
def test_orders_arrive_as_they_were_sent(order: Open | Aim | Copy | Close) -> None:
    assert decode(encode(order)) == order


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"type": "Open"}', b'{"type": "Open", "bridge": "x"}', b"\xff"])
def test_what_is_no_order_is_refused(data: bytes) -> None:
    with pytest.raises(TelephonyError, match="unreadable order"):
        decode(data)
