"""The transaction layer (RFC 3261 section 17, RFC 6026): copies, retransmissions, acknowledgements, time-outs. Pure."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from telephony.front.hops import Addresses, Hop, Outlet
from telephony.front.timers import Timer, Timers
from telephony.sip.address import parse_name_addr, parse_via
from telephony.sip.headers import Headers
from telephony.sip.message import Request, Response

T1_S = 0.5
T2_S = 4.0
LIFE_S = 64 * T1_S
"""How long an unanswered request is repeated, and an answered one remembered."""
MAX_TRANSACTIONS = 4096

_NEEDED = ("via", "from", "to", "call-id", "cseq", "record-route", "timestamp")
"""Headers of a request that its responses need."""

Key = tuple[str, ...]


@dataclass(slots=True, eq=False)
class ServerTransaction:
    """A request that was received."""

    request: Request
    """Its body and the headers that no response needs are left out."""
    reply_to: Hop
    status: int = 0
    """Of the last response sent."""
    response: bytes = b""
    repeat: Timer | None = None


class ServerTransactions:
    """Requests received and how they were answered."""

    def __init__(self, timers: Timers, outlet: Outlet) -> None:
        self._timers = timers
        self._outlet = outlet
        self._open: dict[Key, ServerTransaction] = {}

    def __len__(self) -> int:
        return len(self._open)

    @property
    def crowded(self) -> bool:
        """True where so many are open that room should be kept for calls going on."""
        return len(self._open) > MAX_TRANSACTIONS // 2

    def find(self, request: Request, method: str = "") -> ServerTransaction | None:
        """The transaction that `request` is a copy of; with `method`, the one of that method that it belongs to."""
        return self._open.get(_key(request, method or request.method))

    def open(self, request: Request, reply_to: Hop) -> ServerTransaction | None:
        """Remember a new request; None when too many are open."""
        if len(self._open) >= MAX_TRANSACTIONS:
            return None
        kept = replace(request, headers=request.headers.only(_NEEDED), body=b"")
        transaction = ServerTransaction(kept, reply_to)
        self._open[_key(request, request.method)] = transaction
        return transaction

    def respond(self, transaction: ServerTransaction, response: Response) -> None:
        """Send a response. A final one for an INVITE other than 2xx is repeated until its ACK where datagrams get lost.

        2xx may be sent more than once: their sender repeats them (RFC 3261 section 13.3.1.4).
        """
        data = response.to_bytes()
        first_final = transaction.status < 200 <= response.status
        transaction.status = response.status
        is_invite = transaction.request.method == "INVITE"
        transaction.response = b"" if is_invite and 200 <= response.status < 300 else data
        self._outlet.send(transaction.reply_to, data)
        if not first_final:
            return
        if is_invite and response.status >= 300 and not transaction.reply_to.reliable:
            self._repeat_later(transaction, T1_S)
        self._timers.after(LIFE_S, lambda: self._forget(transaction))

    def repeat(self, transaction: ServerTransaction) -> None:
        """A copy of the request came: say again what was said. A copy after a 2xx for an INVITE is absorbed."""
        if transaction.response:
            self._outlet.send(transaction.reply_to, transaction.response)

    def send_once(self, response: Response, reply_to: Hop) -> None:
        """Send a response that belongs to no transaction."""
        self._outlet.send(reply_to, response.to_bytes())

    def absorb(self, transaction: ServerTransaction) -> None:
        """Forget a request that gets no answer."""
        self._forget(transaction)

    def acknowledge(self, transaction: ServerTransaction) -> None:
        """The ACK for a final response other than 2xx came."""
        if transaction.repeat:
            transaction.repeat.cancel()

    def _repeat_later(self, transaction: ServerTransaction, seconds: float) -> None:
        def repeat() -> None:
            self.repeat(transaction)
            self._repeat_later(transaction, min(2 * seconds, T2_S))

        transaction.repeat = self._timers.after(seconds, repeat)

    def _forget(self, transaction: ServerTransaction) -> None:
        if transaction.repeat:
            transaction.repeat.cancel()
        self._open.pop(_key(transaction.request, transaction.request.method), None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Who hears how a request went."""

    on_response: Callable[[Response], None]
    """Provisional responses, the final one, and every copy of a 2xx for an INVITE, also after on_timeout."""
    on_timeout: Callable[[], None]
    """No final response came in time."""
    limit_s: float = LIFE_S
    """Time for the first response."""
    ringing_s: float = LIFE_S
    """Time from one provisional response to an INVITE to the next."""


@dataclass(slots=True, eq=False)
class ClientTransaction:
    """A request that was sent."""

    request: Request
    hop: Hop
    branch: str
    outcome: Outcome
    status: int = 0
    """Of the last response, 0 before any."""
    timed_out: bool = False
    limit: Timer | None = None
    repeat: Timer | None = None


