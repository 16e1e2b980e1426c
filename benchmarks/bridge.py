"""What a bridge adds from mouth to ear: `python -m benchmarks.bridge`, also `make bench-bridge`.

A SipNode with its lines and its relay, and a sink that counts samples. A second process, with real-time priority where
that is allowed, has the SIP and RTP ends of both parties of each call; every packet carries when it was sent, and is
looked at when it comes. The same ends without a node between them tell what of the delay is theirs.

Writes build/bench/bridge.json.
"""

import asyncio
import contextlib
import json
import os
import selectors
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import cast

import numpy as np
from rich.console import Console

from benchmarks.report import machine, print_tables, write_document
from benchmarks.sip import CountingSink
from callscribe.cli.ports import free_port
from telephony.node import SipNode
from telephony.routes import RouteSettings
from telephony.settings import SipSettings, TrunkSettings
from tests.acceptance.bridged import SDP, Attempt, Party, RtpEnd, dial
from tests.acceptance.raw_sip import RawPeer

OUTPUT = Path("build/bench/bridge.json")
LEVELS = (1, 10, 25)
SECONDS = 10.0
PACKET_S = 0.02
PAYLOAD = 160
HEAD = 12
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Level:
    """So many bridged calls at once."""

    calls: int
    added_p50_ms: float
    """Delay of a packet, less that of the ends alone."""
    added_p99_ms: float
    added_worst_ms: float
    lost: int
    relay_ms_per_call_second: float
    """CPU of the relay process."""


class StampedEnd:
    """A party's RTP socket: sends when it sends, hears how long that took."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.target = 0
        self.number = 0

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def sdp(self) -> str:
        return SDP.format(port=self.port, direction="sendrecv", version=1)

    def send(self) -> None:
        head = bytes((0x80, 0)) + (self.number & 0xFFFF).to_bytes(2) + (self.number * PAYLOAD).to_bytes(4) + b"call"
        stamp = time.monotonic_ns().to_bytes(8)
        self.socket.sendto(head + stamp + bytes(PAYLOAD - len(stamp)), ("127.0.0.1", self.target))
        self.number += 1

    def delay_ms(self) -> float:
        packet = self.socket.recv(2048)
        return (time.monotonic_ns() - int.from_bytes(packet[HEAD : HEAD + 8])) / 1e6


def talk(ends: Sequence[StampedEnd]) -> list[float]:
    """All ends send for a while, evenly spread over each 20 ms; the delays of what came, in ms."""
    delays: list[float] = []
    with selectors.DefaultSelector() as waiting:
        for end in ends:
            waiting.register(end.socket, selectors.EVENT_READ, end)
        step, due = PACKET_S / len(ends), time.monotonic()
        for turn in range(int(SECONDS / PACKET_S) * len(ends) + int(0.5 / step)):
            if turn < int(SECONDS / PACKET_S) * len(ends):
                ends[turn % len(ends)].send()
            due += step
            while True:
                left = due - time.monotonic()
                for key, _ in waiting.select(max(0.0, left)):
                    delays.append(key.data.delay_ms())
                if left <= 0:
                    break
    return delays


def alone(calls: int) -> list[float]:
    """The delays of as many pairs of ends without anything between them."""
    ends = [StampedEnd() for _ in range(2 * calls)]
    for one, other in zip(ends[::2], ends[1::2], strict=True):
        one.target, other.target = other.port, one.port
    return talk(ends)


def bridged(calls: int, sip_port: int, callee_port: int) -> list[float]:
    """The delays over bridged calls, the calls set up before and ended afterwards."""
    caller, callee = RawPeer("UDP", sip_port), RawPeer("UDP", sip_port, own_port=callee_port)
    ends: list[StampedEnd] = []
    conversations = []
    for _ in range(calls):
        pair = (StampedEnd(), StampedEnd())
        calling, called = (Party(sip, cast(RtpEnd, end)) for sip, end in zip((caller, callee), pair, strict=True))
        asked = dial(calling, "2001")
        conversation = Attempt(calling, called, asked, callee.take_request("INVITE")).pick_up()
        pair[0].target, pair[1].target = conversation.ports
        conversations.append(conversation)
        ends += pair
        time.sleep(0.15)
    time.sleep(2)
    delays = talk(ends)
    for conversation in conversations:
        conversation.hang_up()
    return delays


def hurry() -> None:
    """Have this process run whenever it can: what waits for a core at an end is no delay of the bridge."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(2))


def relay_pid() -> int:
    """The relay is the only child of this process that runs that module."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    commands = {int(child): Path(f"/proc/{child}/cmdline").read_text() for child in children}
    return next(pid for pid, command in commands.items() if "telephony.relay" in command)


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


async def measure(calls: int, workers: ProcessPoolExecutor) -> Level:
    loop, callee_port = asyncio.get_running_loop(), free_port()
    route = RouteSettings("2001", f"sip:2001@127.0.0.1:{callee_port}", ("parties",))
    settings = SipSettings(host="127.0.0.1", port=0, lines=-(-calls // 4), rtp_port_min=40000, rtp_port_max=49999)
    sink = CountingSink()
    node = SipNode(settings, (TrunkSettings("parties"),), sink, (route,))
    await node.start()
    try:
        await asyncio.sleep(4)
        before = cpu_s(relay_pid())
        delays = np.array(await loop.run_in_executor(workers, bridged, calls, node.ports.sip, callee_port))
        spent = cpu_s(relay_pid()) - before
    finally:
        await node.stop()
    if len(sink.samples) != calls:
        raise SystemExit(f"of {calls} bridged calls {len(sink.samples)} were heard: measure again")
    own = np.array(await loop.run_in_executor(workers, alone, calls))
    added = [float(np.percentile(delays, part) - np.percentile(own, part)) for part in (50, 99)]
    return Level(
        calls=calls,
        added_p50_ms=round(added[0], 2),
        added_p99_ms=round(added[1], 2),
        added_worst_ms=round(float(delays.max()), 2),
        lost=int(2 * calls * int(SECONDS / PACKET_S) - len(delays)),
        relay_ms_per_call_second=round(1000 * spent / calls / SECONDS, 2),
    )


async def measure_all() -> list[Level]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=hurry) as workers:
        return [await measure(calls, workers) for calls in LEVELS]


def main() -> None:
    figures = {"machine": machine(), "levels": [asdict(level) for level in asyncio.run(measure_all())]}
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(figures, indent=1) + "\n")
    print_tables({"bridge": figures}, Console())
    write_document({"bridge": figures})


if __name__ == "__main__":
    main()
