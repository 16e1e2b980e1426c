"""What the headers of a message say about the call. Pure."""

import re
from dataclasses import dataclass

from callscribe.domain.call import OutsideIds, Party
from telephony.front.bodies import Body
from telephony.front.offer import Description
from telephony.quirks import Quirk
from telephony.sdp import MAX_MEDIA_LINES, media_lines
from telephony.sip.address import bare_address, clean, parse_name_addr, parse_uri, target_uri
from telephony.sip.headers import split_commas
from telephony.sip.message import Request
from telephony.siprec.attribution import Claim, Source
from telephony.vendor_ids import HEADERS, vendor_id

_NETWORK_RECORDING = "x-cisco-recording-participant"
"""Cisco's network-based recording: a participant, and the m-lines it is on."""
_MAX_CLAIMS = 32
"""Of one message's headers."""
_SRC = re.compile(r";\s*(?:\+sip\.)?src\s*(?:[;=,]|$)", re.IGNORECASE)


_ACTION = "x-ac-action"
"""AudioCodes: what is to be done with the recording from here on."""
_PAUSES = {"pause": True, "pause-siprec": True, "resume": False, "resume-siprec": False}


@dataclass(frozen=True, slots=True)
class Ends:
    """Both ends of a call, as headers name them."""

    caller: Party
    callee: Party


def is_recording_session(request: Request, body: Body) -> bool:
    """True where an INVITE comes from a session recording client (RFC 7866 section 6.1), or from one of older drafts.

    Any of these tells: the option tag siprec, the feature tag +sip.src or src, a metadata part, or what Cisco's
    recorders write in place of metadata. A Contact whose bracket is not closed is understood too.
    """
    if any(tag.strip().lower() == "siprec" for tag in request.headers.all("require")) or body.had_metadata:
        return True
    if _forked_end(request) or _NETWORK_RECORDING in request.headers:
        return True
    for value in request.headers.all("contact"):
        contact = parse_name_addr(value)
        if contact.param("+sip.src") is not None or contact.param("src") is not None:
            return True
        if _is_unclosed(value) and _SRC.search(value):
            return True
    return False


def description_of(request: Request, body: Body) -> Description:
    """What a message says of the recorded call."""
    lines = media_lines(body.sdp or b"")[:MAX_MEDIA_LINES]
    named = [Claim(place, Party("", line.cname), Source.CNAME) for place, line in enumerate(lines) if line.cname]
    unclosed = any(_is_unclosed(value) for value in request.headers.all("contact"))
    quirks = (*body.quirks, Quirk.CONTACT) if unclosed else body.quirks
    mixed = any(parse_name_addr(value).param("isfocus") is not None for value in request.headers.all("contact"))
    return Description(body.metadata, (*named, *_vendor_claims(request)), quirks, mixed)


def pause_told(request: Request) -> bool | None:
    """True where nothing of what is said is to be kept from now on, False where it is again; None: nothing is said."""
    return _PAUSES.get(request.headers.first(_ACTION).partition(";")[0].strip().lower())


def ends_of(request: Request) -> Ends:
    """Who calls whom: From and To, or where a Cisco phone forks its call both ends of that."""
    caller, callee = (party_of(request.headers.first(name)) for name in ("from", "to"))
    if forked := _forked_end(request):
        return Ends(forked.near, forked.far)
    return Ends(caller, callee)


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
    others = [
        found for name, kind in HEADERS.items() for text in request.headers.all(name) for found in vendor_id(kind, text)
    ]
    if forked := _forked_end(request):
        others += [("cisco-refci", refci) for refci in forked.references]
    cleaned = ((kind, clean(value)) for kind, value in others)
    return OutsideIds(sip_call_id=clean(request.headers.first("call-id")), others=tuple(dict.fromkeys(cleaned)))


@dataclass(frozen=True, slots=True)
class _ForkedEnd:
    """One end of a call that a Cisco phone forks to a recorder (built-in bridge): the dialog carries it alone."""

    is_near: bool
    near: Party
    far: Party
    references: tuple[str, ...]
    """CUCM's references to both legs."""

    @property
    def heard(self) -> Party:
        return self.near if self.is_near else self.far


def _forked_end(request: Request) -> _ForkedEnd | None:
    """By the parameters x-nearend and x-farend of the From URI, or behind it."""
    sender = parse_name_addr(request.headers.first("from"))
    uri = parse_uri(sender.uri)
    params = dict((*(uri.params if uri else ()), *sender.params))
    if uri is None or not {"x-nearend", "x-farend"} & params.keys():
        return None
    near_user, far_user = params.get("x-nearendaddr") or uri.user, params.get("x-farendaddr", "")
    name = clean(sender.name)
    return _ForkedEnd(
        is_near="x-nearend" in params,
        near=Party(bare_address(f"sip:{near_user}@{uri.host}"), name),
        far=Party(bare_address(f"sip:{far_user}@{uri.host}") if far_user else ""),
        references=tuple(
            clean(params[key]) for key in ("x-refci", "x-nearendrefci", "x-farendrefci") if params.get(key)
        ),
    )


def _vendor_claims(request: Request) -> tuple[Claim, ...]:
    forked = _forked_end(request)
    claims = [Claim(0, forked.heard, Source.VENDOR)] if forked and forked.heard.address else []
    for field in request.headers.all(_NETWORK_RECORDING):
        for value in split_commas(field):
            places = re.findall(r"\d{1,2}", parse_name_addr(value).param("media-index") or "")
            party = party_of(value)
            claims += [Claim(place, party, Source.VENDOR) for place in dict.fromkeys(map(int, places))]
            if len(claims) >= _MAX_CLAIMS:
                return tuple(claims[:_MAX_CLAIMS])
    return tuple(claims)


def _is_unclosed(value: str) -> bool:
    return "<" in value and ">" not in value
