"""One party of a relayed call: whom to hear as it, and where to send to it. Pure."""

Address = tuple[str, int]
"""An IPv4 address and a port."""
PAUSE_S = 1.0
"""Silence after which the party may have moved."""
_LAST_PORT = 65535


class Side:
    """Follows a party that is elsewhere than its SDP says, as one behind a NAT is (symmetric RTP, RFC 4961).

    Whoever is followed gets the conversation. So the party is looked for where its SDP and its signaling come from, and
    elsewhere only as the stream that was heard already: its SSRC (RFC 3550 section 5.1) is known to nobody else.
    """

    def __init__(self) -> None:
        self._declared: Address | None = None
        self._rtcp_port = 0
        self._hosts: tuple[str, ...] = ()
        self._source: Address | None = None
        self._ssrc = b""
        self._heard_at = 0.0
        self._at_home = False

    @property
    def target(self) -> Address | None:
        """Where its RTP goes: where it sends from, until that is known, or once it was there, where it says.

        None where it wants none.
        """
        return self._declared if self._at_home or self._source is None else self._source

    @property
    def rtcp_target(self) -> Address | None:
        target = self.target
        if target is None or target == self._declared:
            return (target[0], self._rtcp_port) if target else None
        return (target[0], target[1] + 1) if target[1] < _LAST_PORT else None

    def aim(self, declared: Address | None, rtcp_port: int, signaling: str = "") -> None:
        """Its SDP says where it is, and came from the host `signaling`, if that is known.

        Whom it was found to be stays while its SDP does not change.
        """
        if declared != self._declared:
            self._source, self._ssrc, self._at_home = None, b"", False
        self._declared, self._rtcp_port = declared, rtcp_port
        self._hosts = (declared[0], signaling) if declared else ()

    def admits(self, source: Address, ssrc: bytes, now: float) -> bool:
        """Whether RTP from there is the party's; `now` in seconds of a monotonic clock."""
        if self._declared is None or not (
            source in (self._declared, self._source) or self._may_move(source, ssrc, now)
        ):
            return False
        self._source, self._ssrc, self._heard_at = source, ssrc, now
        self._at_home = self._at_home or source == self._declared
        return True

    def admits_rtcp(self, source: Address) -> bool:
        target = self.target
        return target is not None and source[0] == target[0]

    def _may_move(self, source: Address, ssrc: bytes, now: float) -> bool:
        if self._source is not None and now - self._heard_at < PAUSE_S:
            return False
        return source[0] in self._hosts or ssrc == self._ssrc
