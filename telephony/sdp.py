"""What the front reads and mends in an SDP offer (RFC 8866) before a strict stack sees it. Pure."""

import re
from dataclasses import dataclass

from telephony.quirks import SDP_MISSING, Quirk

MAX_MEDIA_LINES = 16
"""m-lines that PJMEDIA reads in one SDP."""

STREAMS_PER_CALL = 4
"""Audio m-lines accepted in one call; further ones are answered with port 0."""

STATIC_TYPES = {"PCMU": 0, "PCMA": 8, "G722": 9}
"""Static payload types (RFC 3551 table 4)."""
CODECS = (*STATIC_TYPES, "opus")
"""Codecs that may be answered, where PJMEDIA was built with them, by RTP encoding name."""
NARROW_BAND = ("PCMU", "PCMA")
"""Those that are, where a trunk names none."""
WIDE_BAND = ("opus", "G722")
"""Those that are heard at 16 kHz, whatever their rtpmap says (RFC 3551 section 4.5.2, RFC 7587 section 4.1)."""

_LINE = re.compile(r"[a-z]=")
_RTPMAP = re.compile(r"a=rtpmap:\s*(\d{1,3})\s+([^/\s]+/(?:8000|48000/2))(?:/1)?\s*$", re.IGNORECASE)
_CNAME = re.compile(r"a=ssrc:\s*\d+\s+cname:\s*(.*\S)", re.IGNORECASE)
_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_IPV4 = re.compile(rf"(?<![\d.]){_OCTET}(?:\.{_OCTET}){{3}}(?![\d.])")
_CONNECTION = re.compile(rf"c=IN +(?:IP4 +{_IPV4.pattern}|IP6 +[\da-fA-F:.]{{2,45}})(?:/\d{{1,3}})* *$", re.IGNORECASE)
_ORIGIN = re.compile(r"o=\S+ +\d+ +\d+ +IN +IP[46] +\S+$", re.IGNORECASE)
_STRICT = {"c": _CONNECTION, "o": _ORIGIN}
"""Lines that PJSIP refuses an SDP for where they are not so, by their letter."""
_RTCP = re.compile(rf"a=rtcp: *\d{{1,5}}(?: +IN +IP4 +{_IPV4.pattern})? *")
"""RFC 3605, with an address or without."""
_DTMF = "telephone-event"
_ENCODINGS = {f"{name}/8000".upper(): name for name in (*STATIC_TYPES, _DTMF)} | {"OPUS/48000/2": "opus"}
"""What a line can use, by rtpmap."""
_DISCARD = 9
"""The port that means nothing."""
_ATTRIBUTES = frozenset(
    ("rtpmap", "fmtp", "label", "ptime", "maxptime", "crypto", "rtcp", "sendrecv", "sendonly", "recvonly", "inactive")
)
"""What a line understands of an m-line."""
_ORDER = "vosiuepcbtrzka"
"""Session-level lines in their order (RFC 8866 section 9)."""


