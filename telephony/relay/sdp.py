"""The SDP (RFC 8866) of a bridged call: one audio m-line, with the relay's address in place of a party's. Pure."""

import ipaddress
import re
from dataclasses import dataclass, replace

from telephony.sdp import CODECS, STATIC_TYPES, media_lines, slim

_RTPMAP = re.compile(r"a=rtpmap:\s*(\d{1,3})\s+([^/\s]+)/", re.IGNORECASE)
_ORIGIN = re.compile(r"o=\S+ +(\d{1,19}) +(\d{1,19}) ")
_KEPT = ("rtpmap", "fmtp", "ptime", "maxptime", "sendrecv", "sendonly", "recvonly", "inactive")
"""Attributes that are passed on: the rest is about addresses and keys that end here."""
_SILENT = ("a=recvonly", "a=inactive")
_DTMF = "telephone-event"
_NAMES = {name.upper(): name for name in (*CODECS, _DTMF)}
_CLOCKS = {"opus": "48000/2"}
"""Of codecs whose rtpmap does not say 8000."""
NOWHERE = "0.0.0.0"
"""The address of a party that wants no media: hold as before RFC 3264."""
_LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Format:
    """A payload type and what it means."""

    payload: int
    name: str


@dataclass(frozen=True, slots=True)
class Audio:
    """The audio m-line that is relayed, of one party's SDP."""

    place: int
    """Among all m-lines."""
    host: str
    port: int
    rtcp_port: int
    formats: tuple[Format, ...]
    """What the party wants to get: codecs of CODECS in its order, and telephone events."""
    sends: bool
    """False where it says that it sends nothing."""

    @property
    def codecs(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.formats if one.name in CODECS)

    @property
    def narrowed(self) -> "Audio":
        """With the first of its codecs only, as an answer is passed on: both parties send what a line hears."""
        kept = (*self.codecs[:1], _DTMF)
        return replace(self, formats=tuple(one for one in self.formats if one.name in kept))

    def payload(self, name: str) -> int | None:
        return next((one.payload for one in self.formats if one.name == name), None)


def is_encrypted_only(sdp: bytes) -> bool:
    """True where every usable audio m-line wants SRTP, whose keys would have to go to a third party here."""
    lines = [line for line in sdp.decode("utf-8", "replace").splitlines() if line.startswith("m=audio ")]
    profiles = [fields[2] for line in lines if len(fields := line.split()) > 3 and fields[1] != "0"]
    return bool(profiles) and all("SAVP" in profile for profile in profiles)


def is_out_of_reach(sdp: bytes, codecs: tuple[str, ...]) -> bool:
    """True where a repaired SDP wants audio of ours, but nowhere that the relay can send to."""
    wanted = any(line.kind == "audio" and line.port for line in media_lines(slim(sdp, codecs)))
    return wanted and audio_of(sdp, codecs) is None


def audio_of(sdp: bytes, codecs: tuple[str, ...]) -> Audio | None:
    """The audio m-line of a repaired SDP that is relayed; None where there is none.

    It is the first in use without SRTP, at an IPv4 address and a port with another one after it.
    """
    slimmed = slim(sdp, codecs)
    session, *media = _sections(slimmed)
    for place, (section, line) in enumerate(zip(media, media_lines(slimmed), strict=True)):
        host = _address(section) or _address(session)
        if line.kind != "audio" or not 0 < line.port < _LAST_PORT or "SAVP" in section[0] or not _is_ipv4(host):
            continue
        mapped = {found[1]: _NAMES.get(found[2].upper(), "") for entry in section if (found := _RTPMAP.match(entry))}
        static = {str(payload): name for name, payload in STATIC_TYPES.items()}
        named = [(entry, (static | mapped).get(entry, "")) for entry in line.formats]
        return Audio(
            place=place,
            host=host,
            port=line.port,
            rtcp_port=_rtcp_port(section) or line.port + 1,
            formats=tuple(Format(int(entry), name) for entry, name in named if name in (*CODECS, _DTMF)),
            sends=not any(entry in _SILENT for entry in (*session, *section)),
        )
    return None


