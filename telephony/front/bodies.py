"""What a message's body brings: SDP, recording metadata, or something else. Pure."""

import re
from dataclasses import dataclass, replace

from callscribe.domain.errors import MalformedMessage
from telephony.front.replies import Refusal, accept, warning
from telephony.quirks import Quirk
from telephony.sdp import MAX_MEDIA_LINES, NARROW_BAND, media_lines, paused, repair, slim, withdrawn
from telephony.sip.framing import check_body_length
from telephony.sip.message import Request, Response
from telephony.sip.multipart import Part, leaf_parts, media_type
from telephony.siprec.tree import MAX_BYTES as MAX_METADATA

METADATA_TYPES = ("application/rs-metadata+xml", "application/rs-metadata")
SDP_TYPE = "application/sdp"
_AUDIO = re.compile(r"^m=audio [1-9]\d{0,4} \S+ ([\d ]+)", re.MULTILINE)
_RTPMAP = re.compile(r"^a=rtpmap:(\d{1,3}) ([A-Za-z0-9.\-]{1,24})/", re.MULTILINE)
_STATIC = {"0": "PCMU", "3": "GSM", "4": "G723", "8": "PCMA", "9": "G722", "15": "G728", "18": "G729"}
"""Payload types that need no rtpmap (RFC 3551 table 4)."""
_MAX_NAMED = 12
_LOOSE_SDP = re.compile(rb"^v=0[ \t]*\r?\n(?:[a-z]=.*(?:\n|\Z))+", re.MULTILINE)
_LOOSE_XML = re.compile(rb"<(?:\?xml|(?:\w+:)?recording)\b")


@dataclass(frozen=True, slots=True)
class Body:
    """A body, opened."""

    sdp: bytes | None = None
    """With CRLF line ends and what was missing; None: a delayed offer, or none at all."""
    metadata: bytes | None = None
    other: Part | None = None
    """A body of another kind, such as DTMF in an INFO."""
    had_metadata: bool = False
    """True also where the metadata was too large to keep."""
    quirks: tuple[str, ...] = ()
    codecs: tuple[str, ...] = ()
    """As of `telephony.sdp.slim`: those of the trunk."""

    @property
    def content(self) -> Part | None:
        """What is passed on of it."""
        if self.sdp is None:
            return self.other
        return Part(SDP_TYPE, slim(paused(self.sdp) if self.withdrawn else self.sdp, self.codecs))

    @property
    def withdrawn(self) -> tuple[str, ...]:
        """The m= lines of an SDP that takes all of its audio back, else none."""
        return withdrawn(self.sdp or b"")


def open_body(message: Request | Response, address: str, codecs: tuple[str, ...] = ()) -> Body | Refusal:
    """Take a body apart; `address` is the sender's IPv4 address. A Refusal where it cannot be understood."""
    body = _open(message, address)
    return replace(body, codecs=codecs) if isinstance(body, Body) else body


def _open(message: Request | Response, address: str) -> Body | Refusal:
    try:
        announced = check_body_length(message)
    except MalformedMessage as error:
        return Refusal(400, "requests_malformed", str(error))
    if not message.body.strip():
        return Body()
    encoding = message.headers.first("content-encoding").lower()
    if encoding not in ("", "identity"):
        return Refusal(415, "bodies_encoded", headers=(("accept-encoding", "identity"),))
    kind = media_type(message.headers.first("content-type"))
    if kind.startswith("multipart/"):
        return _with_quirk(_open_multipart(message, address), Quirk.BODY_LENGTH, announced != len(message.body))
    part = _typed(Part(kind, message.body))
    return _with_quirk(_sort((part,), address), Quirk.BODY_TYPE, part.content_type != kind)


def offered_streams(body: Body) -> int:
    """Audio m-lines that an INVITE or UPDATE asks a line for; a delayed offer is the line's own, of one at least."""
    if body.sdp is None:
        return 1
    return sum(line.kind == "audio" and line.port > 0 for line in media_lines(slim(body.sdp, body.codecs)))


def offered_labels(body: Body) -> tuple[str, ...]:
    """The label of each m-line, "" where it has none."""
    return tuple(line.label for line in media_lines(body.sdp or b""))


