"""Multipart bodies (RFC 2046 section 5.1), read tolerantly."""

import re
from dataclasses import dataclass

from telephony.sip.headers import full_name

MAX_PARTS = 32
MAX_DEPTH = 3
"""Multipart parts inside multipart parts that are opened."""

_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_SNIFF = re.compile(rb"\s*--([^\s]{1,70})[ \t]*\r?\n")
_BOUNDARY = re.compile(r'boundary\s*=\s*(?:"([^"]+)"|([^;\s]+))', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """A leaf part."""

    content_type: str
    """Media type in lower case, without parameters; "" where the part says none."""
    body: bytes


def media_type(content_type: str) -> str:
    """The media type of a Content-Type value, in lower case and without parameters."""
    return content_type.partition(";")[0].strip().lower()


def boundary_of(content_type: str, body: bytes) -> bytes:
    """The boundary that a Content-Type names, or where it names none the one the body opens with, or b""."""
    found = _BOUNDARY.search(content_type)
    if found:
        return (found[1] or found[2]).encode("utf-8", "surrogateescape")
    sniffed = _SNIFF.match(body)
    return sniffed[1] if sniffed else b""


def closing_end(body: bytes, boundary: bytes) -> int:
    """Where the closing delimiter ends, or -1 where there is none."""
    if not boundary:
        return -1
    found = re.search(rb"(?:^|\n)--" + re.escape(boundary) + rb"--", body)
    return found.end() if found else -1


def leaf_parts(content_type: str, body: bytes) -> tuple[Part, ...]:
    """Every part that is no multipart itself, in order; a missing closing delimiter is taken as the body's end."""
    return tuple(_leaves(content_type, body, MAX_DEPTH))[:MAX_PARTS]


def _leaves(content_type: str, body: bytes, depth: int) -> list[Part]:
    boundary = boundary_of(content_type, body)
    if not boundary or not depth:
        return []
    found: list[Part] = []
    for raw in _raw_parts(body, boundary):
        head, part = _split_part(raw)
        kind = media_type(head)
        if kind.startswith("multipart/"):
            found.extend(_leaves(head, part, depth - 1))
        else:
            found.append(Part(kind, part))
    return found


def _raw_parts(body: bytes, boundary: bytes) -> list[bytes]:
    delimiter = re.compile(rb"(?:^|\n)--" + re.escape(boundary) + rb"(--)?[ \t]*+(?=\r?\n|\r?$)")
    pieces: list[bytes] = []
    begin = -1
    for mark in delimiter.finditer(body):
        if begin >= 0:
            pieces.append(_without_first_line_end(body[begin : mark.start()].removesuffix(b"\r")))
        begin = mark.end()
        if mark[1] or len(pieces) >= MAX_PARTS:
            return pieces
    if begin >= 0:
        pieces.append(_without_first_line_end(body[begin:]))
    return pieces


def _without_first_line_end(raw: bytes) -> bytes:
    return raw[2:] if raw.startswith(b"\r\n") else raw.removeprefix(b"\n")


def _split_part(raw: bytes) -> tuple[str, bytes]:
    """A part's Content-Type value and its body."""
    if raw.startswith((b"\r\n", b"\n")):
        return "", raw.lstrip(b"\r\n")
    found = _BLANK_LINE.search(raw)
    head, body = (raw[: found.start()], raw[found.end() :]) if found else (raw, b"")
    for line in re.split(rb"\r?\n(?![ \t])", head):
        name, _, value = line.decode("utf-8", "replace").partition(":")
        if full_name(name) == "content-type":
            return re.sub(r"\s*\r?\n\s*", " ", value).strip(), body
    return "", body
