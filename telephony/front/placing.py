"""Finding a line for a new call."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from callscribe.domain.call import Dialect, OutsideIds, Party
from telephony.front.bodies import Body, offered_streams
from telephony.front.calls import FrontCall, Phase
from telephony.front.exchange import Exchange
from telephony.front.hops import Hop, Transport
from telephony.front.offer import CallOffer, Description
from telephony.front.replies import Refusal, busy, refuse
from telephony.front.transactions import ClientTransaction, Outcome, ServerTransaction
from telephony.front.translate import MAX_TO_LINE, ack_line, answer_caller, bye_line, to_line
from telephony.lines import LineStatus
from telephony.sip.address import parse_name_addr
from telephony.sip.message import Request, Response

ANSWER_LIMIT_S = 0.4
"""A line answers its first response within milliseconds: one that is silent for so long hangs or is gone."""
PATIENCE_S = 4.0
"""How long the last line that could take the call is waited for: the whole machine may be busy."""
MAX_LINES = 4
"""Lines tried for one call."""
_ELSEWHERE = (408, 482, 486, 500, 503)
"""Statuses of a line that another line may not give."""
_VIA_ROOM = 150


@dataclass(frozen=True, slots=True)
class Invitation:
    """An INVITE that opens a call, and what was read from it."""

    request: Request
    body: Body
    caller: Party
    callee: Party
    outside_ids: OutsideIds
    description: Description


class Placement:
    """One call on its way to a line. Implements Placing."""

    def __init__(self, exchange: Exchange, server: ServerTransaction, call: FrontCall, invitation: Invitation) -> None:
        self._exchange = exchange
        self._server = server
        self._call = call
        self._invitation = invitation
        self._tried: frozenset[int] = frozenset()
        self._current: ClientTransaction | None = None
        self._cancelled = False
        self._patient = False
        self._told_id: UUID | None = None
        self._given_up = False

    def start(self, line: LineStatus) -> None:
        """Offer the call to its first line."""
        self._call.placing = self
        self._exchange.calls.add(self._call)
        self._offer(line)

    def cancel(self) -> None:
        """The caller gave up: the line is told, and its answer tells how it went."""
        self._cancelled = True
        if self._current:
            self._exchange.clients.cancel(self._current)

    def line_lost(self) -> None:
        self._try_next()

    def _offer(self, line: LineStatus) -> None:
        exchange, call = self._exchange, self._call
        exchange.calls.rename(call, uuid4())
        call.line, call.line_port, call.line_tag = line.index, line.sip_port, ""
        self._tried |= {line.index}
        request = to_line(self._invitation.request, call, self._invitation.body.content, exchange.addresses)
        if len(request.to_bytes()) + _VIA_ROOM > MAX_TO_LINE:
            self._refuse(Refusal(513, "invites_too_large"))
            return
        hop = Hop(Transport.LINE, "127.0.0.1", line.sip_port)
        attempt = _Attempt(self, call.id, line)
        exchange.tally.count("invites_forwarded")
        # Told first: the line may report the call before its answer is read here.
        exchange.listener.call_offered(self._offer_to(line))
        self._told_id = call.id
        outcome = Outcome(attempt.on_response, attempt.on_timeout, ANSWER_LIMIT_S)
        self._current = exchange.clients.send(request, hop, outcome)

    def _offer_to(self, line: LineStatus) -> CallOffer:
        invitation, call = self._invitation, self._call
        return CallOffer(
            id=call.id,
            trunk=call.trunk.name,
            dialect=Dialect.SIPREC if call.siprec else Dialect.PLAIN,
            caller=invitation.caller,
            callee=invitation.callee,
            outside_ids=invitation.outside_ids,
            description=invitation.description,
            line=line.index,
        )

    def take(self, response: Response) -> None:
        """The current line's response."""
        exchange, call = self._exchange, self._call
        if response.status == 100 or call.phase is Phase.OVER:
            return
        if response.status >= 300:
            self._rejected(response)
            return
        call.line_tag = parse_name_addr(response.headers.first("to")).param("tag") or call.line_tag
        if response.status >= 200 and call.phase is Phase.OFFERED:
            call.phase = Phase.ANSWERED
            call.placing = None
            exchange.tally.count("calls_answered")
        exchange.servers.respond(self._server, answer_caller(self._server.request, response, call, exchange.addresses))

    def silent(self, line: LineStatus) -> None:
        """The current line did not answer in time: another one gets the call, or where there is none it gets longer."""
        if self._call.phase is not Phase.OFFERED or self._current is None:
            return
        exchange, current = self._exchange, self._current
        exchange.tally.trouble("lines_silent")
        exchange.desk.rest(line.index)
        other = None if self._cancelled else self._pick()
        if other:
            exchange.clients.cancel(current)
            self._turn_to(other)
        elif not self._patient and not self._cancelled and current.status == 0:
            self._patient = True
            exchange.clients.wait_on(current, PATIENCE_S)
        else:
            exchange.clients.cancel(current)
            self._end_search()

    def is_current(self, call_id: UUID) -> bool:
        return self._call.id == call_id and not self._given_up

    def end_late(self, response: Response, call_id: UUID, line: LineStatus) -> None:
        """A line that was given up took the call after all: end that dialog."""
        if not 200 <= response.status < 300:
            return
        clients, port = self._exchange.clients, line.sip_port
        hop = Hop(Transport.LINE, "127.0.0.1", port)
        self._exchange.tally.trouble("lines_late")
        clients.send_ack(ack_line(response, str(call_id), port), hop)
        clients.send(bye_line(response, str(call_id), port), hop, Outcome(lambda _: None, lambda: None))

    def _rejected(self, response: Response) -> None:
        if response.status in _ELSEWHERE and not self._cancelled:
            self._try_next()
            return
        exchange, call = self._exchange, self._call
        refusal = Refusal(response.status, "invites_rejected_by_line")
        exchange.refused(refusal, self._invitation.request, call.source, call.trunk.name)
        exchange.servers.respond(self._server, answer_caller(self._server.request, response, call, exchange.addresses))
        self._give_up()

    def _try_next(self) -> None:
        other = None if self._cancelled else self._pick()
        if other:
            self._turn_to(other)
        else:
            self._end_search()

    def _pick(self) -> LineStatus | None:
        if len(self._tried) >= MAX_LINES:
            return None
        return self._exchange.desk.pick(offered_streams(self._invitation.body), self._tried)

    def _turn_to(self, line: LineStatus) -> None:
        self._exchange.tally.count("invites_retried")
        self._abandon()
        self._offer(line)

    def _end_search(self) -> None:
        if self._cancelled:
            self._exchange.tally.count("invites_cancelled")
            self._answer(Refusal(487, "invites_cancelled"))
        else:
            self._refuse(busy("invites_refused_busy"))

    def _refuse(self, refusal: Refusal) -> None:
        self._exchange.refused(refusal, self._invitation.request, self._call.source, self._call.trunk.name)
        self._answer(refusal)

    def _answer(self, refusal: Refusal) -> None:
        self._exchange.servers.respond(self._server, refuse(self._server.request, refusal))
        self._give_up()

    def _give_up(self) -> None:
        self._given_up = True
        self._exchange.calls.drop(self._call)
        self._abandon()

    def _abandon(self) -> None:
        if self._told_id:
            self._exchange.listener.call_abandoned(self._told_id)
        self._told_id = None


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One line's turn. What it says once its turn is over must end nothing but its own dialog."""

    placement: Placement
    call_id: UUID
    line: LineStatus

    def on_response(self, response: Response) -> None:
        if self.placement.is_current(self.call_id):
            self.placement.take(response)
        else:
            self.placement.end_late(response, self.call_id, self.line)

    def on_timeout(self) -> None:
        if self.placement.is_current(self.call_id):
            self.placement.silent(self.line)
