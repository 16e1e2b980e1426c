"""What a fixture is: dialogs of requests, each with the answer and the parties that must come of it.

Bodies are templates: $IP is the client's address, $PORT0, $PORT1 … are its RTP ports.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Template

BOUNDARY = "recorded-part"
MULTIPART = f"multipart/mixed;boundary={BOUNDARY}"
SIPREC = {"Require": "siprec", "Contact": "<sip:src@$IP:$SIP>;+sip.src"}
"""Headers of a client that follows RFC 7866."""
MIXED = "mixed"
"""In place of a party: more than one is heard."""
UNKNOWN = ""
"""In place of a party: nobody can tell."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One request of a recording client, and what must come of it."""

    body: str = ""
    content_type: str = "application/sdp"
    method: str = "INVITE"
    headers: Mapping[str, str | None] = field(default_factory=dict)
    """Beside or in place of the usual ones; None leaves one out."""
    line_end: str = "\r\n"
    """Of the body."""
    announced: int | None = None
    """Content-Length, where it is wrong."""
    ack: str = ""
    """SDP in the ACK, where the offer was the service's."""
    media: tuple[str, ...] = ("audio", "audio")
    """m-lines of the answer in order; "-audio" is one with port 0. None: an answer without SDP."""
    labels: tuple[str, ...] = ("1", "2")
    """Labels of the answer's m-lines in order, without those that have none."""
    parties: tuple[str, ...] = ()
    """Address of who is on each channel from now on, MIXED or UNKNOWN."""


@dataclass(frozen=True, slots=True)
class Dialog:
    """A dialog from its INVITE on."""

    turns: tuple[Turn, ...]
    ids: tuple[tuple[str, str], ...] = ()
    """Outside ids, kind and value, by which its call must be found."""
    quirks: tuple[str, ...] = ()
    """All quirk codes of its call, in any order."""
    ends: tuple[str, str] | None = None
    """Addresses of caller and callee, where the fixture is about them."""
    is_corrected: bool = False
    """A correction exchanges the parties of both channels."""
    speech: tuple[int, ...] = (0, 1)
    """Which party of the spoken excerpt is sent to each m-line; -1: both at once."""


@dataclass(frozen=True, slots=True)
class Fixture:
    """One dialect."""

    code: str
    """F1 to F24, with a letter behind it for a second one."""
    title: str
    dialogs: tuple[Dialog, ...]
    is_one_conversation: bool = False
    """All dialogs record the same conversation."""
    has_duplicate: bool = False
    """The second dialog brings what the first one brings."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a dialog is played from, and as what; ports may be names of what fills them in."""

    host: str
    port: int | str
    rtp: tuple[int | str, ...]
    call_id: str
    transport: str = "UDP"


def request(turn: Turn, place: Place, cseq: int, to: str = "<sip:srs@example.com>", uri: str = "") -> bytes:
    """The turn's request as bytes; `uri` is its target within a dialog."""
    names = {f"PORT{number}": str(port) for number, port in enumerate(place.rtp)}
    names |= {"IP": place.host, "SIP": str(place.port)}
    body = Template(turn.body).safe_substitute(names).replace("\n", turn.line_end).encode()
    usual: dict[str, str | None] = {
        "Via": f"SIP/2.0/{place.transport} {place.host}:{place.port};branch=z9hG4bK-{place.call_id}-{cseq};rport",
        "Max-Forwards": "70",
        "From": "<sip:src@example.com>",
        "To": to,
        "Call-ID": place.call_id,
        "CSeq": f"{cseq} {turn.method}",
        "Contact": "<sip:src@$IP:$SIP>",
        "Content-Type": turn.content_type if body else None,
        **turn.headers,
    }
    usual["From"] = f"{usual['From']};tag=src-{place.call_id}"
    usual["Content-Length"] = str(len(body) if turn.announced is None else turn.announced)
    lines = [f"{turn.method} {uri or 'sip:srs@example.com'} SIP/2.0"]
    for name, value in usual.items():
        # A value of several lines is a header that comes several times.
        lines += [f"{name}: {each}" for each in (value or "").split("\n")] if value is not None else []
    head = Template("\r\n".join(lines)).safe_substitute(names)
    return f"{head}\r\n\r\n".encode() + body


def multipart(sdp: str, xml: str, xml_type: str = "application/rs-metadata+xml") -> str:
    """A body as RFC 7866 shows it."""
    return (
        f"--{BOUNDARY}\nContent-Type: application/sdp\n\n{sdp}\n"
        f"--{BOUNDARY}\nContent-Type: {xml_type}\nContent-Disposition: recording-session\n\n{xml}\n--{BOUNDARY}--\n"
    )


def sdp(*labels: str, version: int = 1, direction: str = "sendonly", address: str = "$IP") -> str:
    """An offer with an m-line for each label; "" is one without."""
    lines = ["v=0", f"o=src 7 {version} IN IP4 $IP", "s=-", f"c=IN IP4 {address}", "t=0 0"]
    for number, label in enumerate(labels):
        lines += [f"m=audio $PORT{number} RTP/AVP 0", "a=rtpmap:0 PCMU/8000"]
        lines += [f"a=label:{label}"] if label else []
        lines += [f"a={direction}"] if direction else []
    return "\n".join(lines) + "\n"


def rfc_xml(name: str, streams: tuple[tuple[str, str], tuple[str, str]] = (("1", "ann"), ("2", "bob"))) -> str:
    """Complete metadata as RFC 7865 has it: for each stream its label and who sends it, "ann" or "bob"."""
    people = "".join(
        f'<participant participant_id="{who}-{name}"><nameID aor="sip:{who}@example.com"><name>{who.title()}</name>'
        f"</nameID></participant>\n"
        for who in ("ann", "bob")
    )
    media = "".join(
        f'<stream stream_id="s{number}-{name}" session_id="ses-{name}"><label>{label}</label></stream>\n'
        for number, (label, _) in enumerate(streams)
    )
    uses = "".join(
        f'<participantstreamassoc participant_id="{who}-{name}"><send>s{number}-{name}</send>'
        f"</participantstreamassoc>\n"
        for number, (_, who) in enumerate(streams)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<recording xmlns="urn:ietf:params:xml:ns:recording:1">\n'
        f"<datamode>complete</datamode>\n"
        f'<session session_id="ses-{name}"><sipSessionID>{name}-local;remote={name}-remote</sipSessionID></session>\n'
        f'{people}{media}<sessionrecordingassoc session_id="ses-{name}"/>\n{uses}</recording>'
    )
