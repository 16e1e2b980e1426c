"""Keeps strangers' RTP out of an m-line: what the gate decides, the door does."""

from telephony.line.door import RtpDoor
from telephony.line.gate import SourceGate


class RtpGuard:
    """One m-line's, from its answer on and across re-INVITEs that leave both its addresses as they are."""

    def __init__(self, declared: str, local: str) -> None:
        """Both are addresses with ports, as "192.0.2.1:4000". Raises OSError and ValueError."""
        self.gate = SourceGate(declared)
        self.local = local
        self.kept_out = 0
        """Packets that came in vain, when it was last looked."""
        self._door = RtpDoor(int(local.rpartition(":")[2]))
        self._before = self._door.kept_out()
        self._door.let_in(self.gate.allowed)

    def suits(self, declared: str, local: str) -> bool:
        """Whether it is still the m-line's, which has another socket once it was taken back and offered anew."""
        return (self.gate.declared, self.local) == (declared, local)

    def leave(self) -> None:
        """Let everybody in. Raises OSError."""
        self._door.let_in("")

    def look(self, source: str, packets: int, now: float) -> None:
        """As SourceGate.look. Raises OSError."""
        self.kept_out = (self._door.kept_out() - self._before) % 2**32
        self.gate.look(source, packets, self.kept_out, now)
        self._door.let_in(self.gate.allowed)
