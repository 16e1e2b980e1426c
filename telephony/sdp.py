"""What the front reads and mends in an SDP offer (RFC 8866) before a strict stack sees it. Pure."""

import re
from dataclasses import dataclass

MAX_MEDIA_LINES = 16
"""m-lines that PJMEDIA reads in one SDP."""

STREAMS_PER_CALL = 4
"""Audio m-lines accepted in one call; further ones are answered with port 0."""

CODECS = {"PCMU": 0, "PCMA": 8}
"""Codecs that are answered, with their static payload types (RFC 3551 table 4)."""

_LINE = re.compile(r"[a-z]=")
_RTPMAP = re.compile(r"a=rtpmap:\s*(\d{1,3})\s+([^/\s]+)/8000(?:/1)?\s*$", re.IGNORECASE)
_IPV4 = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}")
_DTMF = "TELEPHONE-EVENT"
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

    `address` is the sender's IPv4 address, for a c= line where even the o= line names none.
    """
    lines, quirks = _lines(sdp)
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
        if any(entry.startswith(f"{kind}=") for entry in session) or (kind == "c" and has_connection):
            continue
        session.append(line)
        quirks.append(f"sdp-{kind}-missing")
    session.sort(key=lambda line: _ORDER.find(line[0]) if line[0] in _ORDER else len(_ORDER))
    text = "".join(f"{line}\r\n" for section in (session, *media) for line in section)
    return Repaired(text.encode(), tuple(quirks))


def slim(sdp: bytes) -> bytes:
    """A repaired SDP with what a line uses of it: PJSUA2 shows its callbacks no SDP above 1,024 bytes.

    m-lines that would be declined get port 0 here, whatever their format: those without a codec of CODECS, and audio
    beyond STREAMS_PER_CALL, for which PJSUA opens sockets before it declines them.
    """
    session, *media = _sections(_lines(sdp)[0])
    kept = [line for line in session if not line.startswith("a=") or _is_needed(line, [])]
    left = STREAMS_PER_CALL
    for section in media:
        line = _media_line(section)
        wanted = line.kind == "audio" and line.port > 0 and bool(line.codecs) and left > 0
        left -= wanted
        kept += _slim_media(section, wanted)
    return "".join(f"{line}\r\n" for line in kept).encode()


def _lines(sdp: bytes) -> tuple[list[str], list[str]]:
    """The SDP's lines, and the quirk codes of what was dropped between them."""
    text = sdp.decode("utf-8", "replace").replace("\0", "")
    raw = [line.strip() for line in re.split(r"\r\n|\n|\r", text)]
    lines = [line for line in raw if _LINE.match(line)]
    junk = any(line and not _LINE.match(line) for line in raw)
    return lines, ["sdp-junk-lines"] if junk else []


def _sections(lines: list[str]) -> list[list[str]]:
    """The session's lines, then each m-line's."""
    sections: list[list[str]] = [[]]
    for line in lines:
        if line.startswith("m="):
            sections.append([])
        sections[-1].append(line)
    return sections


def _slim_media(section: list[str], wanted: bool) -> list[str]:
    kind, port, profile, first, *others = [*section[0][2:].split(), "", "", "", ""]
    if not wanted:
        return [f"m={kind} 0 {profile} {first}"]
    formats = [first, *others]
    usable = _names(section, frozenset(formats))
    kept = [entry for entry in formats if entry in usable]
    lines = [line for line in section[1:] if not line.startswith("a=") or _is_needed(line, kept)]
    return [f"m={kind} {port} {profile} {' '.join(kept)}", *(line for line in lines if line[0] in "ca")]


def _is_needed(attribute: str, formats: list[str]) -> bool:
    name, _, value = attribute.removeprefix("a=").partition(":")
    return name in _ATTRIBUTES and (name not in ("rtpmap", "fmtp") or value.strip().partition(" ")[0] in formats)


def _media_line(section: list[str]) -> MediaLine:
    kind, port, _, *formats = [*section[0][2:].split(), "", "", ""]
    number = re.match(r"\d{1,5}", port)
    label = next((line[len("a=label:") :].strip() for line in section if line.startswith("a=label:")), "")
    return MediaLine(
        kind=kind.lower(),
        port=int(number[0]) if number else 0,
        formats=tuple(entry for entry in formats if entry),
        label=label,
        codecs=_codecs(section, frozenset(formats)),
    )


def _codecs(section: list[str], formats: frozenset[str]) -> frozenset[str]:
    return frozenset(_names(section, formats).values()) & CODECS.keys()


def _names(section: list[str], formats: frozenset[str]) -> dict[str, str]:
    """What those of `formats` mean that a line can use."""
    mapped = {found[1]: found[2].upper() for line in section if (found := _RTPMAP.match(line))}
    named = {str(payload): name for name, payload in CODECS.items()} | mapped
    return {entry: name for entry, name in named.items() if entry in formats and name in (*CODECS, _DTMF)}


def _origin_address(session: list[str]) -> str:
    origin = next((line for line in session if line.startswith("o=")), "")
    found = _IPV4.search(origin.rpartition(" ")[2])
    return found[0] if found and found[0] != "0.0.0.0" else ""
