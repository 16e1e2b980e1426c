"""A proxy on a bench: messages and time go in by hand, what it sends is read back as messages."""

from dataclasses import dataclass, field
from uuid import UUID

from callscribe.domain.errors import MalformedMessage
from telephony.front.exchange import Exchange, FrontSettings
from telephony.front.hops import Addresses, Hop, Transport
from telephony.front.offer import CallOffer, Description
from telephony.front.proxy import Proxy
from telephony.lines import LineStatus
from telephony.settings import TrunkSettings
from telephony.sip.framing import parse_datagram
from telephony.sip.headers import Headers
from telephony.sip.message import Request, Response
from telephony.trunks import Trunks

CALLER = Hop(Transport.UDP, "192.0.2.10", 5062)
TRUNKS = (TrunkSettings(name="pbx", allow=("192.0.2.0/24",)),)
SDP = (
    "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0 8\r\na=sendonly\r\na=label:1\r\n"
)
METADATA = '<?xml version="1.0"?><recording xmlns="urn:ietf:params:xml:ns:recording:1"/>'


def multipart(sdp: str = SDP, metadata: str = METADATA) -> str:
    """The body of a SIPREC INVITE, boundary "part"."""
    return (
        f"--part\r\nContent-Type: application/sdp\r\n\r\n{sdp}\r\n"
        "--part\r\nContent-Type: application/rs-metadata+xml\r\nContent-Disposition: recording-session\r\n\r\n"
        f"{metadata}\r\n--part--\r\n"
    )


