"""Lost RTP packets through real lines: channels are sent to PJSUA2 endpoints, each with its share of packets left out.

What comes out of the lines, jitter buffer and concealment (PJMEDIA WSOLA) included, is decoded as a recording would be.
Lost packets come alone (each is lost or not) or in bursts of three on average (Gilbert's model: two states).
"""

import asyncio
import socket
import struct
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from uuid import UUID, uuid4

import numpy as np
from numpy.typing import NDArray

from benchmarks.conditions import Case
from benchmarks.corpus import RATE, Channel, Pcm
from telephony.line.settings import RTP_PORTS_PER_CALL
from telephony.lines import LinePool, LinePoolSettings
from tests.acceptance.speech import mu_law
from tests.telephony.phone import PACKET, Ledger, Media, Phone

_CALLS_PER_LINE, _CHANNELS_PER_CALL = 4, 4
_FIRST_RTP_PORT = 30000
_LEAD_PACKETS = 50
"""Packets at the start that are never lost: a second in which the jitter buffer finds its depth, and nobody speaks."""

_LATE_S = 0.1
"""A sender that is held up for longer empties the jitter buffers: that is loss of another kind."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """How packets are lost."""

    share: float
    """Of all packets, 0 to 1."""
    burst: float = 1.0
    """Mean number of packets lost in a row; 1: each for itself."""

    @property
    def name(self) -> str:
        kind = "" if not self.share else " alone" if self.burst == 1 else f" in bursts of {self.burst:g}"
        return f"{self.share:.0%} lost{kind}"

    def lost(self, packets: int, seed: int) -> NDArray[np.bool_]:
        """Which of `packets` are lost."""
        draws = np.random.default_rng(seed).random(packets)
        lost = np.zeros(packets, np.bool_)
        if self.burst == 1:
            lost = draws < self.share
        else:
            begin, go_on = self.share / (self.burst * (1 - self.share)), 1 - 1 / self.burst
            for index in range(1, packets):
                lost[index] = draws[index] < (go_on if lost[index - 1] else begin)
        lost[:_LEAD_PACKETS] = False
        return lost


PATTERNS = (Pattern(0.0), *(Pattern(share, burst) for burst in (1.0, 3.0) for share in (0.01, 0.03, 0.05, 0.1)))


def loss_cases(
    sent: Sequence[Channel], warn: Callable[[str], None], patterns: Sequence[Pattern] = PATTERNS
) -> list[Case]:
    """Every channel through a line with every pattern, all at once and in real time. `warn` hears of a busy machine."""
    jobs = [(pattern, channel) for pattern in patterns for channel in sent]
    # A pattern of more loss loses other packets too: each channel and pattern has its own seed.
    streams = [_packets(channel, pattern, seed) for seed, (pattern, channel) in enumerate(jobs)]
    heard, late_s = asyncio.run(_through_lines(streams))
    if late_s > _LATE_S:
        warn(f"packets were sent up to {late_s * 1000:.0f} ms late: the machine is too busy for these figures")
    return [
        Case(pattern.name, pcm, channel.text, second_pass=False)
        for (pattern, channel), pcm in zip(jobs, heard, strict=True)
    ]


def _packets(channel: Channel, pattern: Pattern, seed: int) -> list[bytes]:
    """RTP packets of 20 ms in order, b"" for a lost one (RFC 3550 section 5.1; payload type 0 is PCMU)."""
    payload = mu_law(channel.pcm)
    lost = pattern.lost(len(payload) // PACKET, seed)
    return [
        b"" if gone else struct.pack("!BBHII", 0x80, 0, number, number * PACKET, seed) + payload[start : start + PACKET]
        for number, gone in enumerate(lost.tolist())
        for start in (number * PACKET,)
    ]


async def _through_lines(streams: Sequence[list[bytes]]) -> tuple[list[Pcm], float]:
    """What the lines hand on of each stream, and how late in seconds the latest packets were sent."""
    calls = [streams[start : start + _CHANNELS_PER_CALL] for start in range(0, len(streams), _CHANNELS_PER_CALL)]
    ledger = Ledger()
    count = -(-len(calls) // _CALLS_PER_LINE)
    last_port = _FIRST_RTP_PORT + _CALLS_PER_LINE * RTP_PORTS_PER_CALL * count - 1
    pool = LinePool(LinePoolSettings(count, _FIRST_RTP_PORT, last_port, "127.0.0.1", "127.0.0.1"), ledger)
    await pool.start()
    try:
        ids = [uuid4() for _ in calls]
        async with AsyncExitStack() as phones:
            targets: list[int] = []
            opened: list[Phone] = []
            for index, (call_id, channels) in enumerate(zip(ids, calls, strict=True)):
                port = pool.lines()[index // _CALLS_PER_LINE].sip_port
                opened.append(await phones.enter_async_context(Phone(port, call_id)))
                reply = await opened[-1].invite(*(Media(str(number)) for number in range(len(channels))))
                targets += [int(section[0].split()[1]) for section in reply.media]
            late_s = await asyncio.to_thread(_send, streams, targets)
            for phone in opened:
                await phone.bye()
        return await _recordings(ledger, ids, calls), late_s
    finally:
        await pool.stop()


async def _recordings(ledger: Ledger, ids: Sequence[UUID], calls: Sequence[Sequence[list[bytes]]]) -> list[Pcm]:
    heard = []
    for call_id, channels in zip(ids, calls, strict=True):
        call = await ledger.ended(call_id)
        heard += [np.frombuffer(bytes(call.audio[number]), "<i2") for number in range(len(channels))]
    return [pcm.astype(np.int16) for pcm in heard]


def _send(streams: Sequence[list[bytes]], targets: Sequence[int]) -> float:
    """All streams at the same instants, a packet each 20 ms; how late in seconds the latest were sent."""
    late_s = 0.0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind(("127.0.0.1", 0))
        began = time.monotonic()
        for number in range(max(map(len, streams))):
            for stream, port in zip(streams, targets, strict=True):
                if number < len(stream) and stream[number]:
                    sender.sendto(stream[number], ("127.0.0.1", port))
            left = began + (number + 1) * PACKET / RATE - time.monotonic()
            late_s = max(late_s, -left)
            time.sleep(max(0.0, left))
    return late_s