def relayed(sdp: bytes, codecs: tuple[str, ...], host: str, port: int, is_answer: bool) -> bytes:
    """A party's SDP for the other one: media at the relay's `host` and `port`, all other m-lines declined.

    An answer is narrowed to one codec.
    """
    audio = audio_of(sdp, codecs)
    audio = audio.narrowed if audio and is_answer else audio
    session, *media = _sections(slim(sdp, codecs))
    origin = _ORIGIN.match(next((line for line in session if line.startswith("o=")), ""))
    number, version = (origin[1], origin[2]) if origin else ("0", "0")
    place = NOWHERE if audio and audio.host == NOWHERE else host
    direction = [line for line in session if line.removeprefix("a=") in _KEPT]
    lines = ["v=0", f"o=- {number} {version} IN IP4 {host}", "s=-", f"c=IN IP4 {place}", "t=0 0", *direction]
    for at, section in enumerate(media):
        if audio is None or at != audio.place:
            lines.append(_declined(section[0]))
        else:
            lines += _relayed_audio(section, tuple(str(one.payload) for one in audio.formats), port)
    return "".join(f"{line}\r\n" for line in lines).encode()


def heard(caller: Audio, callee: Audio, host: str, ports: tuple[int, int], version: int) -> bytes:
    """The offer to a line: what the caller sends on its first m-line, what the callee sends on its second.

    `ports` are those that the copies come from. Each party sends with the payload types that the other one named, and
    the first codec that both have; there must be one.
    """
    both = ((callee, caller), (caller, callee))
    codec = next(name for name in callee.codecs if name in caller.codecs)
    lines = ["v=0", f"o=- 1 {version} IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0"]
    for (receiver, sender), port in zip(both, ports, strict=True):
        named = [(receiver.payload(name), name) for name in (codec, _DTMF)]
        used = [(payload, name) for payload, name in named if payload is not None]
        lines.append(f"m=audio {port} RTP/AVP {' '.join(str(payload) for payload, _ in used)}")
        lines += [f"a=rtpmap:{payload} {name}/{_CLOCKS.get(name, 8000)}" for payload, name in used]
        quiet = not sender.sends or receiver.host == NOWHERE
        lines.append("a=inactive" if quiet else "a=sendonly")
    return "".join(f"{line}\r\n" for line in lines).encode()


def _relayed_audio(section: list[str], payloads: tuple[str, ...], port: int) -> list[str]:
    kept = []
    for line in section[1:]:
        name, _, value = line.removeprefix("a=").partition(":")
        of_format = name in ("rtpmap", "fmtp")
        if line.startswith("a=") and name in _KEPT and (not of_format or value.split()[0] in payloads):
            kept.append(line)
    return [f"m=audio {port} {section[0].split()[2]} {' '.join(payloads)}", *kept]


def _declined(media: str) -> str:
    kind, _, *rest = media.split()
    return " ".join((kind, "0", *rest))


def _sections(sdp: bytes) -> list[list[str]]:
    """The lines of an SDP that `slim` wrote: the session's, then each m-line's."""
    sections: list[list[str]] = [[]]
    for line in sdp.decode().splitlines():
        if line.startswith("m="):
            sections.append([])
        sections[-1].append(line)
    return sections


def _address(section: list[str]) -> str:
    line = next((line for line in section if line.startswith("c=")), "")
    return line.rpartition(" ")[2].partition("/")[0] if line else ""


def _rtcp_port(section: list[str]) -> int:
    line = next((line for line in section if line.startswith("a=rtcp:")), "")
    found = re.match(r"a=rtcp:(\d{1,5})", line)
    port = int(found[1]) if found else 0
    return port if port <= _LAST_PORT else 0


def _is_ipv4(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True
