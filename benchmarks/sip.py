"""What telephony costs by itself: `python -m benchmarks.sip`, also `make bench-sip`.

A SipNode with its lines, and a sink that counts samples in place of recognition, recording and events. A second
process places SIPREC calls on loopback, one after the other, and talks on both channels of each from its answer on, so
that a call is set up while earlier ones talk. Once all stand, CPU seconds are read, not wall time: others may load the
machine.

cpu_ms_per_call_second is what the lines and the node's own process (front, event loop, sink) use together for a second
of a two-channel call; the prototype's 6.3 ms was that of its lines alone. Writes build/bench/sip.json.
"""

import argparse
import asyncio
import json
import math
import os
import resource
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from uuid import UUID

import numpy as np
from rich.console import Console

from benchmarks.report import machine, print_tables, write_document
from callscribe.domain.audio import AudioChunk
from callscribe.domain.call import Call, CallEnd, DtmfDigit
from telephony.node import SipNode
from telephony.settings import SipSettings, TrunkSettings
from tests.acceptance import siprec
from tests.acceptance.raw_sip import Asked, RawPeer, Reply
from tests.acceptance.rtp import RtpSender
from tests.acceptance.speech import excerpt, mu_law

OUTPUT = Path("build/bench/sip.json")
PROTOTYPE_MS = 6.3
CALLS_A_LINE = 4
PLACED_A_SECOND = 5
SETTLING_S = 3.0
"""From the last answer to the first reading."""
TICKS = os.sysconf("SC_CLK_TCK")
LOSSES = ("rtp_lost", "rtp_kept_out", "samples_missing", "frames_unsent", "frames_dropped")


class CountingSink:
    """Hears calls, and does nothing else with them."""

    def __init__(self) -> None:
        self.samples: Counter[UUID] = Counter()

    def call_started(self, call: Call) -> None: ...
    def call_updated(self, call: Call) -> None: ...
    def call_corrected(self, call: Call, channels: tuple[int, ...]) -> None: ...
    def dtmf(self, call_id: UUID, pressed: DtmfDigit) -> None: ...
    def pause_asked(self, call_id: UUID, *, paused: bool) -> None: ...
    def call_ended(self, call_id: UUID, end: CallEnd) -> None: ...

    def admits(self, trunk: TrunkSettings) -> bool:
        return True

    def audio(self, call_id: UUID, chunk: AudioChunk) -> None:
        self.samples[call_id] += len(chunk.pcm) // 2


@dataclass(frozen=True, slots=True)
class Reading:
    """What was used and heard up to an instant."""

    at: float
    """Seconds of a monotonic clock."""
    lines_cpu_s: float
    node_cpu_s: float
    samples: int
    """Of all channels."""

    @classmethod
    def now(cls, sink: CountingSink) -> "Reading":
        own = resource.getrusage(resource.RUSAGE_SELF)
        return cls(time.monotonic(), _lines_cpu_s(), own.ru_utime + own.ru_stime, sum(sink.samples.values()))


def _lines_cpu_s() -> float:
    """Of all lines together, which are children of this process."""
    spent = 0
    for child in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split():
        if b"telephony.line\0" in Path(f"/proc/{child}/cmdline").read_bytes():
            times = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            spent += int(times[11]) + int(times[12])
    return spent / TICKS


@dataclass(slots=True)
class Talk:
    """One call of the caller's."""

    peer: RawPeer
    sender: RtpSender
    asked: Asked
    reply: Reply
    setup_ms: float

    @classmethod
    def place(cls, port: int, payloads: tuple[bytes, ...]) -> "Talk":
        sender, peer = RtpSender(2), RawPeer("UDP", port)
        headers = dict(header.split(": ", 1) for header in siprec.HEADERS)
        body = siprec.multipart(siprec.offer(sender.ports))
        asked = Asked(body=body, content_type=siprec.CONTENT_TYPE, headers=headers)
        began = time.monotonic()
        reply = peer.ask(asked)
        setup_ms = (time.monotonic() - began) * 1000
        assert reply.status == 200, reply.head
        peer.send(asked.acknowledgement(reply).data("UDP", peer.port))
        sender.start(reply.audio_ports, payloads)
        return cls(peer, sender, asked, reply, setup_ms)

    def end(self) -> None:
        assert self.peer.hang_up(self.asked, self.reply).status == 200
        self.sender.close()
        self.peer.close()


