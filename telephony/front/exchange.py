"""What all parts of the front share."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from telephony.front.admission import LineDesk, RateLimit
from telephony.front.calls import Calls
from telephony.front.hops import Addresses, Outlet
from telephony.front.offer import FrontListener
from telephony.front.timers import Timers
from telephony.front.transactions import ClientTransactions, ServerTransactions
from telephony.lines import LineStatus
from telephony.trunks import Trunks

log = structlog.get_logger()


class Tally:
    """Counts, and logs what it counts ever more seldom: a flood must not fill the log."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def count(self, name: str) -> None:
        self.counts[name] += 1

    def trouble(self, name: str) -> None:
        """Count something that should not have come; logged the 1st, 2nd, 4th, 8th … time."""
        self.counts[name] += 1
        number = self.counts[name]
        if number & (number - 1) == 0:
            log.warning("sip_trouble", what=name, times=number)


@dataclass(frozen=True, slots=True)
class FrontSettings:
    """What the front is told."""

    addresses: Addresses
    trunks: Trunks
    invites_per_second: float
    tally: Tally = field(default_factory=Tally)
    """Where it counts."""


class Exchange:
    """Transactions, calls, lines and counters of one front."""

    def __init__(
        self,
        settings: FrontSettings,
        lines: Callable[[], Sequence[LineStatus]],
        listener: FrontListener,
        outlet: Outlet,
        clock: Callable[[], float],
    ) -> None:
        self.addresses = settings.addresses
        self.trunks = settings.trunks
        self.listener = listener
        self.tally = settings.tally
        self.timers = Timers(clock)
        self.servers = ServerTransactions(self.timers, outlet)
        self.clients = ClientTransactions(self.timers, outlet, settings.addresses)
        self.calls = Calls(self.timers)
        self.desk = LineDesk(lines, self.calls, clock)
        self.rate = RateLimit(settings.invites_per_second, clock)
        self.draining = False