@dataclass(frozen=True, slots=True)
class MediaLine:
    """One m-line of an SDP."""

    kind: str
    """"audio", "video", …"""
    port: int
    """0: offered as not wanted."""
    formats: tuple[str, ...]
    label: str = ""
    """RFC 4574, or "" where it has none."""
    codecs: frozenset[str] = frozenset()
    """Those of CODECS that it offers."""
    preferred: str = ""
    """The first of these, "" where there is none."""
    cname: str = ""
    """What its media calls its sender (RFC 5576 section 6.1), "" where that is not told."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """An SDP with CRLF line ends and the lines that may not be missing."""

    sdp: bytes
    quirks: tuple[str, ...]
    """Codes of what was repaired."""


def media_lines(sdp: bytes) -> tuple[MediaLine, ...]:
    """Every m-line in order; one that cannot be read counts as not wanted."""
    sections = _sections(_lines(sdp)[0])[1:]
    return tuple(_media_line(section) for section in sections)


def repair(sdp: bytes, address: str) -> Repaired:
    """Mend what PJSIP refuses: bare LF, stray bytes, junk lines, and missing v=, o=, s=, c= or t= lines.

    An o= line that lacks something is none. Nor is a c= line without an address: for a host name PJMEDIA would have all
    calls of its line wait, and a long one ends its process. `address` is the sender's IPv4 address, for a c= line where
    even the o= line names none.
    """
    lines, quirks = _lines(sdp)
    lines = [line for line in lines if _STRICT.get(line[0], _LINE).match(line)]
    if not lines:
        return Repaired(b"", ())
    session, *media = _sections(lines)
    has_connection = bool(media) and all(any(line.startswith("c=") for line in section) for section in media)
    missing = {
        "v": "v=0",
        "o": f"o=- 0 0 IN IP4 {address}",
        "s": "s=-",
        "c": f"c=IN IP4 {_origin_address(session) or address}",
        "t": "t=0 0",
    }
    for kind, line in missing.items():
        if any(entry.startswith(f"{kind}=") for entry in session):
            continue
        session.append(line)
        # A c= line at every m-line is right, but of one that is declined nothing is left, and PJMEDIA ends its process.
        if kind != "c" or not has_connection:
            quirks.append(SDP_MISSING[kind])
    session.sort(key=lambda line: _ORDER.find(line[0]) if line[0] in _ORDER else len(_ORDER))
    text = "".join(f"{line}\r\n" for section in (session, *media) for line in section)
    return Repaired(text.encode(), tuple(quirks))


def slim(sdp: bytes, codecs: tuple[str, ...] = ()) -> bytes:
    """A repaired SDP with what a line uses of it: PJSUA2 shows its callbacks no SDP above 1,024 bytes.

    Of CODECS it has `codecs` in this order, which a line follows, or where there are none NARROW_BAND as offered.

    m-lines that would be declined get port 0 here, whatever their format: those without a codec of CODECS, and audio
    beyond STREAMS_PER_CALL, for which PJSUA opens sockets before it declines them.
    """
    session, *media = _sections(_lines(sdp)[0])
    kept = [line for line in session if not line.startswith("a=") or _is_needed(line, [])]
    left = STREAMS_PER_CALL
    for section in media:
        line = _media_line(section)
        usable = line.codecs & {*(codecs or NARROW_BAND)}
        wanted = line.kind == "audio" and line.port > 0 and bool(usable) and left > 0
        left -= wanted
        kept += _slim_media(section, wanted, codecs)
    return "".join(f"{line}\r\n" for line in kept).encode()


def withdrawn(sdp: bytes) -> tuple[str, ...]:
    """The m= lines of an SDP that takes all of its audio back by port 0, all with that; none where it does not."""
    sections = _sections(_lines(sdp)[0])[1:]
    audio = [line for section in sections if (line := _media_line(section)).kind == "audio"]
    if not audio or any(line.port for line in audio):
        return ()
    return tuple(_declined(section[0]) for section in sections)


def paused(sdp: bytes) -> bytes:
    """An SDP whose audio was taken back as one that pauses it: PJSUA2 answers 488 where nothing is left."""
    session, *media = _sections(_lines(sdp)[0])
    lines = list(session)
    for section in media:
        line = _media_line(section)
        if line.kind != "audio":
            lines.append(section[0])
            continue
        label = [entry for entry in section if entry.startswith("a=label:")]
        lines += [f"m=audio {_DISCARD} RTP/AVP {' '.join(map(str, STATIC_TYPES.values()))}", *label, "a=inactive"]
    return "".join(f"{line}\r\n" for line in lines).encode()


def with_media_lines(sdp: bytes, media: tuple[str, ...]) -> bytes:
    """An SDP with these m= lines in place of its own, which had the audio paused."""
    session, *sections = _sections(_lines(sdp)[0])
    lines = list(session)
    for own, line in zip(sections, media, strict=False):
        lines += [line, *(entry for entry in own if entry.startswith("a=label:"))]
    return "".join(f"{line}\r\n" for line in lines).encode()


def _declined(media: str) -> str:
    fields = media.split()
    fields[1:2] = ["0"]
    return " ".join(fields)


def _lines(sdp: bytes) -> tuple[list[str], list[str]]:
    """The SDP's lines, and the quirk codes of what was dropped between them."""
    text = sdp.decode("utf-8", "replace").replace("\0", "")
    raw = [line.strip() for line in re.split(r"\r\n|\n|\r", text)]
    lines = [line for line in raw if _LINE.match(line)]
    junk = any(line and not _LINE.match(line) for line in raw)
    return lines, [Quirk.SDP_JUNK] if junk else []


def _sections(lines: list[str]) -> list[list[str]]:
    """The session's lines, then each m-line's."""
    sections: list[list[str]] = [[]]
    for line in lines:
        if line.startswith("m="):
            sections.append([])
        sections[-1].append(line)
    return sections


def _slim_media(section: list[str], wanted: bool, codecs: tuple[str, ...]) -> list[str]:
    kind, port, profile, first, *others = [*section[0][2:].split(), "", "", "", ""]
    if not wanted:
        return [f"m={kind} 0 {profile} {first}"]
    formats = [first, *others]
    usable = _names(section, frozenset(formats))
    order = [*codecs, _DTMF] if codecs else []
    kept = [entry for entry in formats if usable.get(entry) in (order or (*NARROW_BAND, _DTMF))]
    if order:
        kept.sort(key=lambda entry: order.index(usable[entry]))
    lines = [line for line in section[1:] if not line.startswith("a=") or _is_needed(line, kept)]
    return [f"m={kind} {port} {profile} {' '.join(kept)}", *(line for line in lines if line[0] in "ca")]


def _is_needed(attribute: str, formats: list[str]) -> bool:
    name, _, value = attribute.removeprefix("a=").partition(":")
    if name == "rtcp":
        return bool(_RTCP.fullmatch(attribute))
    return name in _ATTRIBUTES and (name not in ("rtpmap", "fmtp") or value.strip().partition(" ")[0] in formats)


def _media_line(section: list[str]) -> MediaLine:
    kind, port, _, *formats = [*section[0][2:].split(), "", "", ""]
    number = re.match(r"\d{1,5}", port)
    label = next((line[len("a=label:") :].strip() for line in section if line.startswith("a=label:")), "")
    named = _names(section, frozenset(formats))
    codecs = [named[entry] for entry in formats if named.get(entry) in CODECS]
    return MediaLine(
        kind=kind.lower(),
        port=int(number[0]) if number else 0,
        formats=tuple(entry for entry in formats if entry),
        label=label,
        codecs=frozenset(codecs),
        preferred=next(iter(codecs), ""),
        cname=next((found[1] for line in section if (found := _CNAME.match(line))), ""),
    )


def _names(section: list[str], formats: frozenset[str]) -> dict[str, str]:
    """What those of `formats` mean that a line can use."""
    found = [match for line in section if (match := _RTPMAP.match(line))]
    mapped = {match[1]: _ENCODINGS.get(match[2].upper(), "") for match in found}
    named = {str(payload): name for name, payload in STATIC_TYPES.items()} | mapped
    return {entry: name for entry, name in named.items() if entry in formats and name}


def _origin_address(session: list[str]) -> str:
    origin = next((line for line in session if line.startswith("o=")), "")
    found = _IPV4.search(origin.rpartition(" ")[2])
    return found[0] if found and found[0] != "0.0.0.0" else ""
