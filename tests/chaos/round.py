"""A round: calls begin, strikes fall, and in the end every call is accounted for."""

import heapq
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.acceptance.speech import RATE
from tests.chaos.accounts import Account, Cut, account_for
from tests.chaos.caller import Caller
from tests.chaos.installation import Installation
from tests.chaos.plan import NODE_ENDS, Kind, Plan, Strike

Deed = Callable[[], None]


@dataclass(slots=True)
class Round:
    """Runs a plan once."""

    plan: Plan
    installation: Installation
    folder: Path
    callers: list[Caller] = field(default_factory=list)
    cuts: list[tuple[Kind, int, list[int]]] = field(default_factory=list)
    """Of each strike at lines or nodes: how late the machine was, and how much of each call had been sent, in samples;
    -1: not answered yet."""

    def run(self) -> Account:
        """Play it, and account for its calls. Whoever reads of a fault finds the plan with it."""
        for planned in self.plan.calls:
            service = self.installation.service
            self.callers.append(Caller(planned.turns, self.folder, service.sip_port, service.web))
        account = Account()
        try:
            self._play()
            for caller in self.callers:
                caller.wait()
            self.installation.wait_ready()
            for index, caller in enumerate(self.callers):
                account_for(caller, self._cuts_of(index), self.installation, account)
            account.faults += self.installation.faults()
        except AssertionError as never:
            account.faults.append(str(never))
        finally:
            for caller in self.callers:
                caller.close()
        return account

    def _play(self) -> None:
        order = itertools.count()
        deeds: list[tuple[float, int, Deed | Strike]] = []
        for planned, caller in zip(self.plan.calls, self.callers, strict=True):
            heapq.heappush(deeds, (planned.at_s, next(order), caller.start))
        for strike in self.plan.strikes:
            heapq.heappush(deeds, (strike.at_s, next(order), strike))
        began = time.monotonic()
        while deeds:
            at_s, _, deed = heapq.heappop(deeds)
            time.sleep(max(0.0, began + at_s - time.monotonic()))
            if not isinstance(deed, Strike):
                deed()
            elif end := self._strike(deed):
                heapq.heappush(deeds, (at_s + deed.lasts_s, next(order), end))

    def _strike(self, strike: Strike) -> Deed | None:
        late = _lateness()
        end = self.installation.strike(strike)
        sent = [caller.sent if caller.sip_call_id else -1 for caller in self.callers]
        if strike.kind in {Kind.LINE, *NODE_ENDS}:
            self.cuts.append((strike.kind, late, sent))
        if strike.kind in NODE_ENDS:
            for caller in self.callers:
                if caller.goes_on:
                    caller.abandon()
        if strike.kind in {Kind.SERVE, Kind.REBOOT}:
            self.installation.start_again()
        return end

    def _cuts_of(self, index: int) -> list[Cut]:
        return [Cut(kind, sent[index], late) for kind, late, sent in self.cuts]


def _lateness() -> int:
    """By how many samples this machine is late, now, for who only sleeps; a node on it is so, too."""
    worst = 0.0
    for _ in range(10):
        due = time.monotonic() + 0.02
        time.sleep(0.02)
        worst = max(worst, time.monotonic() - due)
    return int(worst * RATE)
