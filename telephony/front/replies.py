"""Responses that the front makes itself, and how responses find their way back (RFC 3261 sections 8.2.6 and 18.2.2)."""

import hashlib
import secrets
from dataclasses import dataclass

from telephony.front.hops import Hop, Transport
from telephony.sip.address import parse_name_addr, parse_via
from telephony.sip.headers import Headers
from telephony.sip.message import Request, Response

ALLOW = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "UPDATE", "INFO", "PRACK")
METHODS = (*ALLOW, "REGISTER", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE", "REFER")
"""Those that are known by name."""
ACCEPT = ("application/sdp", "application/rs-metadata+xml", "application/rs-metadata", "multipart/mixed")
PRODUCT = "Callscribe"
RETRY_AFTER_S = 2
PRESSED_S = 10
"""After which it is worth trying again where those behind the lines have too much to do."""

REASONS = {
    200: "OK",
    100: "Trying",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    491: "Request Pending",
    503: "Service Unavailable",
    505: "Version Not Supported",
    513: "Message Too Large",
}

_TAG_SECRET = secrets.token_bytes(16)
_ECHOED = ("via", "from", "to", "call-id", "cseq", "timestamp")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A final response other than 2xx."""

    status: int
    counter: str
    """Name under which it is counted."""
    reason: str = ""
    """Reason phrase where it says more than the status does."""
    headers: tuple[tuple[str, str], ...] = ()
    detail: str = ""
    """What was wrong, for whoever runs this: in words of our own and names of codecs."""
    usual: bool = False
    """True for a step of what goes well: it is counted, not logged."""


def busy(counter: str, retry_after_s: int = RETRY_AFTER_S) -> Refusal:
    """503 that says when to come again."""
    return Refusal(503, counter, headers=(("retry-after", str(retry_after_s)),))


def warning(code: int, text: str, host: str) -> tuple[str, str]:
    """A Warning header (RFC 3261 section 20.43)."""
    return ("warning", f'{code} {host} "{text}"')


def respond(request: Request, status: int, reason: str = "", headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """A response of our own to `request`; its To tag is the same for every copy of the request."""
    echoed = request.headers.only(_ECHOED)
    if status != 100 and not parse_name_addr(echoed.first("to")).param("tag"):
        echoed = echoed.set("to", f"{echoed.first('to')};tag={_tag(request)}")
    fields = (*echoed.fields, *headers, ("server", PRODUCT))
    return Response(status, reason or REASONS[status], Headers(fields))


def capabilities(request: Request) -> Response:
    """200 to OPTIONS (RFC 3261 section 11.2)."""
    return respond(request, 200, headers=(allow(), accept(), ("supported", "timer, siprec")))


def refuse(request: Request, refusal: Refusal) -> Response:
    return respond(request, refusal.status, refusal.reason, refusal.headers)


def allow() -> tuple[str, str]:
    return ("allow", ", ".join(ALLOW))


def accept() -> tuple[str, str]:
    return ("accept", ", ".join(ACCEPT))


def response_hop(request: Request, source: Hop) -> Hop:
    """Where responses to a request from `source` go: its connection, or its address with the port its Via asks for."""
    via = parse_via(request.headers.first("via"))
    if via is None or (not source.reliable and via.param("rport") is not None):
        return source
    return Hop(source.transport, source.host, via.port or default_port(source.transport), source.connection)


def default_port(transport: Transport) -> int:
    """Where nothing is said (RFC 3261 section 19.1.2)."""
    return 5061 if transport is Transport.TLS else 5060


def _tag(request: Request) -> str:
    top = (request.headers.first("via"), request.headers.first("call-id"), request.headers.first("cseq"))
    seed = "\n".join(top).encode("utf-8", "surrogateescape")
    return hashlib.blake2s(seed, key=_TAG_SECRET, digest_size=8).hexdigest()
