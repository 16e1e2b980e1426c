"""What the headers of an INVITE say about the call. Pure."""

import re

from callscribe.domain.call import OutsideIds, Party
from telephony.front.bodies import Body
from telephony.sip.address import bare_address, clean, parse_name_addr, target_uri
from telephony.sip.message import Request

_ID_HEADERS = {
    "cisco-guid": "cisco-guid",
    "user-to-user": "user-to-user",
    "session-id": "session-id",
    "x-ucid": "ucid",
    "x-call-id": "x-call-id",
}
"""Headers that name the call elsewhere, and the kind of outside id they are."""
_SRC = re.compile(r";\s*(?:\+sip\.)?src\s*(?:[;=,]|$)", re.IGNORECASE)


def is_recording_session(request: Request, body: Body) -> bool:
    """True where an INVITE comes from a session recording client (RFC 7866 section 6.1), or from one of older drafts.

    Any of these tells: the option tag siprec, the feature tag +sip.src or src, or a metadata part. A Contact whose
    bracket is not closed is understood too.
    """
    if any(tag.strip().lower() == "siprec" for tag in request.headers.all("require")) or body.had_metadata:
        return True
    for value in request.headers.all("contact"):
        contact = parse_name_addr(value)
        if contact.param("+sip.src") is not None or contact.param("src") is not None:
            return True
        if "<" in value and ">" not in value and _SRC.search(value):
            return True
    return False


def party_of(value: str) -> Party:
    """Who a From or To value names."""
    named = parse_name_addr(value)
    return Party(bare_address(named.uri), clean(named.name))


def contact_uri(request: Request) -> str:
    """The caller's Contact URI; where there is none that can be used, the URI of its From."""
    contact, sender = request.headers.first("contact"), request.headers.first("from")
    return target_uri(contact) or target_uri(sender) or "sip:invalid.invalid"


def outside_ids(request: Request) -> OutsideIds:
    """The names other systems have for the call, as far as headers tell."""
    others = tuple((kind, text) for name, kind in _ID_HEADERS.items() if (text := clean(request.headers.first(name))))
    return OutsideIds(sip_call_id=clean(request.headers.first("call-id")), others=others)
