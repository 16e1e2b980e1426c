"""Messages of one dialog side written for the other. Pure.

A line sees messages of our own making only: its dialog has the call's UUID as Call-ID and addresses of loopback, so
that nothing near-valid ever meets the strict stack, and what is forwarded stays far below its 4,000 bytes. CSeq numbers
are the caller's. The caller sees its own Via, From, To, Call-ID and our public address as Contact.
"""

import ipaddress
import re
from typing import Protocol

from callscribe.domain.call import Dialect
from telephony.front.calls import FrontCall
from telephony.front.hops import Addresses, Hop, Transport
from telephony.front.replies import ALLOW, PRODUCT, REASONS, allow, default_port
from telephony.line.sdp import with_labels
from telephony.sdp import with_media_lines
from telephony.sip.address import Uri, parse_name_addr, parse_uri
from telephony.sip.headers import Headers
from telephony.sip.message import Request, Response
from telephony.sip.multipart import Part

CALL_HEADER = "x-callscribe-call"
DIALECT_HEADER = "x-callscribe-dialect"
MAX_TO_LINE = 4000
"""Bytes PJSIP reads of one message (PJSIP_MAX_PKT_LEN)."""

_CALLER_TAG = "caller"
_OPTIONS = ("timer", "100rel")
"""Option tags that a line understands and may be told of."""
_TO_LINE = {
    "session-expires": re.compile(r"\d{1,9}(?:\s*;\s*refresher\s*=\s*ua[cs])?", re.IGNORECASE),
    "min-se": re.compile(r"\d{1,9}"),
    "rack": re.compile(r"\d{1,10}\s+\d{1,10}\s+[A-Z]+"),
    "require": re.compile(r"[A-Za-z0-9.\-]{1,40}"),
}
"""Further headers for a line, and as much of their values as it gets: PJSIP drops a message with one it cannot read."""
_REQUEST_EXTRAS = ("session-expires", "min-se", "rack", "reason")
_RESPONSE_EXTRAS = ("require", "session-expires", "min-se", "unsupported", "warning", "retry-after", "rseq", "reason")
_TARGET_REFRESH = ("INVITE", "UPDATE")


def to_line(request: Request, call: FrontCall, content: Part | None, addresses: Addresses) -> Request:
    """A caller's request for the call's line; the INVITE that opens the call names it."""
    opening = request.method == "INVITE" and not call.line_tag
    to_tag = f";tag={call.line_tag}" if call.line_tag else ""
    fields = [
        ("max-forwards", "70"),
        ("from", f"<sip:caller@127.0.0.1>;tag={_CALLER_TAG}"),
        ("to", f"<sip:callscribe@127.0.0.1>{to_tag}"),
        ("call-id", str(call.id)),
        ("cseq", f"{request.cseq} {request.method}"),
        ("contact", f"<{addresses.contact(Transport.LINE)}>"),
        *_tags(request, "supported", _OPTIONS),
        *_tags(request, "allow", ALLOW),
        *_readable(request.headers),
    ]
    if opening:
        fields.append((CALL_HEADER, str(call.id)))
        fields.append((DIALECT_HEADER, Dialect.SIPREC if call.siprec else Dialect.PLAIN))
    uri = f"sip:callscribe@127.0.0.1:{call.line_port}"
    return Request(request.method, uri, _with_content(fields, content), content.body if content else b"")


def to_caller(request: Request, call: FrontCall, addresses: Addresses) -> Request:
    """A line's request for the caller."""
    uri, routes = way_to(call)
    fields = [
        ("max-forwards", "70"),
        *(("route", route) for route in routes),
        ("from", f"{call.callee};tag={call.line_tag}"),
        ("to", call.caller),
        ("call-id", call.key[0]),
        ("cseq", f"{request.cseq} {request.method}"),
        ("contact", _contact(call, addresses)),
        *_tags(request, "supported", _OPTIONS),
        allow(),
        *(("require", tag) for tag in request.headers.all("require") if tag),
        *request.headers.only(_REQUEST_EXTRAS),
        ("user-agent", PRODUCT),
    ]
    content = Part(request.headers.first("content-type"), request.body) if request.body else None
    return Request(request.method, uri, _with_content(fields, content), request.body)


def answer_caller(asked: Request, response: Response, call: FrontCall, addresses: Addresses) -> Response:
    """A line's response for the caller, whose request was `asked`."""
    to = asked.headers.first("to")
    tag = parse_name_addr(response.headers.first("to")).param("tag")
    if tag and not parse_name_addr(to).param("tag"):
        to = f"{to};tag={tag}"
    fields = [*asked.headers.only(("via", "from")), ("to", to), *asked.headers.only(("call-id", "cseq", "timestamp"))]
    if asked.method == "INVITE":
        fields.extend(asked.headers.only(("record-route",)))
    if asked.method in _TARGET_REFRESH and response.status < 300:
        fields.append(("contact", _contact(call, addresses)))
    fields += [allow(), ("supported", "timer"), *response.headers.only(_RESPONSE_EXTRAS), ("server", PRODUCT)]
    return _answer(response, fields, call)


