"""One bridged call: what one party says is said to the other, and a line hears both."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from uuid import UUID

from telephony.bridge.hearing import Heard, Hearing
from telephony.bridge.legs import METHODS, Leg, ack_to, own_request, request_to, response_to
from telephony.bridge.media import Media, check_media
from telephony.front.bodies import Body, open_body
from telephony.front.exchange import Exchange
from telephony.front.hops import Hop
from telephony.front.offer import CallOffer
from telephony.front.replies import Refusal, allow, capabilities, refuse, respond
from telephony.front.timers import Timer
from telephony.front.transactions import LIFE_S, ClientTransaction, Outcome, ServerTransaction
from telephony.routes import RouteSettings
from telephony.sip.address import parse_name_addr
from telephony.sip.digest import Credentials, pick_challenge, prove
from telephony.sip.headers import Headers
from telephony.sip.message import Request, Response

_CHALLENGES = {401: ("www-authenticate", "authorization"), 407: ("proxy-authenticate", "proxy-authorization")}
_GONE = (408, 481)
"""Answers of a party that has no dialog any more (RFC 3261 section 12.2.1.2)."""


class _Phase(Enum):
    RINGING = "ringing"
    ANSWERED = "answered"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Opening:
    """A call that is to be sent on."""

    id: UUID
    """Names it to the relay, and to the callee as Call-ID."""
    route: RouteSettings
    request: Request
    server: ServerTransaction
    body: Body
    caller: Leg
    callee: Leg
    offer: CallOffer


class Bridge:
    """Both dialogs of one call, from the INVITE on until the last BYE is sent."""

    def __init__(self, exchange: Exchange, opening: Opening, media: Media, on_over: Callable[[], None]) -> None:
        self._exchange = exchange
        self._opening = opening
        self._media = media
        self._on_over = on_over
        self._phase = _Phase.RINGING
        self._invite: ClientTransaction | None = None
        self._timer: Timer | None = None
        """How long the callee may still ring; once it has answered, when both are asked whether they are there."""
        self._cancel_owed = False
        self.caller = opening.caller
        self.callee = opening.callee
        self.trunk = opening.offer.trunk
        self.hearing = Hearing(exchange, Heard(opening.offer, media.copy_to, self.end))

    def start(self) -> None:
        """Call the callee."""
        opening, exchange = self._opening, self._exchange
        exchange.servers.respond(opening.server, respond(opening.server.request, 100))
        exchange.tally.count("bridges_begun")
        if opening.body.sdp is not None:
            self._media.take(self.caller, opening.body.sdp, is_answer=False)
        self._timer = exchange.timers.after(opening.route.ring_s, self._ring_over)
        outcome = Outcome(
            self._on_answer, self._on_silence, min(opening.route.ring_s, LIFE_S), opening.route.ring_s + 1
        )
        self._forward(self.caller, opening.request, opening.body, outcome)

    def cancel(self) -> None:
        """The caller gave up."""
        if self._phase is _Phase.RINGING:
            self._exchange.tally.count("bridges_cancelled")
            self._refuse_caller(487, "Request Terminated")

    def knows(self, request: Request) -> bool:
        """True where a request's From tag is the party's that its To tag names the dialog of."""
        known = self._sender(request).remote_tag
        return not known or known == parse_name_addr(request.headers.first("from")).param("tag")

    def may_follow(self, request: Request) -> bool:
        """True where an INVITE with the same Call-ID and From tag is another attempt, as after 422 (RFC 4028)."""
        return self._phase is _Phase.OVER and request.cseq != self._opening.request.cseq

    def receive(self, request: Request, server: ServerTransaction, source: Hop) -> None:
        """A request of either party within its dialog, which is no ACK and no CANCEL."""
        leg, exchange = self._sender(request), self._exchange
        if self._phase is _Phase.OVER:
            self._refuse(server, Refusal(481, "requests_outside_calls"))
            return
        if request.cseq <= leg.heard:
            exchange.servers.respond(server, respond(server.request, 500, "Out Of Order"))
            return
        leg.heard, leg.source = request.cseq, source
        if request.method == "BYE":
            exchange.servers.respond(server, respond(server.request, 200))
            self.end(leg)
        elif request.method == "OPTIONS":
            exchange.servers.respond(server, capabilities(server.request))
        elif request.method not in METHODS:
            # A transfer would have us call whom the route does not name.
            self._refuse(server, Refusal(405, "methods_refused", headers=(allow(),)))
        elif self._phase is _Phase.RINGING:
            self._refuse(server, Refusal(491, "bridges_not_ready"))
        else:
            self._pass_on(leg, request, server)

    def acknowledge(self, request: Request) -> None:
        """The ACK for a 2xx."""
        leg = self._sender(request)
        other, (asked, number) = self._other(leg), leg.invites
        if self._phase is not _Phase.ANSWERED or request.cseq != asked:
            self._exchange.tally.count("acks_stray")
            return
        body = open_body(request, leg.source.host, self._media.codecs)
        body = body if isinstance(body, Body) else Body()
        content = self._media.content(leg, body, is_answer=True)
        if body.sdp is not None:
            self._media.take(leg, body.sdp, is_answer=True)
        self._exchange.clients.send_ack(ack_to(other, number, request, content, self._exchange.addresses), other.hop)
        self._listen()

    def end(self, by: Leg | None = None) -> None:
        """Hang up; `by` is the party that did so itself."""
        if self._phase is _Phase.RINGING:
            self._refuse_caller(*((487, "Request Terminated") if by else (503, "Service Unavailable")))
        elif self._phase is _Phase.ANSWERED:
            self._finish()
            for leg in (self.caller, self.callee):
                if leg is not by:
                    self._hang_up(leg)

    # The callee's answer

    def _on_answer(self, response: Response) -> None:
        if self._phase is _Phase.OVER:
            self._dismiss(response)
        elif response.status < 200:
            self._on_ringing(response)
        elif response.status >= 300:
            self._on_refusal(response)
        elif self._phase is _Phase.ANSWERED and response.headers.first("to") != self.callee.remote:
            # Somebody further on called several and two of them answered.
            self._end_fork(response)
        else:
            self._on_pickup(response)

    def _on_ringing(self, response: Response) -> None:
        if response.status > 100 and self._phase is _Phase.RINGING:
            self._answer_caller(response)

    def _on_pickup(self, response: Response) -> None:
        if self._phase is _Phase.RINGING:
            self._phase = _Phase.ANSWERED
            self._stop_timer()
            self.callee.establish(response, self._connection)
            self._exchange.tally.count("bridges_answered")
            self._watch_parties()
        self._answer_caller(response)
        self._listen()

    def _on_refusal(self, response: Response) -> None:
        status, reason, counter = response.status, response.reason, "bridges_refused"
        if status < 400:
            # Whoever we would call then stands in no route.
            status, reason, counter = 480, "Temporarily Unavailable", "bridges_redirected"
        elif status in _CHALLENGES:
            status, reason, counter = 403, "Forbidden", "bridges_unauthorized"
        self._exchange.tally.count(counter)
        self._respond_caller(replace(response, status=status, reason=reason or "Refused"))
        self._finish()

    def _on_silence(self) -> None:
        if self._phase is _Phase.RINGING:
            self._exchange.tally.trouble("bridges_unanswered")
            self._refuse_caller(408, "Request Timeout")

    def _ring_over(self) -> None:
        if self._phase is _Phase.RINGING:
            self._exchange.tally.count("bridges_unanswered")
            self._refuse_caller(480, "Temporarily Unavailable")

    def _answer_caller(self, response: Response) -> None:
        """Pass a provisional response or a 2xx on, its SDP and all."""
        body = open_body(response, self.callee.source.host, self._media.codecs)
        body = body if isinstance(body, Body) else Body()
        is_answer = self._opening.body.sdp is not None
        content = self._media.content(self.callee, body, is_answer)
        if body.sdp is not None:
            self._media.take(self.callee, body.sdp, is_answer)
        asked, addresses = self._opening.server.request, self._exchange.addresses
        own = response_to(self.caller, asked, response, content, addresses)
        self._exchange.servers.respond(self._opening.server, own)

    def _respond_caller(self, response: Response) -> None:
        asked = self._opening.server.request
        own = response_to(self.caller, asked, response, None, self._exchange.addresses)
        self._exchange.servers.respond(self._opening.server, own)

    def _refuse_caller(self, status: int, reason: str) -> None:
        """Answer the caller for a callee that has not, and stop calling that one."""
        self._respond_caller(Response(status, reason))
        self._finish()
        # Before it has said anything, a CANCEL may overtake the INVITE (RFC 3261 section 9.1).
        if self._invite and self._invite.status == 0:
            self._cancel_owed = True
        elif self._invite and self._invite.status < 200:
            self._exchange.clients.cancel(self._invite)

    def _dismiss(self, response: Response) -> None:
        """The callee says something when nobody waits for it any more."""
        if response.status < 200 and self._cancel_owed and self._invite:
            self._cancel_owed = False
            self._exchange.clients.cancel(self._invite)
        elif 200 <= response.status < 300:
            self._end_fork(response)

    def _end_fork(self, response: Response) -> None:
        """End a dialog that was opened too late, or beside the one."""
        callee = self.callee
        fork = replace(callee, sent=callee.sent)
        fork.establish(response, self._connection)
        ack = ack_to(fork, response.cseq, Request("ACK", ""), None, self._exchange.addresses)
        self._exchange.clients.send_ack(ack, fork.hop)
        self._hang_up(fork)

    # Within the call

    def _pass_on(self, leg: Leg, request: Request, server: ServerTransaction) -> None:
        body = open_body(request, leg.source.host, self._media.codecs)
        if isinstance(body, Refusal):
            self._refuse(server, body)
            return
        if refusal := check_media(body, self._exchange.addresses.host):
            self._refuse(server, refusal)
            return
        if request.method == "INVITE":
            self._exchange.servers.respond(server, respond(server.request, 100))
        leg.refresh(request)
        relay = _Within(self, leg, server, body)
        self._forward(leg, request, body, Outcome(relay.on_response, relay.on_timeout))

    def answer_within(self, leg: Leg, server: ServerTransaction, offer: Body, response: Response) -> None:
        """The other party's response to what `leg` asked, `offer` its body."""
        other, accepted = self._other(leg), 200 <= response.status < 300
        body = open_body(response, other.source.host, self._media.codecs)
        body = body if isinstance(body, Body) else Body()
        is_answer = offer.sdp is not None
        content = self._media.content(other, body, is_answer)
        if accepted:
            other.refresh(response)
            if offer.sdp is not None:
                self._media.take(leg, offer.sdp, is_answer=False)
            if body.sdp is not None:
                self._media.take(other, body.sdp, is_answer)
        if response.status in _CHALLENGES:
            response = replace(response, status=403, reason="Forbidden")
        own = response_to(leg, server.request, response, content, self._exchange.addresses)
        self._exchange.servers.respond(server, own)
        if accepted and is_answer and body.sdp is not None:
            self._listen()

    def _listen(self) -> None:
        """Have a line hear the media as they are now."""
        describe = self._media.description(self.caller, self.callee)
        if describe and self._phase is _Phase.ANSWERED:
            self.hearing.tell(describe)

    def _watch_parties(self) -> None:
        """Notice that both parties vanished: the line does where one hears them, else they are asked now and then."""
        seconds = self._exchange.bridging.media_timeout_s
        self._timer = self._exchange.timers.after(seconds, self._ask_parties) if seconds else None

    def _ask_parties(self) -> None:
        self._watch_parties()
        outcome = Outcome(self._on_sign, lambda: self._on_sign(Response(408, "Request Timeout")))
        for leg in (self.caller, self.callee) if self.hearing.unheard else ():
            leg.sent += 1
            ping = own_request(leg, "OPTIONS", self._exchange.addresses)
            self._exchange.clients.send(ping, leg.hop, outcome)

    def _on_sign(self, response: Response) -> None:
        if response.status in _GONE and self.hearing.unheard:
            self.end()

    # Both

    def _forward(self, leg: Leg, request: Request, body: Body, outcome: Outcome) -> None:
        """Ask one party what the other one asked."""
        other = self._other(leg)
        content = self._media.content(leg, body, is_answer=False)
        asked = replace(request, body=b"")

        def again(challenged: Response) -> bool:
            proof = () if self._phase is _Phase.OVER else self._proof(other, asked, challenged)
            if proof:
                send(proof)
            return bool(proof)

        def send(proof: tuple[tuple[str, str], ...]) -> None:
            other.sent += 1
            if request.method == "INVITE":
                leg.invites, other.proof = (request.cseq, other.sent), proof
            own = request_to(other, asked, content, self._exchange.addresses)
            own = own.with_headers(own.headers.add(*proof[0]) if proof else own.headers)
            met = outcome if proof else replace(outcome, on_response=_unless(again, outcome.on_response))
            transaction = self._exchange.clients.send(own, other.hop, met)
            if self._phase is _Phase.RINGING:
                self._invite = transaction

        send(())

    def _proof(self, leg: Leg, asked: Request, response: Response) -> tuple[tuple[str, str], ...]:
        """What meets a challenge of the callee's, nothing where that cannot be done, or is not ours to do."""
        route = self._opening.route
        if response.status not in _CHALLENGES or leg.side != self.callee.side or not route.username:
            return ()
        challenge_name, proof_name = _CHALLENGES[response.status]
        challenge = pick_challenge(response.headers.all(challenge_name))
        if challenge is None:
            return ()
        uri = request_to(leg, asked, None, self._exchange.addresses).uri
        who = Credentials(route.username, route.password)
        return ((proof_name, prove(challenge, who, asked.method, uri, secrets.token_hex(8))),)

    def _hang_up(self, leg: Leg, proof: tuple[tuple[str, str], ...] = ()) -> None:
        def again(response: Response) -> None:
            met = () if proof else self._proof(leg, bye, response)
            if met:
                self._hang_up(leg, met)

        leg.sent += 1
        bye = own_request(leg, "BYE", self._exchange.addresses)
        own = bye.with_headers(Headers((*bye.headers, *proof)))
        self._exchange.clients.send(own, leg.hop, Outcome(again, lambda: None))

    @property
    def _connection(self) -> int:
        """Where the callee answers our INVITE."""
        return self._invite.hop.connection if self._invite else 0

    def _sender(self, request: Request) -> Leg:
        return (
            self.caller if parse_name_addr(request.headers.first("to")).param("tag") == self.caller.tag else self.callee
        )

    def _other(self, leg: Leg) -> Leg:
        return self.callee if leg is self.caller else self.caller

    def _refuse(self, server: ServerTransaction, refusal: Refusal) -> None:
        self._exchange.tally.trouble(refusal.counter)
        self._exchange.servers.respond(server, refuse(server.request, refusal))

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()

    def _finish(self) -> None:
        self._phase = _Phase.OVER
        self._stop_timer()
        self.hearing.end()
        self._media.close()
        self._on_over()


def _unless(taken: Callable[[Response], bool], on_response: Callable[[Response], None]) -> Callable[[Response], None]:
    def choose(response: Response) -> None:
        if not taken(response):
            on_response(response)

    return choose


@dataclass(frozen=True, slots=True)
class _Within:
    """A request within the call that one party asked and the other one answers."""

    bridge: Bridge
    leg: Leg
    server: ServerTransaction
    body: Body

    def on_response(self, response: Response) -> None:
        if response.status > 100:
            self.bridge.answer_within(self.leg, self.server, self.body, response)

    def on_timeout(self) -> None:
        self.bridge.answer_within(self.leg, self.server, self.body, Response(408, "Request Timeout"))
