"""Requests inside the dialogs of known calls, in both directions."""

from dataclasses import dataclass

from telephony.front.bodies import Body, check_media_lines, offered_labels, offered_streams, open_body
from telephony.front.calls import FrontCall, Phase
from telephony.front.dialect import description_of, pause_told
from telephony.front.exchange import Exchange
from telephony.front.hops import Hop, Transport
from telephony.front.offer import Description
from telephony.front.replies import ALLOW, REASONS, Refusal, allow, capabilities, refuse, respond
from telephony.front.transactions import Outcome, ServerTransaction
from telephony.front.translate import (
    MAX_TO_LINE,
    answer_caller,
    answer_line,
    bye_caller,
    caller_hop,
    to_caller,
    to_line,
)
from telephony.sip.message import Request, Response

_FROM_LINE = ("INVITE", "UPDATE", "BYE", "INFO", "ACK", "CANCEL")
_VIA_ROOM = 150
OFFER_PAUSE_S = 0.25
OFFER_TRIES = 6
"""So often an offer within a call is put off, where its line has had too many lately."""
MAX_BEHIND = 16
"""Requests of one call that wait behind an offer."""


class Dialogs:
    """Passes on what callers and lines say within calls."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def from_caller(self, request: Request, server: ServerTransaction, source: Hop) -> None:
        """A request with a To tag that is neither ACK nor CANCEL."""
        call = self._exchange.calls.of_dialog(request)
        if call is None or call.phase is Phase.OVER:
            self._refuse(server, Refusal(481, "requests_outside_calls"))
            return
        if (paused := pause_told(request)) is not None:
            # Now, whatever becomes of the request.
            self._exchange.listener.call_pause_asked(call.id, paused=paused)
        if request.method not in ALLOW:
            self._refuse(server, Refusal(405, "methods_refused", headers=(allow(),)))
            return
        if request.method == "OPTIONS":
            # PJSIP answers 500 within a dialog, and whoever asks takes that for the end of the call.
            self._exchange.servers.respond(server, capabilities(server.request))
            return
        body = open_body(request, source.host, call.trunk.codecs)
        if isinstance(body, Refusal):
            self._refuse(server, body)
            return
        if refusal := self._refusal_of_offer(request, body):
            self._refuse(server, refusal)
            return
        self._offer(_Within(request, server, call, body, source))

    def _offer(self, asked: "_Within", tries: int = 0) -> None:
        """Take a request once its line has room for what it offers: some clients do not survive a refusal.

        One offer of a call waits at a time, and not for long: then its sender is to come again (RFC 3261 section 14.1).
        What comes behind it waits too, since the line refuses an offer after a higher CSeq number; a BYE does not.
        """
        call, server, is_new = asked.call, asked.server, tries == 0
        if is_new and call.waiting and asked.request.method != "BYE":
            self._line_up(asked)
            return
        if not is_new and call.waiting is not server:
            # It was canceled.
            return
        if call.phase is Phase.OVER:
            self._refuse(server, Refusal(481, "requests_outside_calls"))
        elif self._may_offer(asked):
            self._take(asked)
        elif tries == OFFER_TRIES:
            self._refuse(server, Refusal(491, "offers_too_fast"))
        else:
            call.waiting = server
            if is_new and asked.request.method == "INVITE":
                self._exchange.servers.respond(server, respond(server.request, 100))
            self._exchange.timers.after(OFFER_PAUSE_S, lambda: self._offer(asked, tries + 1))
            return
        if not is_new:
            self._go_on(call)

    def _line_up(self, asked: "_Within") -> None:
        call = asked.call
        if _is_offer(asked) or len(call.behind) == MAX_BEHIND:
            self._refuse(asked.server, Refusal(491, "offers_too_fast"))
        else:
            call.behind.append(lambda: self._offer(asked))

    def _go_on(self, call: FrontCall) -> None:
        """No offer waits any more: take what came behind it."""
        call.waiting, behind, call.behind = None, call.behind, []
        for take in behind:
            take()

    def _take(self, asked: "_Within") -> None:
        request, server, call, body = asked.request, asked.server, asked.call, asked.body
        call.refresh(request, asked.source)
        if request.method in ("INVITE", "UPDATE") and body.sdp is not None:
            call.labels, call.withdrawn = offered_labels(body), body.withdrawn
        elif request.method == "INVITE":
            # The line's offer is to have all that the call has: the caller may want it back.
            call.withdrawn = ()
        self._describe(request, call, body)
        if self._answered_here(request, body):
            # PJSIP answers 488 to a body that is no SDP. It never sees this CSeq number, which may leave gaps.
            self._exchange.servers.respond(server, self._accepted(server.request, call))
            return
        self._pass_to_line(request, server, call, body)

    def cancel(self, invite: ServerTransaction, call: FrontCall) -> None:
        """The caller gave an INVITE within its call up; one that its line has is the line's to answer."""
        if call.waiting is invite:
            self._exchange.servers.respond(invite, respond(invite.request, 487))
            self._go_on(call)

    def ack_from_caller(self, request: Request, source: Hop) -> None:
        """The ACK for a 2xx."""
        call = self._exchange.calls.of_dialog(request)
        if call is None or call.phase is Phase.OVER:
            self._exchange.tally.count("acks_stray")
            return
        body = open_body(request, source.host, call.trunk.codecs)
        if isinstance(body, Refusal):
            self._exchange.tally.trouble(body.counter)
            body = Body()
        self._describe(request, call, body)
        forwarded = to_line(request, call, body.content, self._exchange.addresses)
        self._exchange.clients.send_ack(forwarded, _line_hop(call))

    def from_line(self, request: Request, source: Hop) -> None:
        """Any request of a line."""
        exchange = self._exchange
        call = exchange.calls.of_line(request)
        if request.method == "ACK":
            self._ack_from_line(request, call)
            return
        known = exchange.servers.find(request)
        if known:
            exchange.servers.repeat(known)
            return
        if request.method == "CANCEL":
            self._cancel_from_line(request, source)
            return
        server = exchange.servers.open(request, source)
        if server is None:
            return
        if call is None or request.method not in _FROM_LINE:
            status = 481 if call is None else 405
            exchange.servers.respond(server, respond(server.request, status))
            return
        call.line_cseq = max(call.line_cseq, request.cseq)
        forwarded = to_caller(request, call, exchange.addresses)
        relay = _ToCaller(exchange, server, call)
        exchange.clients.send(forwarded, caller_hop(call), Outcome(relay.on_response, relay.on_timeout))

    def hang_up(self, call: FrontCall) -> None:
        """Tell a caller that its call is over, whose line cannot tell it any more."""
        exchange = self._exchange
        bye = bye_caller(call, exchange.addresses)
        exchange.clients.send(bye, caller_hop(call), Outcome(lambda _: None, lambda: None))

    def _describe(self, request: Request, call: FrontCall, body: Body) -> None:
        """Tell what the message says of the recorded call, if anything."""
        description = description_of(request, body)
        if body.metadata is not None:
            self._exchange.tally.count("metadata_updates")
        if description != Description():
            self._exchange.listener.call_described(call.id, description)

    def _pass_to_line(self, request: Request, server: ServerTransaction, call: FrontCall, body: Body) -> None:
        exchange = self._exchange
        forwarded = to_line(request, call, body.content, exchange.addresses)
        if len(forwarded.to_bytes()) + _VIA_ROOM > MAX_TO_LINE:
            self._refuse(server, Refusal(513, "requests_too_large"))
            return
        if request.method == "INVITE":
            exchange.servers.respond(server, respond(server.request, 100))
        relay = _ToLine(exchange, server, call)
        exchange.clients.send(forwarded, _line_hop(call), Outcome(relay.on_response, relay.on_timeout))

    def _refusal_of_offer(self, request: Request, body: Body) -> Refusal | None:
        if request.method not in ("INVITE", "UPDATE"):
            return None
        return check_media_lines(body, self._exchange.addresses.host)

    def _may_offer(self, asked: "_Within") -> bool:
        return not _is_offer(asked) or self._exchange.desk.may_offer(asked.call.line, offered_streams(asked.body))

    def _answered_here(self, request: Request, body: Body) -> bool:
        if request.method == "INFO" and pause_told(request) is not None:
            return body.content is None
        if not body.had_metadata or body.sdp is not None or request.method not in ("UPDATE", "INFO"):
            return False
        # An UPDATE that refreshes the session timer must reach the line; it goes there without a body.
        return "session-expires" not in request.headers

    def _accepted(self, asked: Request, call: FrontCall) -> Response:
        own = Response(200, REASONS[200], asked.headers.only(("to",)))
        return answer_caller(asked, own, call, self._exchange.addresses)

    def _ack_from_line(self, request: Request, call: FrontCall | None) -> None:
        invite = self._exchange.servers.find(request, "INVITE")
        if invite:
            self._exchange.servers.acknowledge(invite)
        elif call:
            forwarded = to_caller(request, call, self._exchange.addresses)
            self._exchange.clients.send_ack(forwarded, caller_hop(call))

    def _cancel_from_line(self, request: Request, source: Hop) -> None:
        server = self._exchange.servers.open(request, source)
        if server:
            # Only for a re-INVITE of the line, which ends by its own time-out soon enough.
            known = self._exchange.servers.find(request, "INVITE")
            self._exchange.servers.respond(server, respond(server.request, 200 if known else 481))

    def _refuse(self, server: ServerTransaction, refusal: Refusal) -> None:
        self._exchange.tally.trouble(refusal.counter)
        self._exchange.servers.respond(server, refuse(server.request, refusal))


