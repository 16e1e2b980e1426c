"""Recording metadata (RFC 7865) as a session recording client writes it."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4
from xml.etree.ElementTree import Element, SubElement, tostring

from callscribe.domain.call import Party

_NAMESPACE = "urn:ietf:params:xml:ns:recording:1"
_MADE_UP = (Party("sip:agent@example.com", "Agent"), Party("sip:customer@example.com", "Customer"))


def parties_for(lines: int, given: Sequence[Party]) -> tuple[Party, ...]:
    """One party for each m-line: those given, then made-up ones."""
    made_up = (
        *_MADE_UP,
        *(Party(f"sip:party{number}@example.com", f"Party {number}") for number in range(3, lines + 1)),
    )
    return (*given, *made_up[len(given) :])[:lines]


def write_metadata(parties: Sequence[Party], began: datetime) -> str:
    """A complete document for one communication session in which party n sends the stream labelled n, from 1 on."""
    at = began.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    recording = Element("recording", xmlns=_NAMESPACE)
    SubElement(recording, "datamode").text = "complete"
    session = _id()
    element = SubElement(recording, "session", session_id=session)
    SubElement(element, "start-time").text = at
    people = [(party, party.participant_id or _id(), _id()) for party in parties]
    for party, person, _ in people:
        name = SubElement(SubElement(recording, "participant", participant_id=person), "nameID", aor=party.address)
        if party.name:
            SubElement(name, "name").text = party.name
    for label, (_, _, stream) in enumerate(people, start=1):
        element = SubElement(recording, "stream", stream_id=stream, session_id=session)
        SubElement(element, "label").text = str(label)
    element = SubElement(recording, "sessionrecordingassoc", session_id=session)
    SubElement(element, "associate-time").text = at
    for _, person, _ in people:
        element = SubElement(recording, "participantsessionassoc", participant_id=person, session_id=session)
        SubElement(element, "associate-time").text = at
    for _, person, own in people:
        element = SubElement(recording, "participantstreamassoc", participant_id=person)
        SubElement(element, "send").text = own
        for _, _, stream in people:
            if stream != own:
                SubElement(element, "recv").text = stream
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(recording, encoding="unicode")


def _id() -> str:
    """A random id: base64 of a UUID (RFC 7865 section 6.10)."""
    return base64.b64encode(uuid4().bytes).decode()
