"""Header fields: an immutable, ordered, case-insensitive multimap (RFC 3261 section 7.3)."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

COMPACT = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
}
"""Compact form to full name (RFC 3261 section 7.3.3 and the registry it began)."""

_LISTS = frozenset({"via", "route", "record-route", "contact", "require", "proxy-require", "supported", "allow"})
"""Headers that are split at commas when read, so that one entry is one value."""

_SPELLED = {
    "call-id": "Call-ID",
    "cseq": "CSeq",
    "rack": "RAck",
    "rseq": "RSeq",
    "www-authenticate": "WWW-Authenticate",
}
_MARK = re.compile(r'["<>,\\]')


@dataclass(frozen=True, slots=True)
class Headers:
    """Header fields in order, as (name in lower case and full form, value without folding)."""

    fields: tuple[tuple[str, str], ...] = ()

    def first(self, name: str) -> str:
        """The first value of `name`, or ""."""
        return next((value for key, value in self.fields if key == name), "")

    def all(self, name: str) -> tuple[str, ...]:
        """Every value of `name`, in order."""
        return tuple(value for key, value in self.fields if key == name)

    def __contains__(self, name: str) -> bool:
        return any(key == name for key, _ in self.fields)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.fields)

    def only(self, names: Iterable[str]) -> "Headers":
        """The fields named in `names`."""
        wanted = frozenset(names)
        return Headers(tuple(entry for entry in self.fields if entry[0] in wanted))

    def without(self, *names: str) -> "Headers":
        return Headers(tuple(entry for entry in self.fields if entry[0] not in names))

    def set(self, name: str, *values: str) -> "Headers":
        """`name` with exactly these values, at the place of its first one or else at the end."""
        fresh = tuple((name, value) for value in values)
        place = next((at for at, (key, _) in enumerate(self.fields) if key == name), len(self.fields))
        before = self.fields[:place]
        after = tuple(entry for entry in self.fields[place:] if entry[0] != name)
        return Headers(before + fresh + after)

    def add(self, name: str, *values: str) -> "Headers":
        """`values` appended."""
        return Headers(self.fields + tuple((name, value) for value in values))

    def text(self) -> str:
        """The wire form, each line ended with CRLF."""
        return "".join(f"{spelled(name)}: {value}\r\n" for name, value in self.fields)


def full_name(name: str) -> str:
    """A header name in lower case, its compact form expanded."""
    lower = name.strip(" \t").lower()
    return COMPACT.get(lower, lower)


def spelled(name: str) -> str:
    """A lower-case name as RFC 3261 writes it."""
    return _SPELLED.get(name) or "-".join(word.capitalize() for word in name.split("-"))


def split_values(name: str, value: str) -> tuple[str, ...]:
    """One field line as its values: a comma list where the header is defined as one and RFC 3261 lets it be joined."""
    if name not in _LISTS or "," not in value:
        return (value,)
    return tuple(part for part in split_commas(value) if part) or ("",)


def split_commas(value: str) -> tuple[str, ...]:
    """The parts between commas that stand outside quoted strings and angle brackets, stripped."""
    parts: list[str] = []
    begin, skip = 0, -1
    quoted = bracketed = False
    for mark in _MARK.finditer(value):
        at, sign = mark.start(), mark[0]
        if at == skip:
            continue
        if sign == "\\":
            skip = at + 1 if quoted else -1
        elif sign == '"' and not bracketed:
            quoted = not quoted
        elif not quoted and sign in "<>":
            bracketed = sign == "<"
        elif sign == "," and not quoted and not bracketed:
            parts.append(value[begin:at].strip())
            begin = at + 1
    parts.append(value[begin:].strip())
    return tuple(parts)
