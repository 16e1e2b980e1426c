"""What an m-line received over RTP, across the streams that a re-INVITE starts anew. Pure."""

from telephony.line.wire import RtpCounts


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
        """Sums over all streams; the jitter is the newest stream's."""
        before, stream = self._before, self._stream
        return RtpCounts(
            packets=before.packets + stream.packets,
            lost=before.lost + stream.lost,
            discarded=before.discarded + stream.discarded,
            duplicated=before.duplicated + stream.duplicated,
            reordered=before.reordered + stream.reordered,
            jitter_us=stream.jitter_us or before.jitter_us,
        )


class SourceWatch:
    """Notices that an m-line's packets come from a new address: the party moved, or a stranger sends too."""

    def __init__(self) -> None:
        self._source = ""

    def changed(self, source: str) -> bool:
        """True where the newest packet's `source` is another than when it was last looked at; "" is none yet."""
        before, self._source = self._source, source or self._source
        return bool(before) and before != self._source


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
