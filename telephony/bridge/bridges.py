"""All bridged calls of a front: who may have one, and whose a message is."""

import secrets
from dataclasses import replace
from uuid import UUID, uuid4

from callscribe.domain.call import Dialect, Party
from telephony.bridge.bridge import Bridge, Opening
from telephony.bridge.bridging import Bridging
from telephony.bridge.legs import OPTIONS, Leg, forwards
from telephony.bridge.media import Media, check_media
from telephony.front.bodies import Body
from telephony.front.calls import CallKey, call_key, sent_by
from telephony.front.dialect import contact_uri, description_of, ends_of, outside_ids
from telephony.front.exchange import Exchange
from telephony.front.hops import Hop, Transport
from telephony.front.offer import CallOffer
from telephony.front.replies import Refusal, busy
from telephony.front.transactions import LIFE_S, ServerTransaction
from telephony.routes import RouteSettings, called_user
from telephony.settings import TrunkSettings
from telephony.sip.address import bare_address, parse_name_addr, parse_uri
from telephony.sip.message import Request


class Bridges:
    """Opens bridged calls, and finds them by their dialogs."""

    def __init__(self, exchange: Exchange, bridging: Bridging) -> None:
        self._exchange = exchange
        self._bridging = bridging
        self._by_caller: dict[CallKey, Bridge] = {}
        self._by_dialog: dict[tuple[str, str], Bridge] = {}
        """By Call-ID and our tag. Calls that are over stay for late copies of their messages."""
        self._going_on: dict[UUID, Bridge] = {}
        self._own: set[str] = set()
        """Call-IDs towards callees."""

    def __len__(self) -> int:
        """Those that ring or go on."""
        return len(self._going_on)

    def bind(self, trunk: TrunkSettings) -> bool:
        """True where plain calls of a trunk are sent on, or refused."""
        return self._bridging.routes.bind(trunk.name)

    def of_dialog(self, request: Request) -> Bridge | None:
        """The bridged call whose party sent a request within its dialog; its tags are nobody else's to know."""
        tag = parse_name_addr(request.headers.first("to")).param("tag") or ""
        bridge = self._by_dialog.get((request.headers.first("call-id"), tag)) if tag else None
        return bridge if bridge and bridge.knows(request) else None

    def of_caller(self, request: Request) -> Bridge | None:
        """The bridged call that an INVITE opened, or a CANCEL is for."""
        return self._by_caller.get(call_key(request))

    def is_own(self, request: Request) -> bool:
        """True where an INVITE is one of ours that came back."""
        return request.headers.first("call-id") in self._own

    def of_line(self, request: Request) -> Bridge | None:
        """The bridged call that a line means."""
        call_id = request.headers.first("call-id")
        return next((bridge for bridge in self._going_on.values() if str(bridge.hearing.call_id) == call_id), None)

    def line_lost(self, line: int) -> None:
        """A line died: its bridged calls find another one."""
        for bridge in list(self._going_on.values()):
            bridge.hearing.line_lost(line)

    def end_all(self) -> None:
        """Hang up."""
        for bridge in list(self._going_on.values()):
            bridge.end()

    def open(
        self, request: Request, body: Body, server: ServerTransaction, source: Hop, trunk: TrunkSettings
    ) -> Refusal | None:
        """Send a call on, or say why not. Nothing of the request but the number that a route limits says where to."""
        user = self._called(request, trunk)
        route = self._bridging.routes.find(trunk.name, user)
        refusal = self._refusal(request, body, route, user)
        if route is None or refusal:
            return refusal
        name, relay = uuid4(), self._bridging.relay
        ports = relay.open(name) if relay else None
        if relay is None or ports is None:
            return busy("bridges_without_ports")
        caller, callee = self._caller(request, source), self._callee(request, route, user, name)
        opening = Opening(name, route, request, server, body, caller, callee, _offer(request, body, trunk, name))
        media = Media(relay, name, ports, self._exchange.addresses.host, trunk.codecs)
        bridge = Bridge(self._exchange, opening, media, lambda: self._end(name, call_key(request)))
        self._going_on[name] = self._by_caller[call_key(request)] = bridge
        self._own.add(callee.call_id)
        self._by_dialog |= {(leg.call_id, leg.tag): bridge for leg in (caller, callee)}
        bridge.start()
        return None

    def _called(self, request: Request, trunk: TrunkSettings) -> str:
        """The user that a call is for.

        One to the Contact that a trunk registered names its number in To alone, and is else for the extension. A
        caller may write what it likes there: it chooses among the trunk's routes, but says what a target has for
        {user} only where the route allows that.
        """
        user = called_user(request.uri)
        if self._exchange.trunks.called(user) is not trunk:
            return user
        named = called_user(parse_name_addr(request.headers.first("to")).uri)
        route = self._bridging.routes.find(trunk.name, named)
        is_extension = named in ("", user) or (route is not None and not route.takes_to)
        return trunk.register.extension if is_extension else named

    def _refusal(self, request: Request, body: Body, route: RouteSettings | None, user: str) -> Refusal | None:
        if route is None:
            if self._bridging.routes.is_others(user):
                return Refusal(403, "bridges_forbidden", "No route of this trunk is for this number")
            return Refusal(404, "bridges_unknown", "No route is for this number")
        required = [tag for tag in request.headers.all("require") if tag and tag not in OPTIONS]
        if required:
            return Refusal(420, "extensions_refused", headers=(("unsupported", ", ".join(required)),))
        if forwards(request) <= 1:
            return Refusal(483, "invites_looping")
        if not self._bridging.address_of(route.host):
            return Refusal(480, "bridges_unresolved", "The target's name cannot be looked up")
        return check_media(body, self._exchange.addresses.host)

    def _caller(self, request: Request, source: Hop) -> Leg:
        to = request.headers.first("to")
        return Leg(
            side=0,
            call_id=request.headers.first("call-id"),
            local=f"{to};tag={_tag()}",
            remote=request.headers.first("from"),
            target=contact_uri(request),
            source=source,
            routes=request.headers.all("record-route"),
            sent_by=sent_by(request),
            heard=request.cseq,
        )

    def _callee(self, request: Request, route: RouteSettings, user: str, name: UUID) -> Leg:
        target = route.target_of(user)
        caller, addresses = parse_name_addr(request.headers.first("from")), self._exchange.addresses
        uri = parse_uri(caller.uri)
        shown = uri.user if uri and uri.user and uri.user.isascii() else "anonymous"
        return Leg(
            side=1,
            call_id=str(name),
            local=f"<sip:{shown}@{addresses.host}>;tag={_tag()}",
            remote=f"<{target}>",
            target=target,
            source=Hop(Transport(route.transport), self._bridging.address_of(route.host), route.port),
        )

    def _end(self, name: UUID, key: CallKey) -> None:
        bridge = self._going_on.pop(name, None)
        if bridge is None:
            return

        def forget() -> None:
            if self._by_caller.get(key) is bridge:
                del self._by_caller[key]
            self._own.discard(bridge.callee.call_id)
            for leg in (bridge.caller, bridge.callee):
                self._by_dialog.pop((leg.call_id, leg.tag), None)

        self._exchange.timers.after(LIFE_S, forget)


def _offer(request: Request, body: Body, trunk: TrunkSettings, name: UUID) -> CallOffer:
    """What is told of the call, whichever line hears it."""
    ends, ids = ends_of(request), outside_ids(request)
    return CallOffer(
        id=name,
        trunk=trunk.name,
        dialect=Dialect.PLAIN,
        caller=ends.caller,
        callee=ends.callee if ends.callee.address else Party(bare_address(request.uri)),
        outside_ids=replace(ids, others=(*ids.others, ("bridge", str(name)))),
        description=description_of(request, body),
        line=-1,
        bridged=True,
    )


def _tag() -> str:
    return secrets.token_hex(16)
