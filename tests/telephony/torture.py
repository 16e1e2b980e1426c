"""Messages that torture a SIP parser: own ones for every test that RFC 4475 describes in 3.1, and some of 3.2 and 3.3.

They are named as the RFC names its tests. $IP and $PORT are the sender's address, $BRANCH and $CALL make them unique.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from string import Template

_VIA = "SIP/2.0/UDP $IP:$PORT;branch=$BRANCH;rport"
_SDP = "v=0\r\no=eve 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"


@dataclass(frozen=True, slots=True)
class Torture:
    """One datagram."""

    name: str
    """As the RFC's test; a letter behind it where there is more than one of it."""
    text: str
    status: int | None
    """Of its final answer; None: it gets none."""

    def data(self, host: str, port: int, unique: str) -> bytes:
        """The datagram, sent from this address as this call."""
        names = {"IP": host, "PORT": str(port), "BRANCH": f"z9hG4bK-{unique}", "CALL": unique}
        return Template(self.text).safe_substitute(names).encode("utf-8", "surrogateescape")


def _request(
    start: str, headers: Mapping[str, str | None] | None = None, body: str = "", number: int = 1, *, tail: str = ""
) -> str:
    """A request; a header of `headers` replaces the usual one, None leaves it out, and `tail` comes behind the body."""
    method = start.split(" ")[0]
    usual: dict[str, str | None] = {
        "Via": _VIA,
        "Max-Forwards": "70",
        "From": "<sip:eve@example.com>;tag=$CALL",
        "To": "<sip:scribe@example.com>",
        "Call-ID": "$CALL",
        "CSeq": f"{number} {method}",
        "Contact": "<sip:eve@$IP:$PORT>",
        "Content-Type": "application/sdp" if body else None,
        "Content-Length": str(len(body.encode("utf-8", "surrogateescape"))),
        **(headers or {}),
    }
    lines = [start, *(f"{name}: {value}" for name, value in usual.items() if value is not None)]
    return "\r\n".join(lines) + f"\r\n\r\n{body}{tail}"


def _response(status_line: str, headers: Mapping[str, str] | None = None) -> str:
    usual = {
        "Via": _VIA,
        "From": "<sip:eve@example.com>;tag=1",
        "To": "<sip:scribe@example.com>;tag=2",
        "Call-ID": "$CALL",
        "CSeq": "1 INVITE",
        "Content-Length": "0",
        **(headers or {}),
    }
    return "\r\n".join((status_line, *(f"{name}: {value}" for name, value in usual.items()))) + "\r\n\r\n"


_OPTIONS = "OPTIONS sip:scribe@example.com SIP/2.0"
_INVITE = "INVITE sip:scribe@example.com SIP/2.0"
_REGISTER = "REGISTER sip:example.com SIP/2.0"
_LONG = "long" * 300

_SHORT = (
    "INVITE sip:scribe@example.com;unknown-parameter SIP/2.0\r\n"
    "TO :\r\n sip:scribe@example.com\r\n"
    'from   : "Eve \\\\\\"\'s" <sip:eve@example.com>\r\n  ;\r\n  tag = $CALL\r\n'
    "MaX-fOrWaRdS: 0068\r\n"
    "Call-ID: $CALL\r\n"
    "cseq: 0007\r\n  INVITE\r\n"
    "Via  : SIP  /   2.0\r\n /UDP\r\n    $IP:$PORT;rport;branch=$BRANCH\r\n"
    "s :\r\n"
    "NewFangledHeader:   a value\r\n folded\r\n"
    "UnknownHeaderWithUnusualValue: ;;,,;;,;\r\n"
    "Content-Type: application/sdp\r\n"
    "v:  SIP  / 2.0  / TCP     192.0.2.7   ;\r\n  branch  =   z9hG4bK-below ,\r\n"
    " SIP / 2.0 / UDP 192.0.2.8;branch=z9hG4bK-low\r\n"
    'm:"Eve" <sip:eve@$IP:$PORT;newparam=new;s=1>;\r\n  q = 0.33\r\n'
    f"l: {len(_SDP)}\r\n\r\n{_SDP}"
)