MULTIPART_TYPE = "multipart/mixed;boundary=part"


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as a caller sends it. A header of `headers` replaces the usual one of that name; None leaves it out."""

    method: str = "INVITE"
    call: str = "call-1"
    cseq: int = 1
    to_tag: str = ""
    branch: str = ""
    body: str = ""
    content_type: str = ""
    transport: str = "UDP"
    headers: tuple[tuple[str, str | None], ...] = ()
    uri: str = "sip:scribe@198.51.100.1"

    def data(self) -> bytes:
        branch = self.branch or f"z9hG4bK-{self.call}-{self.cseq}-{self.method}"
        to_tag = f";tag={self.to_tag}" if self.to_tag else ""
        usual: dict[str, str | None] = {
            "Via": f"SIP/2.0/{self.transport} 192.0.2.10:5062;branch={branch};rport",
            "Max-Forwards": "70",
            "From": '"Ann" <sip:ann@example.com>;tag=caller-tag',
            "To": f"<sip:scribe@example.com>{to_tag}",
            "Call-ID": self.call,
            "CSeq": f"{self.cseq} {self.method}",
            "Contact": "<sip:ann@192.0.2.10:5062>",
            "Content-Type": self.content_type or ("application/sdp" if self.body else None),
            "Content-Length": str(len(self.body.encode())),
        }
        usual.update(dict(self.headers))
        lines = [f"{self.method} {self.uri} SIP/2.0", *(f"{k}: {v}" for k, v in usual.items() if v is not None)]
        return ("\r\n".join(lines) + "\r\n\r\n" + self.body).encode()


@dataclass
class Sent:
    """What the proxy sent."""

    hop: Hop
    message: Request | Response


@dataclass
class Bench:
    """A proxy, its lines, its listener and its clock."""

    lines: list[LineStatus] = field(default_factory=lambda: [line(0), line(1)])
    trunks: tuple[TrunkSettings, ...] = TRUNKS
    rate: float = 100.0
    source_rate: float = 1e6
    now: float = 1000.0
    sent: list[Sent] = field(default_factory=list)
    offers: list[CallOffer] = field(default_factory=list)
    described: list[Description] = field(default_factory=list)
    metadata: list[tuple[UUID, bytes]] = field(default_factory=list)
    pauses: list[tuple[UUID, bool]] = field(default_factory=list)
    abandoned: list[UUID] = field(default_factory=list)

    def __post_init__(self) -> None:
        settings = FrontSettings(
            addresses=Addresses("198.51.100.1", 5060, 5061, 6000),
            trunks=Trunks(self.trunks),
            invites_per_second=self.rate,
            source_invites_per_second=self.source_rate,
        )
        self.exchange = Exchange(settings, lambda: self.lines, self, self, lambda: self.now)
        self.proxy = Proxy(self.exchange)

    # Outlet and FrontListener

    def send(self, hop: Hop, data: bytes) -> None:
        self.sent.append(Sent(hop, parse_datagram(data)))

    def call_offered(self, offer: CallOffer) -> None:
        self.offers.append(offer)

    def call_described(self, call_id: UUID, description: Description) -> None:
        self.described.append(description)
        if description.metadata is not None:
            self.metadata.append((call_id, description.metadata))

    def call_pause_asked(self, call_id: UUID, *, paused: bool) -> None:
        self.pauses.append((call_id, paused))

    def call_abandoned(self, call_id: UUID) -> None:
        self.abandoned.append(call_id)

    # What a test does

    def receive(self, data: bytes, source: Hop = CALLER) -> None:
        """A datagram comes."""
        try:
            message = parse_datagram(data)
        except MalformedMessage:
            return
        self.proxy.receive(message, source)

    def ask(self, ask: Ask, source: Hop = CALLER) -> None:
        self.receive(ask.data(), source)

    def advance(self, seconds: float) -> None:
        """Time passes, and every timer rings in its moment."""
        end = self.now + seconds
        while (due := self.exchange.timers.next_due()) is not None and due <= end:
            self.now = max(self.now, due)
            self.exchange.timers.ring_due()
        self.now = end

    def taken(self) -> list[Sent]:
        """What was sent since the last look."""
        sent, self.sent = self.sent, []
        return sent

    def to_line(self) -> list[Request]:
        """Requests that went to lines; everything sent so far is taken."""
        return [s.message for s in self.taken() if s.hop.transport is Transport.LINE and isinstance(s.message, Request)]

    def to_caller(self) -> list[Response]:
        """Responses that went to callers, without 100; everything sent so far is taken."""
        return [
            s.message
            for s in self.taken()
            if s.hop.transport is not Transport.LINE and isinstance(s.message, Response) and s.message.status != 100
        ]

    def line_says(self, request: Request, status: int, sdp: str = "", tag: str = "line-tag") -> None:
        """The line that got `request` answers it."""
        to = request.headers.first("to")
        if "tag=" not in to and status > 100:
            to = f"{to};tag={tag}"
        fields = (*request.headers.only(("via", "from")), ("to", to), *request.headers.only(("call-id", "cseq")))
        content = (("content-type", "application/sdp"),) if sdp else ()
        response = Response(status, "Reason", Headers((*fields, *content)), sdp.encode())
        self.receive(response.to_bytes(), line_hop(request))

    def answered(self, ask: Ask | None = None, source: Hop = CALLER) -> Request:
        """Bring a call to the point where the caller acknowledged; gives the INVITE that the line got."""
        ask = ask or Ask(body=SDP)
        self.ask(ask, source)
        invite = self.to_line()[0]
        self.line_says(invite, 200, SDP)
        self.ask(Ask("ACK", ask.call, ask.cseq, "line-tag", branch="z9hG4bK-ack"), source)
        self.taken()
        return invite


def line(index: int, calls: int = 0, capacity: int = 4, *, ready: bool = True) -> LineStatus:
    return LineStatus(index, 7000 + index, ready, calls, capacity if ready else 0)


def line_hop(request: Request) -> Hop:
    """Where a request's line answers from."""
    return Hop(Transport.LINE, "127.0.0.1", int(request.uri.rpartition(":")[2]))


def line_request(invite: Request, method: str, cseq: int, extra: tuple[tuple[str, str], ...] = ()) -> bytes:
    """A request that the line of `invite` makes within the call."""
    fields = (
        ("via", f"SIP/2.0/UDP 127.0.0.1:7000;rport;branch=z9hG4bKline{method}{cseq}"),
        ("max-forwards", "70"),
        ("from", f"{invite.headers.first('to')};tag=line-tag"),
        ("to", invite.headers.first("from")),
        ("call-id", invite.headers.first("call-id")),
        ("cseq", f"{cseq} {method}"),
        *extra,
    )
    return Request(method, "sip:caller@127.0.0.1:6000", Headers(fields)).to_bytes()
