"""The calls that the front knows."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol
from uuid import UUID, uuid4

from telephony.front.hops import Hop
from telephony.front.timers import Timers
from telephony.front.transactions import LIFE_S, ServerTransaction
from telephony.settings import TrunkSettings
from telephony.sip.address import parse_name_addr, parse_via, target_uri
from telephony.sip.message import Request

CallKey = tuple[str, str]
"""Call-ID and tag of the caller."""


class Phase(Enum):
    """Where a call is in its life."""

    OFFERED = "offered"
    ANSWERED = "answered"
    OVER = "over"
    """Still known, so that late copies of its messages find it."""


class Placing(Protocol):
    """The search for a line that takes the call."""

    def cancel(self) -> None:
        """The caller gave up."""

    def line_lost(self) -> None:
        """The line it waits for died."""


@dataclass(slots=True, eq=False)
class FrontCall:
    """One call: the caller's dialog on one side, a line's on the other."""

    key: CallKey
    trunk: TrunkSettings
    siprec: bool
    cseq: int
    """Of the INVITE."""
    branch: str
    """Of the INVITE's topmost Via."""
    caller: str
    """The caller's From value."""
    callee: str
    """The caller's To value, without tag."""
    source: Hop
    """Where the caller's last request came from."""
    sent_by: str
    """Host that the topmost Via of that request names."""
    target: str
    """The caller's Contact URI."""
    routes: tuple[str, ...]
    """Route set towards the caller (RFC 3261 section 12.1.1)."""
    labels: tuple[str, ...] = ()
    """SDP labels of the m-lines that the caller offered last."""
    withdrawn: tuple[str, ...] = ()
    """m= lines of the caller's last offer, where it took all audio back by port 0."""
    id: UUID = field(default_factory=uuid4)
    """Names the call to its line, also as the Call-ID there."""
    line: int = -1
    line_port: int = 0
    line_tag: str = ""
    line_cseq: int = 0
    """Highest CSeq number sent to the caller."""
    waiting: ServerTransaction | None = None
    """Its newest offer, while that waits for the line to have room for it."""
    behind: list[Callable[[], None]] = field(default_factory=list)
    """Takes each request that came while the offer waited."""
    phase: Phase = Phase.OFFERED
    placing: Placing | None = None

    def refresh(self, request: Request, source: Hop) -> None:
        """Take over where the caller is now."""
        self.source, self.sent_by = source, sent_by(request)
        contact = target_uri(request.headers.first("contact"))
        if contact and request.method in ("INVITE", "UPDATE"):
            self.target = contact


class Calls:
    """Finds calls by the caller's dialog and by the id their line knows."""

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._by_key: dict[CallKey, FrontCall] = {}
        self._by_id: dict[UUID, FrontCall] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def __iter__(self) -> Iterator[FrontCall]:
        """Calls that are not over."""
        return iter([call for call in self._by_key.values() if call.phase is not Phase.OVER])

    def of_caller(self, request: Request) -> FrontCall | None:
        """The call of a request that its caller sent."""
        return self._by_key.get(call_key(request))

    def of_dialog(self, request: Request) -> FrontCall | None:
        """The call of a request that names both its tags, as only its caller can."""
        call = self.of_caller(request)
        return call if call and call.line_tag and call.line_tag == to_tag(request) else None

    def of_line(self, request: Request) -> FrontCall | None:
        """The call of a request that its line sent."""
        try:
            return self._by_id.get(UUID(request.headers.first("call-id")))
        except ValueError:
            return None

    def by_id(self, call_id: UUID) -> FrontCall | None:
        return self._by_id.get(call_id)

    def loads(self) -> Counter[int]:
        """Calls that each line has or is offered."""
        return Counter(call.line for call in self)

    def add(self, call: FrontCall) -> None:
        """Know a call; one that is over and had the same key is forgotten."""
        older = self._by_key.get(call.key)
        if older:
            self._forget(older)
        self._by_key[call.key] = call

    def rename(self, call: FrontCall, call_id: UUID) -> None:
        """Give a call the id that its next line will know it by."""
        self._by_id.pop(call.id, None)
        call.id = call_id
        self._by_id[call_id] = call

    def finish(self, call: FrontCall) -> None:
        """An answered call is over; it is forgotten when no late message of it can come any more.

        One that is still being placed ends with the answer to its INVITE, also where its caller sent BYE.
        """
        if call.phase is not Phase.ANSWERED:
            return
        call.phase = Phase.OVER
        self._timers.after(LIFE_S, lambda: self._forget(call))

    def drop(self, call: FrontCall) -> None:
        """Forget a call that never came about."""
        call.phase = Phase.OVER
        call.placing = None
        self._forget(call)

    def _forget(self, call: FrontCall) -> None:
        if self._by_key.get(call.key) is call:
            del self._by_key[call.key]
        if self._by_id.get(call.id) is call:
            del self._by_id[call.id]


def call_key(request: Request) -> CallKey:
    """Names the call of a request that a caller sent."""
    return request.headers.first("call-id"), parse_name_addr(request.headers.first("from")).param("tag") or ""


def to_tag(request: Request) -> str:
    """The tag in To; "" where there is none."""
    return parse_name_addr(request.headers.first("to")).param("tag") or ""


def sent_by(request: Request) -> str:
    """The host of the topmost Via, which is the sender's own name for itself (RFC 3261 section 18.1.1)."""
    via = parse_via(request.headers.first("via"))
    return via.host if via else ""
