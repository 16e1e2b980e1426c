"""A request from this machine to the public SIP port: whether the front answers, and how."""

import contextlib
import secrets
import socket
import ssl

from callscribe.domain.errors import MalformedMessage
from telephony.front.tls import client_context
from telephony.sip.headers import Headers
from telephony.sip.message import Request, Response, parse

PATIENCE_S = 2.0
_LARGEST = 65536


def ask_options(transport: str, host: str, port: int) -> int | None:
    """Status of the answer to OPTIONS (RFC 3261 section 11) over "UDP", "TCP" or "TLS"; None where none comes."""
    try:
        with contextlib.closing(_connect(transport, host, port)) as peer:
            peer.sendall(_options(transport, peer.getsockname(), host, port).to_bytes())
            message = parse(peer.recv(_LARGEST))
    except (OSError, ssl.SSLError, MalformedMessage):
        return None
    return message.status if isinstance(message, Response) else None


def _connect(transport: str, host: str, port: int) -> socket.socket:
    if transport == "UDP":
        peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        peer.settimeout(PATIENCE_S)
        peer.connect((host, port))
        return peer
    plain = socket.create_connection((host, port), PATIENCE_S)
    return client_context().wrap_socket(plain) if transport == "TLS" else plain


def _options(transport: str, here: tuple[str, int], host: str, port: int) -> Request:
    where = f"{here[0]}:{here[1]}"
    fields = (
        ("via", f"SIP/2.0/{transport} {where};branch=z9hG4bK{secrets.token_hex(8)};rport"),
        ("max-forwards", "70"),
        ("from", f"<sip:doctor@{where}>;tag={secrets.token_hex(4)}"),
        ("to", f"<sip:{host}:{port}>"),
        ("call-id", secrets.token_hex(12)),
        ("cseq", "1 OPTIONS"),
    )
    return Request("OPTIONS", f"sip:{host}:{port}", Headers(fields))