VALID = (
    Torture("wsinv", _SHORT, 200),
    Torture(
        "intmeth",
        _request(
            "!odd-Method0123456789_*+`.%indeed'~ sip:1_odd.!~*'()&=+$$,;?/:;;%20@example.com SIP/2.0",
            {"To": '"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <sip:1_odd.!~*\'()@example.com>'},
        ),
        405,
    ),
    Torture(
        "esc01",
        _request(
            "INVITE sip:sips%3Ascribe%40example.com@example.net SIP/2.0", {"To": "<sip:%73cribe@example.com>"}, _SDP
        ),
        200,
    ),
    Torture("escnull", _request(_OPTIONS, {"From": "<sip:null-%00-null@example.com>;tag=$CALL"}), 200),
    Torture("esc02", _request("RE%47IST%45R sip:example.com SIP/2.0", {"To": '"%Z%45" <sip:a@example.com>'}), 405),
    Torture("lwsdisp", _request(_OPTIONS, {"From": "eve<sip:eve@example.com>;tag=$CALL"}), 200),
    Torture(
        "longreq",
        _request(
            _INVITE,
            {
                "To": f'"A {_LONG} name" <sip:scribe@example.com>',
                "From": f"<sip:eve@example.com?long={_LONG}>;tag=$CALL",
                f"Unknown-{_LONG}": _LONG,
                "Contact": f"<sip:eve{_LONG}@$IP:$PORT>",
            },
            _SDP,
        ),
        200,
    ),
    Torture("dblreq", _request(_OPTIONS, tail=_request(_INVITE)), 200),
    Torture("semiuri", _request("OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0"), 200),
    Torture(
        "transports",
        _request(
            _OPTIONS,
            {
                "Via": f"{_VIA}, SIP/2.0/SCTP a.example.com;branch=z9hG4bK1, SIP/2.0/TLS b.example.com;branch=z9hG4bK2,"
                " SIP/2.0/UNKNOWN c.example.com;branch=z9hG4bK3, SIP/2.0/TCP d.example.com;branch=z9hG4bK4"
            },
        ),
        200,
    ),
    Torture(
        "mpart01",
        _request(
            "MESSAGE sip:scribe@example.com SIP/2.0",
            {"Content-Type": 'multipart/mixed;boundary="torn-part"'},
            "--torn-part\r\nContent-Type: text/plain\r\n\r\nHello\r\n--torn-part\r\n"
            "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n"
            "\x00\x01\udc80\r\n--torn-part--",
        ),
        405,
    ),
    Torture("unreason", _response("SIP/2.0 200 Всё хорошо ✓ 100%"), None),
    Torture("noreason", _response("SIP/2.0 100 "), None),
)
"""Section 3.1.1: whoever cannot read these is wrong."""

