"""What an m-line received over RTP, across the streams that a re-INVITE starts anew. Pure."""

from dataclasses import dataclass

from telephony.line.wire import RtpCounts

PACKET_US = 20_000
"""What PJMEDIA takes for the length of a packet when it reckons how long nothing came, whatever the sender's packets
are: its own codecs' packet."""

REPORT_S = 5.0
"""Between two receiver reports (RFC 3550 section 6.2)."""


@dataclass(frozen=True, slots=True)
class StreamReading:
    """What PJMEDIA has counted of one received stream."""

    packets: int
    missing: int
    """Packets expected less packets received, duplicates included, 0 where that is below 0 (RFC 3550 appendix A.3)."""
    reordered: int
    duplicated: int
    discarded: int
    gaps: int
    """Jumps of the sequence number."""
    gap_us: int
    """Their mean length; a packet counts PACKET_US."""
    jitter_us: int
    buffer_discarded: int
    """Codec frames that the jitter buffer threw away, those of duplicates included."""
    buffer_frame: int
    """Bytes of a codec frame."""
    delay_ms: int
    bytes: int
    """Of payload, in all packets."""
    cname: str = ""
    """The newest of its RTCP."""

    def counts(self) -> RtpCounts:
        """Packets that are lost, or late, and nothing else."""
        packet_frames = max(1, round(self.bytes / max(1, self.packets) / max(1, self.buffer_frame)))
        return RtpCounts(
            packets=self.packets,
            lost=self._lost,
            reordered=self.reordered,
            duplicated=self.duplicated,
            discarded=self.discarded,
            late=max(0, round(self.buffer_discarded / packet_frames) - self.duplicated),
            jitter_us=self.jitter_us,
            delay_ms=self.delay_ms,
        )

    @property
    def _lost(self) -> int:
        """Each packet that came twice hides a loss in `missing`, unless there was none to hide.

        Then the gaps tell, of which PJMEDIA does not see all, and which packets that came late have filled.
        """
        if self.missing:
            return self.missing + self.duplicated
        in_gaps = round(self.gaps * self.gap_us / PACKET_US)
        return min(self.duplicated, max(0, in_gaps - self.reordered))


class RtpMeter:
    """Adds up the counts of successive streams, each of which counts from zero."""

    def __init__(self) -> None:
        self._before = RtpCounts()
        self._stream = RtpCounts()

    def read(self, counts: RtpCounts) -> None:
        """Take the present stream's counts."""
        if counts.packets < self._stream.packets:
            self._before = self.total
        self._stream = counts

    @property
    def total(self) -> RtpCounts:
        """Sums over all streams; jitter and delay are the newest stream's."""
        before, stream = self._before, self._stream
        return RtpCounts(
            packets=before.packets + stream.packets,
            lost=before.lost + stream.lost,
            reordered=before.reordered + stream.reordered,
            duplicated=before.duplicated + stream.duplicated,
            discarded=before.discarded + stream.discarded,
            late=before.late + stream.late,
            jitter_us=stream.jitter_us or before.jitter_us,
            delay_ms=stream.delay_ms or before.delay_ms,
        )


class SourceWatch:
    """Notices that an m-line's packets come from a new address: the party moved, or a stranger sends too."""

    def __init__(self) -> None:
        self._source = ""

    def changed(self, source: str) -> bool:
        """True where the newest packet's `source` is another than when it was last looked at; "" is none yet."""
        before, self._source = self._source, source or self._source
        return bool(before) and before != self._source


class NameWatch:
    """What an m-line's RTCP calls its sender, over all streams of the call."""

    def __init__(self) -> None:
        self.name = ""
        self._before = ""

    def look(self, name: str, rtcp_from: str, rtp_from: str) -> None:
        """Take the newest name, "" where there is none, and who sent RTCP and RTP last, as "192.0.2.1:4001".

        It counts where it is the same in two looks, and RTCP comes from where RTP does: anybody may send to the port.
        """
        host = rtcp_from.rpartition(":")[0]
        if name and name == self._before and host and host == rtp_from.rpartition(":")[0]:
            self.name = name
        self._before = name


class ReportWatch:
    """Notices when a receiver report is due that PJMEDIA does not send: of a stream that it only receives it sends one
    when a packet comes, and some clients take a recorder that says nothing during their silence for dead."""

    def __init__(self) -> None:
        self._packets = 0
        self._since: float | None = None

    def due(self, packets: int, now: float) -> bool:
        """True each REPORT_S while `packets` do not grow; `now` in seconds."""
        if self._since is None or packets != self._packets:
            self._packets, self._since = packets, now
        if now - self._since < REPORT_S:
            return False
        self._since = now
        return True


class MediaWatch:
    """Notices that a call receives nothing any more."""

    def __init__(self, timeout_s: int, now: float) -> None:
        self._timeout_s = timeout_s
        self._heard_at = now
        self._packets = 0

    def expired(self, packets: int, receiving: bool, now: float) -> bool:
        """True once `packets` (all m-lines) did not grow for the timeout.

        A call on hold by signalling is not `receiving`, and may be silent for as long as it likes. Timeout 0: never.
        """
        if packets != self._packets or not receiving:
            self._packets = packets
            self._heard_at = now
        return bool(self._timeout_s) and now - self._heard_at >= self._timeout_s
