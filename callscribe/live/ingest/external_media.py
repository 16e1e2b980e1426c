"""UDP ports that are kept for one RTP stream each, of a peer that was named before."""

import asyncio
import ipaddress
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Self

from callscribe.config.ingest import IngestSettings
from callscribe.domain.call import Channel, Dialect, Role
from callscribe.domain.errors import PortUnavailable
from callscribe.live.ingest.listening import count_trouble
from callscribe.live.ingest.parties import Fields, told_parties, word
from callscribe.live.ingest.rtp import FORMATS, RtpPacket, RtpStream, packet_of
from callscribe.live.ingest.steps import Begin, Digit, Heard

_UNREAD_PACKETS = 512
_MOVED_S = 2.0
"""A peer of whose port nothing came for so long may send from another one."""


@dataclass(frozen=True, slots=True)
class RtpPlan:
    """What is expected of a stream."""

    form: str
    """One of rtp.FORMATS."""
    source: str
    """IP address that the packets come from."""
    begin: Begin

    @classmethod
    def of(cls, fields: Fields, asking: str) -> Self:
        """Of a request from the address `asking`. Raises ValueError, its text a sentence that names the cure."""
        form = word(fields, "format") or "ulaw"
        if form not in FORMATS:
            raise ValueError(f"format must be one of {', '.join(FORMATS)}")
        codec, rate, _ = FORMATS[form]
        caller, callee = told_parties(fields)
        mixed = word(fields, "mix") == "mixed"
        channel = Channel(0, "", Role.MIXED, None, codec) if mixed else Channel(0, "", Role.UNKNOWN, caller, codec)
        name = word(fields, "id")
        ids = (("asterisk-channel", name), ("asterisk-call", word(fields, "call")))
        begin = Begin(Dialect.ASTERISK, name, ids, (channel,), caller, callee, rate)
        return cls(form, _address(word(fields, "source") or asking), begin)


class RtpPort(asyncio.DatagramProtocol):
    """One port. Open it with `open_port`. Implements Source."""

    def __init__(self, plan: RtpPlan, counts: Counter[str]) -> None:
        self.number = 0
        self._plan = plan
        self._counts = counts
        self._clock = asyncio.get_running_loop().time
        self._packets: asyncio.Queue[tuple[float, RtpPacket]] = asyncio.Queue(_UNREAD_PACKETS)
        self._first: tuple[float, RtpPacket] | None = None
        self._peer_port = 0
        self._came_at = 0.0
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self.number = int(transport.get_extra_info("sockname")[1])

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        now = self._clock()
        heard = bool(self._peer_port) and now - self._came_at < _MOVED_S
        if _address(address[0]) != self._plan.source or (heard and address[1] != self._peer_port):
            count_trouble(self._counts, "ingest_packets_strange")
        elif (packet := packet_of(data)) is None or self._packets.full():
            count_trouble(self._counts, "ingest_packets_dropped")
        else:
            self._peer_port, self._came_at = address[1], now
            self._packets.put_nowait((now, packet))

    async def begun(self, within_s: float) -> None:
        """Wait for the first packet. Raises TimeoutError where none comes within `within_s` seconds."""
        async with asyncio.timeout(within_s):
            self._first = await self._packets.get()

    async def sounds(self) -> AsyncIterator[Heard | Digit]:
        """What comes, without an end."""
        stream, rate = RtpStream(self._plan.form), self._plan.begin.rate
        came = self._first or await self._packets.get()
        began = came[0]
        while True:
            if sound := stream.take(came[1], int((came[0] - began) * rate)):
                yield sound
            came = await self._packets.get()

    async def close(self) -> None:
        if self._transport:
            self._transport.close()


def _address(text: str) -> str:
    """An IP address as it is compared. Raises ValueError."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise ValueError("source must be an IP address") from None
    return str((isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped) or address)


async def open_port(plan: RtpPlan, settings: IngestSettings, counts: Counter[str]) -> RtpPort:
    """The first free even port of the settings' range (RFC 3550 section 11). Raises PortUnavailable."""
    loop = asyncio.get_running_loop()
    for number in range(settings.rtp_port_min + settings.rtp_port_min % 2, settings.rtp_port_max + 1, 2):
        try:
            _, port = await loop.create_datagram_endpoint(
                lambda: RtpPort(plan, counts), local_addr=(settings.host, number)
            )
        except OSError:
            continue
        return port
    raise PortUnavailable("no RTP port is free; set ingest.rtp_port_min and ingest.rtp_port_max wider apart")


def told(port: RtpPort, host: str, plan: RtpPlan) -> Mapping[str, str]:
    """What the peer's program is told; `host` is the address that packets are to be sent to."""
    return {"external_host": f"[{host}]:{port.number}" if ":" in host else f"{host}:{port.number}", "format": plan.form}
