"""Parties and ids out of what other systems tell."""

import json
import re
from collections.abc import Mapping

from callscribe.domain.call import Party
from telephony.sip.address import clean

Fields = Mapping[str, object]
_NUMBER = re.compile(r"[+*#\d][\d*#()./ -]*")


def party(address: str, name: str = "") -> Party:
    """A party by its number or address, as a tel or sip URI; what is neither is taken for a name."""
    address, name = clean(address), clean(name)
    if address.startswith(("sip:", "sips:", "tel:")):
        return Party(address.partition(";")[0], name)
    if _NUMBER.fullmatch(address):
        return Party("tel:" + re.sub(r"[()./ -]", "", address), name)
    if "@" in address:
        return Party(f"sip:{address}", name)
    return Party("", name or address)


def json_object(text: str) -> Fields:
    """A message that is one JSON object. Raises ValueError."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("a text message is no JSON") from None
    if not isinstance(found, dict):
        raise ValueError("a text message is no JSON object")
    return found


def table(fields: Fields, key: str) -> Fields:
    """The object there; empty where there is none."""
    value = fields.get(key)
    return value if isinstance(value, dict) else {}


def word(fields: Mapping[str, object], *keys: str) -> str:
    """The first of these that is text or a number, as text; "" where none is."""
    for key in keys:
        value = fields.get(key)
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return clean(str(value))
    return ""


def number(fields: Fields, key: str) -> int | None:
    """A whole number that is not negative, also one written as text; None where there is none."""
    text = word(fields, key)
    return int(text) if text.isdecimal() and len(text) < 16 else None


def told_parties(fields: Mapping[str, object]) -> tuple[Party, Party]:
    """Caller and callee of parameters that whoever configures the peer writes."""
    caller = party(word(fields, "caller", "from", "From", "ani"), word(fields, "caller_name", "callerName"))
    callee = party(word(fields, "callee", "to", "To", "dnis"), word(fields, "callee_name", "calleeName"))
    return caller, callee
