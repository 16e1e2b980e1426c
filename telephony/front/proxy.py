"""The front's decisions. Pure: messages and time in, messages out through an Outlet."""

from uuid import UUID

from callscribe.domain.errors import MalformedMessage
from telephony.bridge.bridge import Bridge
from telephony.bridge.bridges import Bridges
from telephony.front.bodies import Body, check_offer, offered_labels, offered_streams, open_body
from telephony.front.calls import FrontCall, Phase, call_key, sent_by, to_tag
from telephony.front.dialect import contact_uri, description_of, ends_of, is_recording_session, outside_ids
from telephony.front.dialogs import Dialogs
from telephony.front.exchange import Exchange
from telephony.front.hops import Hop, Transport
from telephony.front.placing import Invitation, Placement
from telephony.front.replies import ALLOW, PRESSED_S, Refusal, allow, busy, capabilities, refuse, respond, response_hop
from telephony.front.transactions import ServerTransaction
from telephony.settings import TrunkSettings
from telephony.sip.address import parse_uri, parse_via
from telephony.sip.message import VERSION, Message, Request, Response, check_request, salvage

_SCHEMES = ("sip:", "sips:", "tel:")


class Proxy:
    """Takes every message that reaches the front, and answers it or passes it on."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._dialogs = Dialogs(exchange)
        self.bridges = Bridges(exchange, exchange.bridging)

    def receive(self, message: Message, source: Hop) -> None:
        """A message from outside, or where `source` is a line, from within."""
        if isinstance(message, Response):
            if not self._exchange.clients.receive(message, source):
                self._exchange.tally.count("responses_stray")
        elif source.transport is Transport.LINE:
            self._take_from_line(message, source)
        elif message.method == "ACK":
            self._take_ack(message, source)
        else:
            self._take_request(message, source)

    def belongs(self, message: Message, source: Hop) -> bool:
        """True where a message that was received is of a call that was let in: opened it, or names both its tags."""
        if isinstance(message, Response):
            return False
        opened = self._exchange.calls.of_caller(message)
        if (opened and opened.source == source) or self._exchange.calls.of_dialog(message):
            return True
        return bool(self.bridges.of_caller(message) or self.bridges.of_dialog(message))

    def refuse_oversized(self, message: Message, source: Hop) -> None:
        """A stream announced a body that is too large to be read."""
        if isinstance(message, Request) and message.method != "ACK":
            trunk = self._exchange.trunks.find(source.host)
            self._refuse_once(message, source, Refusal(413, "messages_too_large"), trunk.name if trunk else "")
        else:
            self._exchange.tally.trouble("messages_too_large")

    def refuse_unreadable(self, data: bytes, reason: str, source: Hop) -> None:
        """Something came that is no message; who sent it is told where it names itself and a trunk knows it."""
        request = None if source.transport is Transport.LINE else salvage(data)
        if request is None or self._exchange.trunks.find(source.host) is None:
            return
        if parse_via(request.headers.first("via")):
            refusal = Refusal(400, "requests_malformed", f"Bad Request: {reason}")
            self._send_once(request, source, refuse(_stamped(request, source), refusal))

    def undeliverable(self, message: Message) -> None:
        """A message could not be sent: no connection could be opened."""
        self._exchange.tally.trouble("messages_undeliverable")
        if isinstance(message, Request):
            self._exchange.clients.undeliverable(message)

    def release(self, call_id: UUID) -> None:
        """The line has ended this call."""
        call = self._exchange.calls.by_id(call_id)
        if call:
            self._exchange.calls.finish(call)

    def line_lost(self, line: int) -> None:
        """A line died: what it had not answered goes to another one, the rest is hung up for it."""
        self._exchange.desk.renew(line)
        self.bridges.line_lost(line)
        for call in [call for call in self._exchange.calls if call.line == line]:
            if call.placing:
                call.placing.line_lost()
            else:
                self._exchange.listener.call_abandoned(call.id)
                self._dialogs.hang_up(call)
                self._exchange.calls.finish(call)

    def _take_from_line(self, request: Request, source: Hop) -> None:
        bridge = self.bridges.of_line(request)
        server = self._exchange.servers.open(request, source) if bridge else None
        if bridge and server:
            bridge.hearing.receive(request, server)
        else:
            self._dialogs.from_line(request, source)

    # Requests from outside

    def _take_ack(self, request: Request, source: Hop) -> None:
        invite = self._exchange.servers.find(request, "INVITE")
        bridge = self.bridges.of_dialog(request)
        if invite and invite.status >= 300:
            self._exchange.servers.acknowledge(invite)
        elif bridge:
            bridge.acknowledge(request)
        else:
            self._dialogs.ack_from_caller(request, source)

    def _take_bridged(self, bridge: Bridge, request: Request, source: Hop) -> None:
        """A request within a bridged call: its tags let it in, since the callee may be on no trunk."""
        known, fault = self._exchange.servers.find(request), _fault(request)
        if fault:
            self._refuse_once(request, source, fault, bridge.trunk)
        elif known:
            self._exchange.tally.count("requests_repeated")
            self._exchange.servers.repeat(known)
        elif server := self._exchange.servers.open(_stamped(request, source), response_hop(request, source)):
            bridge.receive(request, server, source)
        else:
            self._refuse_once(request, source, busy("transactions_full"), bridge.trunk)

    def _take_request(self, request: Request, source: Hop) -> None:
        bridge = self.bridges.of_dialog(request) if request.method != "CANCEL" else None
        if bridge:
            self._take_bridged(bridge, request, source)
            return
        trunk = self._trunk_of(request, source)
        if trunk is None:
            self._turn_away(request, source)
            return
        within = self._exchange.calls.of_dialog(request) is not None
        fault = _fault(request) or self._exchange.gate.check_transport(trunk, source, within=within)
        if fault:
            self._refuse_once(request, source, fault, trunk.name)
            return
        known = self._exchange.servers.find(request)
        if known:
            self._exchange.tally.count("requests_repeated")
            self._exchange.servers.repeat(known)
            return
        if self._answered_at_once(request, source, trunk):
            return
        server = self._exchange.servers.open(_stamped(request, source), response_hop(request, source))
        if server is None:
            self._refuse_once(request, source, busy("transactions_full"), trunk.name)
        elif request.method == "CANCEL":
            self._cancel(request, server)
        elif to_tag(request):
            self._dialogs.from_caller(request, server, source)
        else:
            self._open_call(request, server, source, trunk)

    def _turn_away(self, request: Request, source: Hop) -> None:
        refusal = Refusal(403, "requests_forbidden", "No trunk allows this address")
        if self._exchange.gate.answers_stranger(source.host):
            self._refuse_once(request, source, refusal, "")
        else:
            self._exchange.refused(refusal, request, source, "")

    def _answered_at_once(self, request: Request, source: Hop, trunk: TrunkSettings) -> bool:
        """Answer what asks for nothing and belongs to nothing, and keep no transaction that a flood could fill."""
        refusal = None
        if request.method == "CANCEL":
            invite = self._exchange.servers.find(request, "INVITE")
            refusal = None if invite else Refusal(481, "cancels_stray")
        elif to_tag(request):
            call = self._exchange.calls.of_caller(request)
            refusal = None if call else Refusal(481, "requests_outside_calls")
        elif request.method == "OPTIONS":
            refusal = self._refusal_of_options()
            if refusal is None:
                self._send_once(request, source, capabilities(_stamped(request, source)))
                return True
        elif request.method != "INVITE":
            in_dialogs_only = request.method in ALLOW
            refusal = (
                Refusal(481, "requests_outside_calls")
                if in_dialogs_only
                else Refusal(405, "methods_refused", headers=(allow(),))
            )
        if refusal:
            self._refuse_once(request, source, refusal, trunk.name)
        return refusal is not None

    def _refusal_of_options(self) -> Refusal | None:
        """Who pings is told to go elsewhere where no new call is taken; a node that is full may be free in a moment."""
        if self._exchange.draining:
            return busy("options_while_draining")
        return None if self._exchange.desk.stands() else busy("options_without_lines")

    def _cancel(self, request: Request, server: ServerTransaction) -> None:
        self._exchange.servers.respond(server, respond(server.request, 200))
        invite = self._exchange.servers.find(request, "INVITE")
        call, bridge = self._exchange.calls.of_caller(request), self.bridges.of_caller(request)
        if bridge:
            bridge.cancel()
        if not invite or invite.status >= 200 or not call:
            return
        if call.placing:
            call.placing.cancel()
        else:
            self._dialogs.cancel(invite, call)

    def _open_call(self, request: Request, server: ServerTransaction, source: Hop, trunk: TrunkSettings) -> None:
        refusal = self._invite(request, server, source, trunk)
        if refusal is None:
            return
        self._exchange.refused(refusal, request, source, trunk.name)
        response = refuse(server.request, refusal)
        if self._exchange.servers.crowded:
            self._exchange.servers.absorb(server)
            self._exchange.servers.send_once(response, server.reply_to)
        else:
            self._exchange.servers.respond(server, response)

    def _invite(self, request: Request, server: ServerTransaction, source: Hop, trunk: TrunkSettings) -> Refusal | None:
        exchange = self._exchange
        known = exchange.calls.of_caller(request)
        if known and request.cseq == known.cseq and _branch(request) == known.branch:
            # A copy that comes after its transaction was forgotten must open no second call (RFC 6026).
            exchange.tally.count("requests_repeated")
            exchange.servers.absorb(server)
            return None
        if known and (request.cseq == known.cseq or known.phase is not Phase.OVER):
            # Merged: it came by another way too (section 8.2.2.2), or belongs to a dialog and does not say so.
            return Refusal(482, "invites_looping")
        bridge = self.bridges.of_caller(request)
        if (bridge and not bridge.may_follow(request)) or self.bridges.is_own(request):
            return Refusal(482, "invites_looping")
        if exchange.draining:
            return busy("invites_refused_draining")
        if refusal := exchange.gate.check_call(trunk, request, source):
            return refusal
        bound = self.bridges.bind(trunk)
        if not bound and not exchange.desk.has_room():
            return busy("invites_refused_busy")
        if not bound and not exchange.admits(trunk):
            return busy("invites_refused_pressed", PRESSED_S)
        if not exchange.rate.take():
            return busy("invites_refused_rate")
        body = open_body(request, source.host, trunk.codecs)
        refusal = body if isinstance(body, Refusal) else check_offer(body, exchange.addresses.host)
        if isinstance(body, Refusal) or refusal:
            return refusal
        siprec = trunk.siprec or is_recording_session(request, body)
        if bound and not siprec:
            return self.bridges.open(request, body, server, source, trunk)
        return self._place(request, body, server, _call(request, source, trunk, siprec=siprec))

    def _place(self, request: Request, body: Body, server: ServerTransaction, call: FrontCall) -> Refusal | None:
        """Send a call that is let in to a line."""
        exchange = self._exchange
        line = exchange.desk.pick(offered_streams(body))
        if line is None:
            return busy("invites_refused_rate")
        exchange.servers.respond(server, respond(server.request, 100))
        ends = ends_of(request)
        invitation = Invitation(
            request=request,
            body=body,
            caller=ends.caller,
            callee=ends.callee,
            outside_ids=outside_ids(request),
            description=description_of(request, body),
        )
        call.labels = offered_labels(body)
        for quirk in invitation.description.quirks:
            exchange.tally.count(f"repaired_{quirk.replace('-', '_')}")
        Placement(exchange, server, call, invitation).start(line)
        return None

    def _refuse_once(self, request: Request, source: Hop, refusal: Refusal, trunk: str) -> None:
        """Refuse without a transaction: the request cannot be told from others, or floods must cost nothing."""
        self._exchange.refused(refusal, request, source, trunk)
        self._send_once(request, source, refuse(_stamped(request, source), refusal))

    def _send_once(self, request: Request, source: Hop, response: Response) -> None:
        self._exchange.servers.send_once(response, response_hop(request, source))

    def _trunk_of(self, request: Request, source: Hop) -> TrunkSettings | None:
        """The trunk that may send it: its call's, else whose registered Contact it calls, or which allows its source.

        A call goes on from any address that a trunk allows, since a site may call from several. What belongs to a call
        of an extension may come from elsewhere than the registrar: it knows the dialog. A call whose trunk was taken
        away goes on from where it came.
        """
        trunks, uri = self._exchange.trunks, parse_uri(request.uri)
        found = trunks.called(uri.user if uri else "") or trunks.find(source.host)
        call = self._exchange.calls.of_dialog(request)
        known = call and (found or call.trunk.register.registrar or call.source.host == source.host)
        return call.trunk if call and known else found


def _fault(request: Request) -> Refusal | None:
    """Why a request cannot be taken at all."""
    if request.version != VERSION:
        return Refusal(505, "requests_malformed")
    try:
        check_request(request)
    except MalformedMessage as error:
        return Refusal(400, "requests_malformed", str(error))
    if parse_via(request.headers.first("via")) is None:
        return Refusal(400, "requests_malformed", "Bad Via header")
    if not request.uri.lower().startswith(_SCHEMES):
        return Refusal(416, "requests_malformed")
    required = request.headers.all("proxy-require")
    if required:
        return Refusal(420, "extensions_refused", headers=(("unsupported", ", ".join(required)),))
    if "max-forwards" in request.headers and int(request.headers.first("max-forwards")) == 0:
        return Refusal(483, "requests_looping")
    return None


def _branch(request: Request) -> str:
    via = parse_via(request.headers.first("via"))
    return (via.param("branch") if via else "") or ""


def _stamped(request: Request, source: Hop) -> Request:
    """The request with its topmost Via telling where it really came from (RFC 3261 section 18.2.1, RFC 3581)."""
    vias = request.headers.all("via")
    via = parse_via(vias[0]) if vias else None
    if via is None:
        return request
    return request.with_headers(request.headers.set("via", via.stamped(source.host, source.port), *vias[1:]))


def _call(request: Request, source: Hop, trunk: TrunkSettings, *, siprec: bool) -> FrontCall:
    return FrontCall(
        key=call_key(request),
        trunk=trunk,
        siprec=siprec,
        cseq=request.cseq,
        branch=_branch(request),
        caller=request.headers.first("from"),
        callee=request.headers.first("to"),
        source=source,
        sent_by=sent_by(request),
        target=contact_uri(request),
        routes=request.headers.all("record-route"),
    )