def place_calls(port: int, calls: int, seconds: float) -> list[float]:
    """Place calls, let all talk for so long, and end them; the time from INVITE to 200 of each, in ms."""
    speech = excerpt(11)
    times = math.ceil((calls / PLACED_A_SECOND + seconds) / speech.seconds) + 1
    payloads = tuple(mu_law(np.tile(channel, times)) for channel in speech.channels)
    talks = []
    for _ in range(calls):
        talks.append(Talk.place(port, payloads))
        time.sleep(1 / PLACED_A_SECOND)
    time.sleep(seconds)
    for talk in talks:
        talk.end()
    return [talk.setup_ms for talk in talks]


async def measure(calls: int, seconds: float, rtp_port: int) -> Mapping[str, object]:
    """The figures of so many calls at once."""
    lines, sink = math.ceil(calls / CALLS_A_LINE), CountingSink()
    settings = SipSettings(
        host="127.0.0.1", port=0, lines=lines, rtp_port_min=rtp_port,
        invites_per_second=1000, source_invites_per_second=1000,
    )  # fmt: skip
    node = SipNode(settings, (TrunkSettings(name="bench"),), sink)
    await node.start()
    with ProcessPoolExecutor(1, get_context("spawn")) as caller:
        try:
            idle = await _between(sink, 8.0)
            held_s = seconds + 2 * SETTLING_S
            placed = asyncio.get_running_loop().run_in_executor(caller, place_calls, node.ports.sip, calls, held_s)
            while node.active < calls and not placed.done():
                await asyncio.sleep(0.1)
            await asyncio.sleep(SETTLING_S)
            talking = await _between(sink, seconds)
            setups = await placed
            await asyncio.sleep(1.5)
            counters = node.counters()
        finally:
            await node.stop()
    return {
        "calls": calls,
        "lines": lines,
        "seconds": round(talking.at, 1),
        "cpu_ms_per_call_second": _ms(talking.lines_cpu_s + talking.node_cpu_s, talking.at * calls),
        "lines_cpu_ms_per_call_second": _ms(talking.lines_cpu_s, talking.at * calls),
        "node_cpu_ms_per_call_second": _ms(talking.node_cpu_s, talking.at * calls),
        "idle_line_cpu_ms_per_second": _ms(idle.lines_cpu_s, idle.at * lines),
        "setup_p50_ms": round(float(np.percentile(setups, 50)), 1),
        "setup_p95_ms": round(float(np.percentile(setups, 95)), 1),
        "heard_share": round(talking.samples / (talking.at * calls * 2 * 8000), 4),
        "lost": sum(counters.get(name, 0) for name in LOSSES),
        "prototype_lines_cpu_ms_per_call_second": PROTOTYPE_MS,
    }


async def _between(sink: CountingSink, seconds: float) -> Reading:
    """What is used within so many seconds."""
    before = Reading.now(sink)
    await asyncio.sleep(seconds)
    after = Reading.now(sink)
    return Reading(*(asdict(after)[name] - value for name, value in asdict(before).items()))


def _ms(cpu_s: float, per: float) -> float:
    return round(cpu_s * 1000 / per, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=[4, 40], help="calls at once, one run after another")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long CPU is measured")
    parser.add_argument("--rtp-port", type=int, default=12000, help="first RTP port of the lines")
    parser.add_argument("--document", action="store_true", help="renew the table of docs/performance.md")
    options = parser.parse_args()
    runs = [asyncio.run(measure(calls, options.seconds, options.rtp_port)) for calls in options.calls]
    figures = {**runs[-1], "machine": machine(), "runs": runs}
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(figures, indent=2) + "\n")
    print_tables({"sip": figures}, Console())
    if options.document:
        write_document({"sip": figures})


if __name__ == "__main__":
    main()
