"""Whose RTP an m-line hears: the party's, which is at the address it declared or, behind a NAT, at another one. Pure.

PJMEDIA follows the first that sends, and later whoever sends ten packets in a row; everybody else's it drops. Media
streams of calls that ended without BYE, after a crash above all, still come to ports that new calls get.
"""

from enum import Enum

PROBE_S = 0.1
"""How long all others are shut out to see whether the party sends from where it declared."""
PAUSE_S = 2.0
"""Silence after which the party may have moved."""
LOOK_S = 1.0
"""Between two looks while nobody else is let in."""
PATIENCE_S, LONGEST_PATIENCE_S = 0.3, 60.0
"""From the first probe that found no party to the next, and the most that it grows to: a probe costs a party behind a
NAT PROBE_S of speech."""


class _Known(Enum):
    NOTHING = "nothing"
    PROBING = "probing"
    DECLARED = "declared"
    ELSEWHERE = "elsewhere"


class SourceGate:
    """Decides whether an m-line hears the declared address only (shut), or anybody."""

    def __init__(self, declared: str) -> None:
        """`declared` is the address and port in the party's SDP, as "192.0.2.1:4000"."""
        self._declared = declared
        self._known = _Known.NOTHING
        self._since = 0.0
        self._patience = PATIENCE_S
        self._several = False
        self._source = ""
        self._packets = -1

    @property
    def shut(self) -> bool:
        return self._known in (_Known.PROBING, _Known.DECLARED)

    def due(self, now: float) -> bool:
        """True where a look would tell something."""
        return now - self._since >= {_Known.PROBING: PROBE_S, _Known.DECLARED: LOOK_S}.get(self._known, 0.0)

    def look(self, source: str, packets: int, now: float) -> bool:
        """Take the newest packet's source ("" before the first) and the number of packets heard.

        True where the source is another than at the last look: the party moved, or a stranger sends too.
        """
        before, self._source = self._source, source
        changed = before not in ("", source)
        if self._known is _Known.DECLARED:
            self._watch_pause(packets, now)
        elif self._known is _Known.ELSEWHERE:
            self._several |= changed
            if self._several and now - self._since >= self._patience:
                self._patience = min(2 * self._patience, LONGEST_PATIENCE_S)
                self._know(_Known.PROBING, now)
        elif source == self._declared:
            self._packets = packets
            self._know(_Known.DECLARED, now)
        elif self._known is _Known.PROBING:
            self._several = False
            self._know(_Known.ELSEWHERE, now)
        elif source:
            self._know(_Known.PROBING, now)
        return changed

    def _watch_pause(self, packets: int, now: float) -> None:
        if packets != self._packets:
            self._packets = packets
            self._since = now
        elif now - self._since >= PAUSE_S:
            self._know(_Known.NOTHING, now)

    def _know(self, known: _Known, now: float) -> None:
        self._known = known
        self._since = now
