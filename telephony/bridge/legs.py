"""The two dialogs of a bridged call, and messages of one written for the other. Pure.

Each party sees a dialog of ours: own tags, our address as Contact, and for the callee a Call-ID of our own. Option tags
are passed on as far as both ends can do what they say across us: session timers are, reliable provisional answers not.
"""

from dataclasses import dataclass, replace

from telephony.front.hops import Addresses, Hop
from telephony.front.replies import PRODUCT
from telephony.front.translate import caller_hop, way_to
from telephony.relay.sdp import Audio
from telephony.sip.address import parse_name_addr, target_uri
from telephony.sip.headers import Headers
from telephony.sip.message import Request, Response
from telephony.sip.multipart import Part

METHODS = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "UPDATE", "INFO")
OPTIONS = ("timer",)
"""Option tags that are passed on."""
_MAX_FORWARDS = 70
_REQUEST_EXTRAS = ("session-expires", "min-se", "reason")
_RESPONSE_EXTRAS = ("session-expires", "min-se", "retry-after", "reason", "warning")
_TARGET_REFRESH = ("INVITE", "UPDATE")


@dataclass(slots=True, eq=False)
class Leg:
    """One party's dialog (RFC 3261 section 12)."""

    side: int
    """0: the caller, 1: the callee."""
    call_id: str
    local: str
    """Our From or To value, with our tag."""
    remote: str
    """The party's, with its tag once that is known."""
    target: str
    """Its Contact URI; until that is known, what is called."""
    source: Hop
    """Where its last request came from, or where it is called."""
    routes: tuple[str, ...] = ()
    """Route set towards it."""
    sent_by: str = ""
    """Host of its requests' topmost Via."""
    sent: int = 0
    """CSeq number of our last request."""
    heard: int = 0
    """CSeq number of its last request."""
    invites: tuple[int, int] = (0, 0)
    """CSeq numbers of its last INVITE, and of the one that was sent to the other party for it."""
    proof: tuple[tuple[str, str], ...] = ()
    """Credentials of our last INVITE to it, which the ACK repeats (section 22.1)."""
    audio: Audio | None = None
    """What its SDP says."""

    @property
    def tag(self) -> str:
        """Ours."""
        return parse_name_addr(self.local).param("tag") or ""

    @property
    def remote_tag(self) -> str:
        return parse_name_addr(self.remote).param("tag") or ""

    @property
    def hop(self) -> Hop:
        """Where requests to it go."""
        return caller_hop(self)

    def refresh(self, message: Request | Response) -> None:
        """Take over where it is now."""
        contact = target_uri(message.headers.first("contact"))
        if contact and message.method in _TARGET_REFRESH:
            self.target = contact

    def establish(self, response: Response, connection: int) -> None:
        """It answered our INVITE (section 12.1.2), over a connection of this number."""
        self.remote = response.headers.first("to")
        self.routes = tuple(reversed(response.headers.all("record-route")))
        self.source = replace(self.source, connection=connection)
        self.refresh(response)


def request_to(leg: Leg, asked: Request, content: Part | None, addresses: Addresses) -> Request:
    """What one party asked, for the other one, with our newest CSeq number there."""
    uri, routes = way_to(leg)
    fields = [
        ("max-forwards", str(forwards(asked) - 1)),
        *(("route", route) for route in routes),
        ("from", leg.local),
        ("to", leg.remote),
        ("call-id", leg.call_id),
        ("cseq", f"{leg.sent} {asked.method}"),
        ("contact", f"<{addresses.contact(leg.source.transport)}>"),
        ("allow", ", ".join(METHODS)),
        *((name, tag) for name in ("supported", "require") for tag in asked.headers.all(name) if tag in OPTIONS),
        *asked.headers.only(_REQUEST_EXTRAS),
        ("user-agent", PRODUCT),
    ]
    return Request(asked.method, uri, _with_content(fields, content), content.body if content else b"")


def own_request(leg: Leg, method: str, addresses: Addresses) -> Request:
    """A request that nobody asked for."""
    return request_to(leg, Request(method, ""), None, addresses)


def ack_to(leg: Leg, number: int, asked: Request, content: Part | None, addresses: Addresses) -> Request:
    """The ACK for a 2xx to our INVITE of that CSeq number."""
    ack = request_to(leg, Request("ACK", "", asked.headers.only(("max-forwards",))), content, addresses)
    headers = ack.headers.without("contact", "allow").set("cseq", f"{number} ACK")
    return ack.with_headers(Headers((*headers, *leg.proof)))


def response_to(leg: Leg, asked: Request, response: Response, content: Part | None, addresses: Addresses) -> Response:
    """What one party answered, for the other one, which had `asked`."""
    fields = [
        *asked.headers.only(("via", "from")),
        ("to", leg.local),
        *asked.headers.only(("call-id", "cseq", "timestamp")),
        *(asked.headers.only(("record-route",)) if asked.method == "INVITE" else ()),
    ]
    if asked.method in _TARGET_REFRESH and response.status < 300:
        fields.append(("contact", f"<{addresses.contact(leg.source.transport)}>"))
    fields += [
        ("allow", ", ".join(METHODS)),
        ("supported", ", ".join(OPTIONS)),
        *(("require", tag) for tag in response.headers.all("require") if tag in OPTIONS),
        *response.headers.only(_RESPONSE_EXTRAS),
        ("server", PRODUCT),
    ]
    headers = _with_content(fields, content)
    return Response(response.status, response.reason, headers, content.body if content else b"")


def forwards(request: Request) -> int:
    """Hops that a request may still take."""
    told = request.headers.first("max-forwards")
    return min(int(told), _MAX_FORWARDS) if told.isascii() and told.isdigit() else _MAX_FORWARDS


def _with_content(fields: list[tuple[str, str]], content: Part | None) -> Headers:
    return Headers((*fields, *((("content-type", content.content_type),) if content else ())))