def check_offer(body: Body, host: str) -> Refusal | None:
    """Why an INVITE's offer cannot be recorded, None where it can; `host` names us in a Warning."""
    if body.other:
        return Refusal(415, "bodies_unknown", headers=(accept(),))
    if body.sdp is None:
        return None
    codecs = body.codecs or NARROW_BAND
    audio = [line for line in media_lines(body.sdp) if line.kind == "audio" and line.port]
    if refusal := check_media_lines(body, host):
        return refusal
    if not audio:
        text = "The offer has no audio m-line: offer at least one m=audio with a port"
    elif not any(line.codecs & {*codecs} for line in audio):
        text = f"No m=audio of the offer has a usable codec: offer {' or '.join(codecs)}"
    else:
        return None
    code = 305 if audio else 304
    offered = ", ".join(_codec_names(body.sdp)) or "nothing"
    return Refusal(488, "offers_without_audio", headers=(warning(code, text, host),), detail=f"offered {offered}")


def _codec_names(sdp: bytes) -> tuple[str, ...]:
    """Names of the codecs that an offer's audio has, as far as a log may hold them."""
    text = sdp.decode("utf-8", "replace")
    payloads = [payload for line in _AUDIO.findall(text) for payload in line.split()]
    mapped = dict(_RTPMAP.findall(text))
    named = (mapped.get(payload) or _STATIC.get(payload) for payload in payloads)
    return tuple(dict.fromkeys(name for name in named if name))[:_MAX_NAMED]


def check_media_lines(body: Body, host: str) -> Refusal | None:
    """Why an SDP has more m-lines than a line can read; `host` names us in a Warning."""
    count = len(media_lines(body.sdp)) if body.sdp else 0
    if count <= MAX_MEDIA_LINES:
        return None
    text = f"The offer has {count} m-lines: offer at most {MAX_MEDIA_LINES}"
    return Refusal(488, "offers_too_long", headers=(warning(305, text, host),))


def _open_multipart(message: Request | Response, address: str) -> Body | Refusal:
    parts = leaf_parts(message.headers.first("content-type"), message.body)
    if not parts:
        loose = _loose_parts(message.body)
        if not loose:
            return Refusal(400, "requests_malformed", "Multipart body without parts")
        return _with_quirk(_sort(loose, address), Quirk.MULTIPART, found=True)
    typed = tuple(_typed(part) for part in parts)
    known = tuple(part for part in typed if part.content_type in (SDP_TYPE, *METADATA_TYPES))
    # Parts of other kinds only, such as ISUP, are beside the offer: there is none yet.
    body = _sort(known, address) if known else Body()
    return _with_quirk(body, Quirk.PART_TYPE, typed != parts)


def _loose_parts(body: bytes) -> tuple[Part, ...]:
    """SDP and XML in a multipart body whose boundaries nothing can be made of."""
    sdp, end = _LOOSE_SDP.search(body), body.rfind(b">")
    xml = _LOOSE_XML.search(body, 0, end) if end > 0 else None
    found = [Part(SDP_TYPE, sdp[0])] if sdp else []
    return (*found, Part(METADATA_TYPES[0], body[xml.start() : end + 1])) if xml else tuple(found)


def _with_quirk(body: Body | Refusal, quirk: Quirk, found: bool) -> Body | Refusal:
    return replace(body, quirks=(*body.quirks, quirk)) if found and isinstance(body, Body) else body


def _typed(part: Part) -> Part:
    """A part whose missing type is guessed."""
    if part.content_type:
        return part
    begin = part.body.lstrip()[:64].lower()
    if begin.startswith(b"v=0"):
        return replace(part, content_type=SDP_TYPE)
    return replace(part, content_type=METADATA_TYPES[0]) if begin.startswith((b"<?xml", b"<recording")) else part


def _sort(parts: tuple[Part, ...], address: str) -> Body:
    sdp = next((part for part in parts if part.content_type == SDP_TYPE), None)
    metadata = next((part for part in parts if part.content_type in METADATA_TYPES), None)
    if sdp is None and metadata is None:
        return Body(other=parts[0])
    quirks: tuple[str, ...] = ()
    if metadata and len(metadata.body) > MAX_METADATA:
        metadata, quirks = None, (Quirk.METADATA_LARGE,)
    had_metadata = metadata is not None or bool(quirks)
    repaired = repair(sdp.body, address) if sdp else None
    return Body(
        sdp=repaired.sdp if repaired else None,
        metadata=metadata.body if metadata else None,
        had_metadata=had_metadata,
        quirks=(*quirks, *(repaired.quirks if repaired else ())),
    )
