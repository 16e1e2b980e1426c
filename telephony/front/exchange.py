"""What all parts of the front share."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from callscribe.domain.refusal import RefusedRequest
from telephony.bridge.bridging import Bridging
from telephony.front.admission import LineDesk, RateLimit
from telephony.front.calls import Calls
from telephony.front.gate import Gate
from telephony.front.hops import Addresses, Hop, Outlet
from telephony.front.offer import FrontListener
from telephony.front.refusals import Refusals
from telephony.front.replies import METHODS, Refusal
from telephony.front.timers import Timers
from telephony.front.transactions import ClientTransactions, ServerTransactions
from telephony.lines import LineStatus
from telephony.settings import TrunkSettings
from telephony.sip.message import Request
from telephony.trunks import Trunks

log = structlog.get_logger()


class Tally:
    """Counts, and logs what it counts ever more seldom: a flood must not fill the log."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def count(self, name: str) -> None:
        self.counts[name] += 1

    def trouble(self, name: str, source: str = "") -> None:
        """Count something that should not have come; logged the 1st, 2nd, 4th, 8th … time, with where it came from."""
        self.counts[name] += 1
        number = self.counts[name]
        if number & (number - 1) == 0:
            log.warning("sip_trouble", what=name, times=number, **({"source": source} if source else {}))


@dataclass(frozen=True, slots=True)
class FrontSettings:
    """What the front is told."""

    addresses: Addresses
    trunks: Trunks
    invites_per_second: float
    source_invites_per_second: float
    """0: as many as of all together."""
    tally: Tally = field(default_factory=Tally)
    """Where it counts."""
    refusals: Refusals = field(default_factory=Refusals)
    """Where it keeps whom it refused."""
    bridging: Bridging = field(default_factory=Bridging)
    """Where it sends calls on."""
    admits: Callable[[TrunkSettings], bool] = lambda _: True
    """Whether those behind the lines can take one more call of a trunk."""


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
        self.bridging = settings.bridging
        self.admits = settings.admits
        self.listener = listener
        self.tally = settings.tally
        self.timers = Timers(clock)
        self.servers = ServerTransactions(self.timers, outlet)
        self.clients = ClientTransactions(self.timers, outlet, settings.addresses)
        self.calls = Calls(self.timers)
        self.desk = LineDesk(lines, self.calls, clock)
        self.rate = RateLimit(settings.invites_per_second, clock)
        self.refusals = settings.refusals
        source_rate = settings.source_invites_per_second or settings.invites_per_second
        self.gate = Gate(source_rate, settings.refusals, clock)
        self.draining = False

    def refused(self, refusal: Refusal, request: Request, source: Hop, trunk: str) -> None:
        """Count a refusal, and keep it for whoever asks why; `trunk` is "" where there is none."""
        if refusal.usual:
            self.tally.count(refusal.counter)
        else:
            self.tally.trouble(refusal.counter, source.host)
        method = request.method if request.method in METHODS else "other"
        kept = RefusedRequest(
            at=datetime.now(UTC),
            source=source.host,
            transport=source.transport,
            trunk=trunk,
            method=method,
            status=refusal.status,
            reason=refusal.counter,
            detail=refusal.detail,
        )
        self.refusals.note(kept)
