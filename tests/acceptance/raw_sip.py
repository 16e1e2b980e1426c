"""SIP by hand: requests that no client would send, and what the service answers to them."""

import itertools
import re
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

_numbers = itertools.count(1)
AUDIO_OFFER = """v=0\r
o=raw 1 1 IN IP4 127.0.0.1\r
s=-\r
c=IN IP4 127.0.0.1\r
t=0 0\r
m=audio {port} RTP/AVP 0\r
a=rtpmap:0 PCMU/8000\r
"""


@dataclass(frozen=True, slots=True)
class Reply:
    """A response."""

    status: int
    head: str
    """Status line and headers."""
    body: str

    def header(self, name: str) -> str:
        """The first header of that name, "" where there is none."""
        found = re.search(rf"^{name}\s*:\s*(.*?)\r?$", self.head, re.IGNORECASE | re.MULTILINE)
        return found[1] if found else ""

    @property
    def audio_ports(self) -> list[int]:
        return [int(port) for port in re.findall(r"m=audio (\d+)", self.body)]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of a call. A header of `headers` replaces the usual one of that name; None leaves it out."""

    method: str = "INVITE"
    body: str = ""
    content_type: str = "application/sdp"
    headers: Mapping[str, str | None] = field(default_factory=dict)
    call: str = field(default_factory=lambda: f"raw-{next(_numbers)}-{time.monotonic_ns()}")
    cseq: int = 1
    to: str = "<sip:scribe@127.0.0.1>"
    start: str = ""
    """The request line, where it is not the usual one."""
    branch: str = ""
    """Method whose transaction this belongs to, where it is not the request's own."""

    def data(self, transport: str, port: int) -> bytes:
        branch = f"z9hG4bK-{self.branch or self.method}-{self.call}-{self.cseq}"
        usual: dict[str, str | None] = {
            "Via": f"SIP/2.0/{transport} 127.0.0.1:{port};branch={branch};rport",
            "Max-Forwards": "70",
            "From": f'"Raw" <sip:raw@127.0.0.1>;tag={self.call}',
            "To": self.to,
            "Call-ID": self.call,
            "CSeq": f"{self.cseq} {self.method}",
            "Contact": f"<sip:raw@127.0.0.1:{port};transport={transport.lower()}>",
            "Content-Type": self.content_type if self.body else None,
            "Content-Length": str(len(self.body.encode())),
        }
        lines = [self.start or f"{self.method} sip:scribe@127.0.0.1 SIP/2.0"]
        lines += [f"{name}: {value}" for name, value in {**usual, **self.headers}.items() if value is not None]
        return ("\r\n".join(lines) + "\r\n\r\n" + self.body).encode()

    def acknowledgement(self, reply: Reply) -> "Asked":
        """The ACK for a final response to this INVITE (RFC 3261 sections 13.2.2.4 and 17.1.1.3)."""
        if reply.status < 300:
            return self.within(reply, "ACK", self.cseq)
        return Asked("ACK", call=self.call, cseq=self.cseq, to=reply.header("To"), branch="INVITE")

    def within(self, reply: Reply, method: str, cseq: int) -> "Asked":
        """A request of the dialog that a 200 to this established (RFC 3261 section 12.2.1.1)."""
        routes = re.findall(r"^Record-Route\s*:\s*(.*?)\r?$", reply.head, re.IGNORECASE | re.MULTILINE)
        target = reply.header("Contact").partition(">")[0].lstrip("<")
        return Asked(
            method,
            call=self.call,
            cseq=cseq,
            to=reply.header("To"),
            start=f"{method} {target} SIP/2.0",
            headers={"Route": ", ".join(reversed(routes)) or None},
        )


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request that the service sent."""

    head: str
    """Request line and headers."""
    body: str

    @property
    def uri(self) -> str:
        return self.head.split(" ")[1]

    def header(self, name: str) -> str:
        """The first header of that name, "" where there is none."""
        found = re.search(rf"^{name}\s*:\s*(.*?)\r?$", self.head, re.IGNORECASE | re.MULTILINE)
        return found[1] if found else ""

    @property
    def audio_port(self) -> int:
        return int(re.findall(r"m=audio (\d+)", self.body)[0])

    def response(self, status: int, port: int, body: str, headers: Mapping[str, str]) -> bytes:
        """A response from 127.0.0.1:`port`; the dialog that it opens has the tag "callee" there."""
        lines = [f"SIP/2.0 {status} Reason"]
        lines += [f"{name}: {self.header(name)}" for name in ("Via", "From", "Call-ID", "CSeq")]
        to = self.header("To")
        lines.append(f"To: {to if 'tag=' in to or status == 100 else to + ';tag=callee'}")
        lines.append(f"Contact: <sip:callee@127.0.0.1:{port}>")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += ["Content-Type: application/sdp"] if body else []
        lines.append(f"Content-Length: {len(body)}")
        return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()

    def within(self, method: str, cseq: int, body: str = "") -> Asked:
        """A request of whoever answered this INVITE, within the dialog."""
        return Asked(
            method,
            body=body,
            call=self.header("Call-ID"),
            cseq=cseq,
            to=self.header("From"),
            start=f"{method} {self.header('Contact').strip('<>')} SIP/2.0",
            headers={"From": f"{self.header('To')};tag=callee"},
        )


def parse_reply(message: str) -> Reply | None:
    """A response, None where the text is none."""
    head, _, body = message.partition("\r\n\r\n")
    found = re.match(r"SIP/2\.0 (\d{3})", head)
    return Reply(int(found[1]), head, body) if found else None


def farewell(reply: Reply) -> tuple[Asked, Asked]:
    """ACK and BYE for a call of which only the 200 is known."""
    number = int(reply.header("CSeq").split()[0])
    same = Asked("ACK", call=reply.header("Call-ID"), to=reply.header("To"), headers={"From": reply.header("From")})
    return replace(same, cseq=number), replace(same, method="BYE", cseq=number + 1)


class RawPeer:
    """A socket of the test's own towards a SIP port of 127.0.0.1."""

    def __init__(
        self,
        transport: str,
        port: int,
        host: str = "127.0.0.1",
        context: ssl.SSLContext | None = None,
        own_port: int = 0,
    ) -> None:
        """`transport` is "UDP", "TCP" or "TLS", `host` where it calls from, `own_port` 0: from any port.

        Without `context` it trusts everybody.
        """
        self.transport = transport
        self._socket = _open(transport, port, (host, own_port))
        if transport == "TLS":
            self._socket = (context or _credulous()).wrap_socket(self._socket, server_hostname="127.0.0.1")
        self._received = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def ask(self, asked: Asked, seconds: float = 20.0) -> Reply:
        """Send a request, and wait for its final response."""
        self.send(asked.data(self.transport, self.port))
        return self.final(asked.call, asked.cseq, seconds)

    def final(self, call: str, cseq: int = 1, seconds: float = 20.0) -> Reply:
        """The final response to a request of a call; others that come meanwhile are dropped."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            reply = self.receive(left)
            named = reply is not None and (reply.header("Call-ID"), reply.header("CSeq").split(" ")[0])
            if reply is not None and named == (call, str(cseq)) and reply.status >= 200:
                return reply
        raise AssertionError(f"no final response came within {seconds} s")

    def receive(self, seconds: float) -> Reply | None:
        """The next response, None when none comes. What is no response is passed over."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if reply := parse_reply(self._take(left)):
                return reply
        return None

    def receive_request(self, seconds: float) -> str:
        """The next request, whole. What is none is passed over; "" where none comes."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if (message := self._take(left)) and not message.startswith("SIP/2.0 "):
                return message
        return ""

    def is_closed(self, seconds: float) -> bool:
        """Whether the service ends this connection in time."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                if not self._socket.recv(65536):
                    return True
            except TimeoutError:
                return False
            except OSError:
                return True
        return False

    def take_request(self, method: str, seconds: float = 20.0) -> "Incoming":
        """The next request of that method; what else comes meanwhile is dropped."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            message = self._take(left)
            if message.startswith(f"{method} "):
                return Incoming(*message.partition("\r\n\r\n")[::2])
        raise AssertionError(f"no {method} came within {seconds} s")

    def answer(self, incoming: "Incoming", status: int, body: str = "", **headers: str) -> None:
        """Respond to a request, as somebody at the tag "callee"; `headers` with _ for -."""
        self.send(
            incoming.response(status, self.port, body, {name.replace("_", "-"): headers[name] for name in headers})
        )

    def establish(self, asked: Asked) -> Reply:
        """Place a call, and acknowledge the final response."""
        reply = self.ask(asked)
        self.send(asked.acknowledgement(reply).data(self.transport, self.port))
        return reply

    def hang_up(self, asked: Asked, reply: Reply) -> Reply:
        return self.ask(asked.within(reply, "BYE", asked.cseq + 1))

    def _take(self, seconds: float) -> str:
        """One message, "" when none is whole in time."""
        self._socket.settimeout(seconds)
        try:
            if self.transport == "UDP":
                return self._socket.recv(65536).decode(errors="replace")
            return self._take_from_stream()
        except (TimeoutError, ConnectionRefusedError):
            return ""

    def _take_from_stream(self) -> str:
        while b"\r\n\r\n" not in self._received:
            self._read()
        head, _, rest = self._received.partition(b"\r\n\r\n")
        length = re.search(rb"content-length\s*:\s*(\d+)", head, re.IGNORECASE)
        while length and len(rest) < int(length[1]):
            self._read()
            rest = self._received[len(head) + 4 :]
        whole = len(head) + 4 + (int(length[1]) if length else 0)
        message, self._received = self._received[:whole], self._received[whole:]
        return message.decode(errors="replace")

    def _read(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            raise AssertionError("the service closed the connection without an answer")
        self._received += data


def _open(transport: str, port: int, own: tuple[str, int]) -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if transport == "UDP" else socket.SOCK_STREAM)
    opened.settimeout(5)
    opened.bind(own)
    opened.connect(("127.0.0.1", port))
    return opened


def _credulous() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
