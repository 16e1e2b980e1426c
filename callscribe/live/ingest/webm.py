"""The Opus packets of WebM as browsers' recorders write it: live, cut anywhere, of unknown length (RFC 8794, RFC 9559).
Pure.

Elements that only hold others are stepped into and their sizes ignored, as those of a live recording are unknown. A
header that comes again begins another recording, as a recorder does that was started anew.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_EBML, _INFO, _TRACK = 0x1A45DFA3, 0x1549A966, 0xAE
_TIMESTAMP, _SIMPLE_BLOCK, _BLOCK = 0xE7, 0xA3, 0xA1
_STEPPED_INTO = frozenset({0x18538067, 0x1F43B675, 0x1654AE6B, 0xA0})
"""Segment, Cluster, Tracks, BlockGroup."""
_READ = frozenset({_EBML, _INFO, _TRACK, _TIMESTAMP, _SIMPLE_BLOCK, _BLOCK})
_TIMESTAMP_SCALE, _TRACK_NUMBER, _CODEC_ID = 0x2AD7B1, 0xD7, 0x86
_LACING = 0x06
_MOST_BYTES = 1 << 16
"""Of an element that is read; a second of Opus has at most 64 KB."""


@dataclass(frozen=True, slots=True)
class OpusPacket:
    """One block."""

    at_ms: int
    """Since the recording began."""
    payload: bytes
    first: bool
    """Whether a recording begins with it."""


class WebmOpus:
    """Reads one stream as it comes."""

    def __init__(self) -> None:
        self._unread = b""
        self._skip = 0
        """Bytes still to come of an element that tells nothing."""
        self._began = False
        self._first = True
        self._track: int | None = None
        self._scale_ns = 1_000_000
        self._cluster = 0

    def feed(self, piece: bytes) -> Sequence[OpusPacket]:
        """The packets that are whole now. Raises ValueError for what is no WebM with Opus."""
        self._unread += piece
        return list(self._packets())

    def _packets(self) -> Iterator[OpusPacket]:
        place = 0
        data = self._unread
        while True:
            skipped = min(self._skip, len(data) - place)
            place, self._skip = place + skipped, self._skip - skipped
            header = _header(data, place) if not self._skip else None
            if header is None:
                break
            name, size, body = header
            if not self._began and name != _EBML:
                raise ValueError("the audio is no WebM")
            if name in _STEPPED_INTO:
                place = body
            elif size is None or (name in _READ and size > _MOST_BYTES):
                raise ValueError("an element of the WebM is too long")
            elif name not in _READ:
                place, self._skip = body, size
            elif body + size > len(data):
                break
            else:
                place = body + size
                yield from self._element(name, data[body:place])
        self._unread = data[place:]

    def _element(self, name: int, body: bytes) -> Iterator[OpusPacket]:
        if name == _EBML:
            self._began, self._first, self._track, self._scale_ns, self._cluster = True, True, None, 1_000_000, 0
        elif name == _INFO:
            self._scale_ns = _number(_children(body).get(_TIMESTAMP_SCALE, b"")) or self._scale_ns
        elif name == _TRACK:
            told = _children(body)
            if told.get(_CODEC_ID) == b"A_OPUS" and self._track is None:
                self._track = _number(told.get(_TRACK_NUMBER, b""))
        elif name == _TIMESTAMP:
            self._cluster = _number(body)
        else:
            yield from self._block(body)

    def _block(self, body: bytes) -> Iterator[OpusPacket]:
        """A block: its track, its time in its cluster, its flags, and one packet."""
        if self._track is None:
            raise ValueError("the WebM has no Opus")
        number = _size(body, 0)
        if number is None or len(body) < number[1] + 3 or body[number[1] + 2] & _LACING:
            raise ValueError("a block of the WebM is no single packet")
        track, place = number
        if track != self._track:
            return
        time = self._cluster + int.from_bytes(body[place : place + 2], "big", signed=True)
        first, self._first = self._first, False
        yield OpusPacket(max(0, time * self._scale_ns // 1_000_000), body[place + 3 :], first)


def _header(data: bytes, place: int) -> tuple[int, int | None, int] | None:
    """Name of the element there, its size (None: unknown), and where its body begins; None where that is not whole."""
    if place >= len(data):
        return None
    length = 9 - data[place].bit_length()
    if length > 4:
        raise ValueError("the audio is no WebM")
    if place + length > len(data):
        return None
    size = _size(data, place + length)
    return size and (int.from_bytes(data[place : place + length], "big"), *size)


def _size(data: bytes, place: int) -> tuple[int | None, int] | None:
    """A number of variable length (RFC 8794 section 4; None: all ones, unknown), and where it ends."""
    if place >= len(data):
        return None
    length = 9 - data[place].bit_length()
    if length > 8:
        raise ValueError("the audio is no WebM")
    if place + length > len(data):
        return None
    ones = (1 << 7 * length) - 1
    value = int.from_bytes(data[place : place + length], "big") & ones
    return None if value == ones else value, place + length


def _children(body: bytes) -> Mapping[int, bytes]:
    """The elements that a whole one holds. Raises ValueError where they do not fit."""
    found: dict[int, bytes] = {}
    place = 0
    while header := _header(body, place):
        name, size, start = header
        if size is None or start + size > len(body):
            raise ValueError("an element of the WebM is longer than what holds it")
        found[name], place = body[start : start + size], start + size
    return found


def _number(body: bytes) -> int:
    return int.from_bytes(body[:8], "big")
