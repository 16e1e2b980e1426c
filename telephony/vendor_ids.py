"""Ids that PBXs and SBCs give a call, as people look for them. Pure."""

import re

HEADERS = {
    "cisco-guid": "cisco-guid",
    "user-to-user": "user-to-user",
    "session-id": "session-id",
    "x-ucid": "ucid",
    "x-call-id": "x-call-id",
    "x-broadworks-correlation-info": "tracking-id",
}
"""SIP headers, in lower case, that name the call elsewhere, and the kind of outside id they are."""

_UCID_IN_HEX = re.compile(r"(?:[0-9a-f]{2}){0,64}?fa08([0-9a-f]{16})(?:[0-9a-f]{2})*", re.IGNORECASE)
"""Avaya's tagged form: application data FA of 8 bytes, behind a protocol byte and other tags (RFC 7433)."""
_PARAMETERS = frozenset(("encoding", "purpose", "content"))


def vendor_id(kind: str, written: str) -> tuple[tuple[str, str], ...]:
    """The ids, as (kind, value), in what was written for one.

    RFC 7433's parameters are left off. Where it holds an Avaya UCID in hexadecimal, its 20 decimal digits, by which
    Avaya's own reports name the call, follow as one of kind "ucid".
    """
    value = _without_parameters(written).strip().strip('"')
    if not value:
        return ()
    decimal = _decimal_ucid(value) if kind in ("ucid", "user-to-user") else ""
    return ((kind, value), ("ucid", decimal)) if decimal else ((kind, value),)


def _without_parameters(written: str) -> str:
    first, *others = written.split(";")
    for count, part in enumerate(others):
        name, equals, _ = part.partition("=")
        if equals and name.strip().lower() in _PARAMETERS:
            return ";".join((first, *others[:count]))
    return written


def _decimal_ucid(value: str) -> str:
    """Node, sequence and time, 5, 5 and 10 digits; "" where there is no UCID in hexadecimal."""
    found = _UCID_IN_HEX.fullmatch(value)
    if not found:
        return ""
    digits = found[1]
    return f"{int(digits[:4], 16):05}{int(digits[4:8], 16):05}{int(digits[8:], 16):010}"