class ClientTransactions:
    """Requests sent and what came back."""

    def __init__(self, timers: Timers, outlet: Outlet, addresses: Addresses) -> None:
        self._timers = timers
        self._outlet = outlet
        self._addresses = addresses
        self._open: dict[tuple[str, str], ClientTransaction] = {}

    def __len__(self) -> int:
        return len(self._open)

    def send(self, request: Request, hop: Hop, outcome: Outcome, branch: str = "") -> ClientTransaction:
        """Send a request with a Via of our own on top, and repeat it where datagrams get lost."""
        branch = branch or new_branch()
        stamped = request.with_headers(with_via(request.headers, self._addresses.via(hop.transport, branch)))
        transaction = ClientTransaction(stamped, hop, branch, outcome)
        self._open[branch, request.method] = transaction
        data = stamped.to_bytes()
        self._outlet.send(hop, data)
        if not hop.reliable:
            self._repeat_later(transaction, data, T1_S)
        transaction.limit = self._timers.after(outcome.limit_s, lambda: self._time_out(transaction))
        return transaction

    def send_ack(self, request: Request, hop: Hop) -> None:
        """Send the ACK for a 2xx: a request of its own, without an answer (RFC 3261 section 13.2.2.4)."""
        via = self._addresses.via(hop.transport, new_branch())
        self._outlet.send(hop, request.with_headers(with_via(request.headers, via)).to_bytes())

    def cancel(self, transaction: ClientTransaction) -> None:
        """Ask that an INVITE be given up (RFC 3261 section 9.1)."""
        headers = transaction.request.headers.only(("max-forwards", "route", "from", "to", "call-id"))
        cancel = Request("CANCEL", transaction.request.uri, headers.add("cseq", f"{transaction.request.cseq} CANCEL"))
        self.send(cancel, transaction.hop, Outcome(lambda _: None, lambda: None), transaction.branch)

    def receive(self, response: Response, source: Hop) -> bool:
        """Take a response; False when it answers nothing that was sent.

        What is still to be said of the request goes over the connection that the response came by.
        """
        via = parse_via(response.headers.first("via"))
        branch = (via.param("branch") if via else "") or ""
        transaction = self._open.get((branch, response.method))
        if transaction is None:
            return False
        if transaction.hop.reliable and source.transport is transaction.hop.transport:
            transaction.hop = replace(transaction.hop, connection=source.connection)
        before, transaction.status = transaction.status, max(transaction.status, response.status)
        if response.status < 200:
            if before < 200 and not transaction.timed_out:
                self._go_on(transaction)
                transaction.outcome.on_response(response)
            return True
        self._stop(transaction)
        if response.method != "INVITE":
            self._open.pop((branch, response.method), None)
            transaction.outcome.on_response(response)
            return True
        if before < 200:
            self._timers.after(LIFE_S, lambda: self._forget(transaction))
        if response.status >= 300:
            self._acknowledge(transaction, response)
        if before < 200 or (before < 300 and response.status < 300):
            transaction.outcome.on_response(response)
        return True

    def wait_on(self, transaction: ClientTransaction, seconds: float) -> None:
        """Go on with a request whose time was over: repeat it and give it so long for its first response."""
        transaction.timed_out = False
        data = transaction.request.to_bytes()
        self._outlet.send(transaction.hop, data)
        if not transaction.hop.reliable:
            self._repeat_later(transaction, data, T1_S)
        transaction.limit = self._timers.after(seconds, lambda: self._time_out(transaction))

    def undeliverable(self, request: Request) -> None:
        """A request could not be sent: its time is over at once."""
        via = parse_via(request.headers.first("via"))
        transaction = self._open.get(((via.param("branch") if via else "") or "", request.method))
        if transaction and transaction.status < 200 and not transaction.timed_out:
            self._time_out(transaction)

    def _go_on(self, transaction: ClientTransaction) -> None:
        if transaction.request.method != "INVITE":
            return
        self._stop(transaction)
        transaction.limit = self._timers.after(transaction.outcome.ringing_s, lambda: self._time_out(transaction))

    def _stop(self, transaction: ClientTransaction) -> None:
        for timer in (transaction.limit, transaction.repeat):
            if timer:
                timer.cancel()

    def _repeat_later(self, transaction: ClientTransaction, data: bytes, seconds: float) -> None:
        longest = LIFE_S if transaction.request.method == "INVITE" else T2_S

        def repeat() -> None:
            self._outlet.send(transaction.hop, data)
            self._repeat_later(transaction, data, min(2 * seconds, longest))

        transaction.repeat = self._timers.after(seconds, repeat)

    def _time_out(self, transaction: ClientTransaction) -> None:
        self._stop(transaction)
        transaction.timed_out = True
        if transaction.request.method == "INVITE":
            # A late 2xx must still be heard: somebody has to end that dialog.
            self._timers.after(LIFE_S, lambda: self._forget(transaction))
        else:
            self._forget(transaction)
        transaction.outcome.on_timeout()

    def _acknowledge(self, transaction: ClientTransaction, response: Response) -> None:
        sent = transaction.request
        headers = Headers(
            (
                ("via", sent.headers.first("via")),
                *sent.headers.only(("route", "from")),
                ("to", response.headers.first("to")),
                *sent.headers.only(("call-id", "max-forwards")),
                ("cseq", f"{sent.cseq} ACK"),
            )
        )
        self._outlet.send(transaction.hop, Request("ACK", sent.uri, headers).to_bytes())

    def _forget(self, transaction: ClientTransaction) -> None:
        self._open.pop((transaction.branch, transaction.request.method), None)


def new_branch() -> str:
    """A Via branch that no other request has (RFC 3261 section 8.1.1.7)."""
    return "z9hG4bK" + secrets.token_hex(10)


def with_via(headers: Headers, via: str) -> Headers:
    return Headers((("via", via), *headers.without("via")))


def _key(request: Request, method: str) -> Key:
    """The same for every copy of a request, its CANCEL and its ACK (RFC 3261 section 17.2.3)."""
    headers = request.headers
    via = parse_via(headers.first("via"))
    branch, sent_by = ((via.param("branch") or ""), f"{via.host}:{via.port}") if via else ("", "")
    tag = parse_name_addr(headers.first("from")).param("tag") or ""
    return (method, branch, sent_by, headers.first("call-id"), str(request.cseq), tag)