INVALID = (
    Torture(
        "badinv01",
        _request(_INVITE, {"Via": f"{_VIA};;,;,,", "Contact": '"Eve" <sip:eve@$IP>;;,;,,'}, _SDP),
        200,
    ),
    Torture("clerr", _request(_INVITE, {"Content-Length": "9999"}, _SDP), 400),
    Torture("ncl", _request(_INVITE, {"Content-Length": "-999"}, _SDP), 400),
    Torture("scalar02", _request(_REGISTER, {"CSeq": "99999999999999999999999 REGISTER"}), 400),
    Torture("scalar02b", _request(_OPTIONS, {"Max-Forwards": "99999999999999999999"}), 400),
    Torture("scalar02c", _request(_REGISTER, {"Expires": "10000000000"}), 405),
    Torture("scalarlg", _response("SIP/2.0 503 Service Unavailable", {"CSeq": "8888888888888888888888 OPTIONS"}), None),
    Torture("quotbal", _request(_INVITE, {"To": '"Scribe <sip:scribe@example.com>'}, _SDP), 200),
    Torture("ltgtruri", _request("INVITE <sip:scribe@example.com> SIP/2.0", body=_SDP), 400),
    Torture("lwsruri", _request("INVITE sip:scribe@example.com; lr SIP/2.0", body=_SDP), 400),
    Torture("lwsstart", _request("INVITE  sip:scribe@example.com  SIP/2.0", body=_SDP), 200),
    Torture("trws", _request("OPTIONS sip:scribe@example.com SIP/2.0  "), 200),
    Torture("escruri", _request("INVITE sip:scribe@example.com?Route=%3Csip:example.com%3E SIP/2.0", body=_SDP), 200),
    Torture("baddate", _request(_INVITE, {"Date": "Fri, 01 Jan 2010 16:00:00 EST"}, _SDP), 200),
    Torture("regbadct", _request(_REGISTER, {"Contact": "sip:eve@example.com?Route=%3Csip:example.com%3E"}), 405),
    Torture("badaspec", _request(_OPTIONS, {"To": "<sip:the scribe @example.com>"}), 200),
    Torture("baddn", _request(_OPTIONS, {"From": "Adams, Eve <sip:eve@example.com>;tag=$CALL"}), 200),
    Torture(
        "badvers",
        _request("OPTIONS sip:scribe@example.com SIP/7.0", {"Via": "SIP/7.0/UDP $IP:$PORT;rport"}),
        505,
    ),
    Torture("badversb", _request("OPTIONS sip:scribe@example.com SIP/7.0"), 505),
    Torture("mismatch01", _request(_OPTIONS, {"CSeq": "8 INVITE"}), 400),
    Torture("mismatch02", _request("NEWMETHOD sip:scribe@example.com SIP/2.0", {"CSeq": "8 INVITE"}), 400),
    Torture("bigcode", _response("SIP/2.0 4294967301 Far Too Much"), None),
)
"""Section 3.1.2. Those with 200 are refused by strict elements; the RFC leaves it to others to read what is meant."""

SEMANTIC = (
    Torture("badbranch", _request(_OPTIONS, {"Via": "SIP/2.0/UDP $IP:$PORT;branch=z9hG4bK;rport"}), 200),
    Torture("insuf", _request(_INVITE, {"Call-ID": None, "From": None, "To": None}, _SDP), 400),
    Torture("unkscm", _request("OPTIONS unheard-of:scribe SIP/2.0"), 416),
    Torture("novelsc", _request("OPTIONS coap://192.0.2.103/scribe SIP/2.0"), 416),
    Torture("unksm2", _request(_OPTIONS, {"To": "urn:isbn:9780306406157", "From": "<name:eve>;tag=$CALL"}), 200),
    Torture("bext01", _request(_OPTIONS, {"Require": "nothing-real", "Proxy-Require": "neither"}), 420),
    Torture("invut", _request(_INVITE, {"Content-Type": "application/unknownformat"}, "<audio/>"), 415),
    Torture(
        "multi01",
        _request(_INVITE, {"CSeq": "5 INVITE\r\nCSeq: 59 INVITE", "Max-Forwards": "70\r\nMax-Forwards: 5"}, _SDP),
        400,
    ),
    Torture("mcl01", _request(_INVITE, {"Content-Length": "13\r\nContent-Length: 5"}, _SDP), 400),
    Torture("bcast", _response("SIP/2.0 200 OK", {"Via": "SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1"}), None),
    Torture("zeromf", _request(_OPTIONS, {"Max-Forwards": "0"}), 483),
    Torture("sdp01", _request(_INVITE, {"Accept": "text/unheard-of"}, _SDP), 200),
    Torture(
        "inv2543",
        _request(
            _INVITE,
            {"Via": "SIP/2.0/UDP $IP:$PORT", "Max-Forwards": None, "From": "<sip:eve@example.com>", "Contact": None},
            _SDP,
        ),
        200,
    ),
)
"""Sections 3.2 to 3.4, as far as they concern a recorder."""

ALL = (*VALID, *INVALID, *SEMANTIC)