@dataclass(frozen=True, slots=True)
class _Within:
    """A request of a caller within its call."""

    request: Request
    server: ServerTransaction
    call: FrontCall
    body: Body
    source: Hop


def _is_offer(asked: _Within) -> bool:
    return asked.request.method == "INVITE" or (asked.request.method == "UPDATE" and asked.body.sdp is not None)


class _ToLine:
    """Takes a line's response back to the caller."""

    def __init__(self, exchange: Exchange, server: ServerTransaction, call: FrontCall) -> None:
        self._exchange = exchange
        self._server = server
        self._call = call

    def on_response(self, response: Response) -> None:
        if response.status == 100:
            return
        exchange, asked = self._exchange, self._server.request
        exchange.servers.respond(self._server, answer_caller(asked, response, self._call, exchange.addresses))
        if asked.method == "BYE" and response.status >= 200:
            exchange.calls.finish(self._call)

    def on_timeout(self) -> None:
        exchange, asked = self._exchange, self._server.request
        exchange.tally.trouble("lines_silent_in_call")
        exchange.servers.respond(self._server, respond(asked, 408))
        if asked.method == "BYE":
            exchange.calls.finish(self._call)


class _ToCaller:
    """Takes a caller's response back to its line."""

    def __init__(self, exchange: Exchange, server: ServerTransaction, call: FrontCall) -> None:
        self._exchange = exchange
        self._server = server
        self._call = call

    def on_response(self, response: Response) -> None:
        if response.status == 100:
            return
        exchange, asked = self._exchange, self._server.request
        body = open_body(response, self._call.source.host, self._call.trunk.codecs)
        content = body.content if isinstance(body, Body) else None
        exchange.servers.respond(self._server, answer_line(asked, response, content, exchange.addresses))
        self._finish_after_bye(response.status)

    def on_timeout(self) -> None:
        self._exchange.tally.trouble("callers_silent")
        self._exchange.servers.respond(self._server, respond(self._server.request, 408))
        self._finish_after_bye(408)

    def _finish_after_bye(self, status: int) -> None:
        if self._server.request.method == "BYE" and status >= 200:
            self._exchange.calls.finish(self._call)


def _line_hop(call: FrontCall) -> Hop:
    return Hop(Transport.LINE, "127.0.0.1", call.line_port)
