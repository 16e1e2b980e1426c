"""Whose RTP an m-line hears: the party's, which is at the address it declared or, behind a NAT, at another one. Pure.

PJMEDIA follows the first that sends, and later whoever sends ten packets in a row. Media of calls that ended without
BYE still comes to ports that new calls get, and anybody who can reach a port may send to it.
"""

from enum import Enum

PROBE_S = 0.1
"""How long only the declared address is heard to see whether the party sends from there."""
PAUSE_S = 1.0
"""Silence after which the party may have moved."""
PATIENCE_S, LONGEST_PATIENCE_S = 0.3, 60.0
"""From the first probe that found no party to the next, and the most that it grows to: a probe costs a party behind a
NAT PROBE_S of speech."""
LOOK_S, CALM_LOOK_S = 0.04, 0.3
"""Between two looks while it is open whom to hear, and afterwards."""


class _Known(Enum):
    NOTHING = "nothing"
    """Nobody was heard: the party's host is let in, whatever its port."""
    ANYBODY = "anybody"
    """Somebody else sends, and the party's host does not."""
    SENDER = "sender"
    PROBING = "probing"


class SourceGate:
    """Decides whom an m-line hears, from what comes and what was kept out."""

    def __init__(self, declared: str) -> None:
        """`declared` is the address and port in the party's SDP, as "192.0.2.1:4000"."""
        self.declared = declared
        self._known = _Known.NOTHING
        self._sender = ""
        self._packets = self._dropped = 0
        self._since = 0.0
        self._knocking_since: float | None = None
        self._patience = PATIENCE_S
        self._next_look = 0.0

    @property
    def allowed(self) -> str:
        """Whom to hear: an address with its port, a host, or "" for everybody."""
        match self._known:
            case _Known.NOTHING:
                return self.declared.rpartition(":")[0]
            case _Known.ANYBODY:
                return ""
            case _Known.SENDER:
                return self._sender
            case _Known.PROBING:
                return self.declared

    def due(self, now: float) -> bool:
        """Whether it is time to look again."""
        return now >= self._next_look

    def look(self, source: str, packets: int, dropped: int, now: float) -> None:
        """Take what is seen: who sent last, and the packets that were heard and kept out so far."""
        heard, self._packets = packets != self._packets, packets
        knocked, self._dropped = dropped != self._dropped, dropped
        match self._known:
            case _Known.SENDER:
                self._watch(heard, knocked, now)
            case _Known.PROBING:
                self._judge(source, now)
            case _ if heard and source:
                self._follow(source, now)
            case _Known.NOTHING if knocked and self._knocking_since is None:
                self._knocking_since = now
            case _Known.NOTHING if self._knocking_since is not None and now - self._knocking_since >= PROBE_S:
                self._known = _Known.ANYBODY
            case _:
                pass
        self._next_look = now + (CALM_LOOK_S if self._known is _Known.SENDER else LOOK_S)

    def _follow(self, source: str, now: float) -> None:
        self._known, self._sender, self._since = _Known.SENDER, source, now
        self._knocking_since = None

    def _watch(self, heard: bool, knocked: bool, now: float) -> None:
        """Somebody is heard: who else sends may be the party, at its declared address or after it moved."""
        if heard:
            self._since = now
        elif now - self._since >= PAUSE_S and knocked:
            self._known, self._patience = _Known.ANYBODY, PATIENCE_S
            return
        if not knocked or self._sender == self.declared:
            return
        if self._knocking_since is None:
            self._knocking_since = now
        elif now - self._knocking_since >= self._patience:
            self._known, self._since = _Known.PROBING, now

    def _judge(self, source: str, now: float) -> None:
        if source == self.declared:
            self._follow(source, now)
            self._patience = PATIENCE_S
        elif now - self._since >= PROBE_S:
            self._patience = min(2 * self._patience, LONGEST_PATIENCE_S)
            self._follow(self._sender, now)