def answer_line(asked: Request, response: Response, content: Part | None, addresses: Addresses) -> Response:
    """A caller's response for the line, whose request was `asked`."""
    fields = list(asked.headers.only(("via", "from", "to", "call-id", "cseq")))
    if asked.method in _TARGET_REFRESH and response.status < 300:
        fields.append(("contact", f"<{addresses.contact(Transport.LINE)}>"))
    fields.extend(_readable(response.headers))
    body = content.body if content else b""
    reason = REASONS.get(response.status, "Response")
    return Response(response.status, reason, _with_content(fields, content), body)


def bye_caller(call: FrontCall, addresses: Addresses) -> Request:
    """The BYE that a line can no longer send."""
    return to_caller(Request("BYE", "", Headers((("cseq", f"{call.line_cseq + 1} BYE"),))), call, addresses)


def ack_line(response: Response, call_id: str, port: int) -> Request:
    """The ACK for a line's 2xx that no caller will acknowledge."""
    return _own_to_line("ACK", response, call_id, port)


def bye_line(response: Response, call_id: str, port: int) -> Request:
    """The BYE for a dialog that a line opened too late."""
    return _own_to_line("BYE", response, call_id, port)


class Peer(Protocol):
    """Who is at the other end of a dialog."""

    source: Hop
    """Where its last request came from."""
    sent_by: str
    """Host of that request's topmost Via."""
    target: str
    """Its Contact URI."""
    routes: tuple[str, ...]
    """Route set towards it."""


def way_to(peer: Peer) -> tuple[str, tuple[str, ...]]:
    """Request-URI and Route values of a request to a peer (RFC 3261 section 12.2.1.1)."""
    routes = peer.routes
    if routes and parse_name_addr(routes[0]).uri and ";lr" not in routes[0].lower():
        # A strict router.
        return parse_name_addr(routes[0]).uri, (*routes[1:], f"<{peer.target}>")
    return peer.target, routes


def caller_hop(call: Peer) -> Hop:
    """Where requests to a peer go: its connection while that lives, else its first route or its Contact.

    Over UDP the address that its last request came from is taken instead where the peer stands behind NAT: its Contact
    cannot be reached from here, or is also what its Via names while its request came from elsewhere. A host name in
    Contact is passed over, too, since looking it up would take time.
    """
    source = call.source
    uri = parse_uri(parse_name_addr(call.routes[0]).uri if call.routes else call.target)
    if uri is None or not uri.host:
        return source
    transport = source.transport if source.reliable else _transport(uri)
    translated = not call.routes and uri.host == call.sent_by != source.host
    if transport is Transport.UDP and (translated or not _reachable(uri.host, source.host)):
        return source
    return Hop(transport, uri.host, uri.port or default_port(transport), source.connection)


def _transport(uri: Uri) -> Transport:
    if uri.scheme == "sips":
        return Transport.TLS
    named = (uri.param("transport") or "").lower()
    return Transport(named) if named in ("tcp", "tls") else Transport.UDP


def _reachable(host: str, source: str) -> bool:
    try:
        here, there = ipaddress.ip_address(host), ipaddress.ip_address(source)
    except ValueError:
        return False
    if here.version != there.version or here.is_unspecified or here.is_loopback != there.is_loopback:
        return False
    return not (here.is_private and there.is_global)


def _contact(call: FrontCall, addresses: Addresses) -> str:
    """Our Contact for the caller, with the feature tag of a recording server (RFC 7866 section 7.1.1)."""
    return f"<{addresses.contact(call.source.transport)}>" + (";+sip.srs" if call.siprec else "")


def _readable(headers: Headers) -> list[tuple[str, str]]:
    found = [(name, rule.match(value)) for name, value in headers if (rule := _TO_LINE.get(name))]
    return [(name, match[0]) for name, match in found if match and match[0].lower() != "siprec"]


def _tags(request: Request, name: str, known: tuple[str, ...]) -> list[tuple[str, str]]:
    offered = [tag for tag in request.headers.all(name) if tag in known]
    return [(name, ", ".join(offered))] if offered else []


def _with_content(fields: list[tuple[str, str]], content: Part | None) -> Headers:
    return Headers((*fields, *((("content-type", content.content_type),) if content else ())))


def _answer(response: Response, fields: list[tuple[str, str]], call: FrontCall) -> Response:
    content, body = None, response.body
    if body:
        content = Part(response.headers.first("content-type"), body)
        # A line cannot label an SDP above 1,024 bytes.
        body = with_labels(body.decode("utf-8", "replace"), call.labels).encode() if any(call.labels) else body
        body = with_media_lines(body, call.withdrawn) if call.withdrawn else body
    return Response(response.status, response.reason, _with_content(fields, content), body)


def _own_to_line(method: str, response: Response, call_id: str, port: int) -> Request:
    number = response.cseq if method == "ACK" else response.cseq + 1
    fields = (
        ("max-forwards", "70"),
        *response.headers.only(("from", "to")),
        ("call-id", call_id),
        ("cseq", f"{number} {method}"),
    )
    return Request(method, f"sip:callscribe@127.0.0.1:{port}", Headers(fields))
