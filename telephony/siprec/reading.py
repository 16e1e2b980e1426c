"""Reading a metadata document (RFC 7865), its older drafts, and what vendors made of them. Pure.

Elements go by their local names; an id is taken with or without `urn:uuid:`. What cannot be understood is left out and
told by a quirk code.
"""

import re

from callscribe.domain.errors import MalformedMetadata
from telephony.quirks import Quirk
from telephony.sip.address import bare_address
from telephony.siprec.metadata import (
    MAX_VENDOR_IDS,
    CommunicationSession,
    MediaStream,
    Participant,
    RecordingMetadata,
    Side,
    StreamUse,
)
from telephony.siprec.tree import Element, bare_id, read_document
from telephony.vendor_ids import HEADERS, vendor_id

NAMESPACE = "urn:ietf:params:xml:ns:recording:1"

_ROOTS = ("recording", "recording_metadata")
_CONTENT = frozenset(("session", "participant", "stream", "participantstreamassoc", "participantsessionassoc"))
_IDS = {
    "ucid": "ucid",
    "callid": "sip-call-id",
    "call-id": "sip-call-id",
    "xfer-from": "leg-call-id",
    "xferfrom": "leg-call-id",
    "guid": "cisco-guid",
    "session-id": "session-id",
    "exttrackingid": "tracking-id",
    "externaltrackingid": "tracking-id",
}
"""Vendors' elements, lower case, and the kind of outside id that their text is."""
_SCHEME = re.compile(r"(?:sips?|tel):", re.IGNORECASE)
_NUMBER = re.compile(r"\+?[\d.()-]+")


def parse(document: bytes) -> RecordingMetadata:
    """Read a metadata document.

    Raises HostileMetadata as read_document does, and MalformedMetadata for what is no recording metadata, or breaks off
    before it has named anybody.
    """
    found = read_document(document)
    root, quirks = _root(found.root)
    if not found.whole:
        if not any(entry.id("participant_id", "id") for entry in root.named("participant")):
            raise MalformedMetadata("metadata is not well-formed XML")
        quirks.append(Quirk.METADATA_CUT)
    if found.namespace != NAMESPACE:
        quirks.append(Quirk.METADATA_NAMESPACE)
    if _is_old(root):
        quirks.append(Quirk.METADATA_OLD)
    return _read(root, quirks)


def _root(top: Element) -> tuple[Element, list[str]]:
    """The element that holds the metadata: the topmost one under whatever name, or what a vendor wrapped up."""
    if top.name in _ROOTS:
        return top, []
    for element in (top, *top.descendants()):
        if element.name in _ROOTS or any(child.name in _CONTENT for child in element.children):
            return element, [Quirk.METADATA_ROOT]
    raise MalformedMetadata("metadata has no recording element")


def _is_old(root: Element) -> bool:
    """Whether it is of a draft before RFC 7865: another root, unnamed ids, or associations inside participants."""
    named = {"session": "session_id", "participant": "participant_id", "stream": "stream_id"}
    unnamed = any(named[entry.name] not in entry.attributes for entry in root.named(*named))
    return (
        root.name == "recording_metadata" or unnamed or any(entry.named("send") for entry in root.named("participant"))
    )


def _read(root: Element, quirks: list[str]) -> RecordingMetadata:
    streams = tuple(stream for entry in root.named("stream") if (stream := _stream(entry)))
    if len(streams) < len(root.named("stream")):
        quirks.append(Quirk.STREAM_ID)
    labels = [stream.label for stream in streams if stream.label]
    if len(set(labels)) < len(labels):
        quirks.append(Quirk.LABELS_EQUAL)
    people = [entry for entry in root.named("participant") if entry.id("participant_id", "id")]
    if any(_lacks_scheme(_written_address(entry)) for entry in people):
        quirks.append(Quirk.ADDRESS_SCHEME)
    return RecordingMetadata(
        partial=root.child_text("datamode").lower() == "partial",
        sessions=tuple(_session(entry) for entry in root.named("session")),
        groups=tuple(group for entry in root.named("group") if (group := entry.id("group_id", "id"))),
        participants=tuple(_participant(entry) for entry in people),
        streams=streams,
        uses=_uses(root),
        departed=_departed(root),
        ended=_ended(root),
        vendor_ids=_vendor_ids(root),
        quirks=tuple(quirks),
    )


def _session(entry: Element) -> CommunicationSession:
    return CommunicationSession(
        id=entry.id("session_id", "id"),
        group=bare_id(entry.child_text("group-ref")),
        sip_session=entry.child_text("sipsessionid"),
    )


def _participant(entry: Element) -> Participant:
    name = next((text for name in entry.named("nameid") if (text := name.child_text("name") or name.text)), "")
    return Participant(
        id=entry.id("participant_id", "id"),
        address=_address(_written_address(entry)),
        name=name or entry.child_text("name"),
        side=_side(entry),
    )


def _written_address(entry: Element) -> str:
    named = (aor for name in entry.named("nameid") if (aor := name.attributes.get("aor", "").strip()))
    return next(named, "") or entry.child_text("aor")


def _lacks_scheme(written: str) -> bool:
    return bool(written) and not _SCHEME.match(written)


def _address(written: str) -> str:
    """A bare URI; what has no scheme gets one where it is plain which."""
    if _lacks_scheme(written):
        if "@" in written:
            written = f"sip:{written}"
        elif _NUMBER.fullmatch(written):
            written = f"tel:{written}"
    return bare_address(written)


def _side(entry: Element) -> Side:
    """By Oracle's callingParty, or by a vendor's element that is called caller or callee."""
    calling = {"true": Side.CALLER, "false": Side.CALLEE}
    found: set[Side] = set()
    for element in entry.descendants():
        if element.name == "callingparty" and element.text.lower() in calling:
            found.add(calling[element.text.lower()])
        elif element.name in (Side.CALLER, Side.CALLEE):
            found.add(Side(element.name))
    return found.pop() if len(found) == 1 else Side.UNKNOWN


def _stream(entry: Element) -> MediaStream | None:
    stream = entry.id("stream_id", "id")
    if not stream:
        return None
    return MediaStream(
        id=stream,
        label=entry.child_text("label"),
        session=entry.id("session_id", "session"),
        mixed=entry.child_text("mode").lower() == "mixed",
    )


def _uses(root: Element) -> tuple[StreamUse, ...]:
    """From the association elements, and from within the participants as older drafts have it."""
    found: dict[str, StreamUse] = {}
    for entry in root.named("participantstreamassoc", "participant"):
        who = entry.id("participant_id", "id")
        send, recv = _refs(entry, "send"), _refs(entry, "recv")
        if who and (send or recv):
            known = found.get(who, StreamUse(who))
            found[who] = StreamUse(who, (*known.send, *send), (*known.recv, *recv))
    return tuple(found.values())


def _refs(entry: Element, name: str) -> tuple[str, ...]:
    texts = (child.text or child.child_text("id") for child in entry.named(name))
    return tuple(bare_id(text) for text in texts if text)


def _departed(root: Element) -> frozenset[str]:
    associations = root.named("participantsessionassoc")
    return frozenset(
        entry.id("participant_id", "id") for entry in associations if entry.child_text("disassociate-time")
    ) - {""}


def _ended(root: Element) -> frozenset[str]:
    """By a session's stop-time, or by the end of its association with the recording (RFC 7865 sections 6.3, 6.4)."""
    stopped = [entry for entry in root.named("session") if entry.child_text("stop-time")]
    left = [entry for entry in root.named("sessionrecordingassoc") if entry.child_text("disassociate-time")]
    return frozenset(entry.id("session_id", "id") for entry in (*stopped, *left)) - {""}


def _vendor_ids(root: Element) -> tuple[tuple[str, str], ...]:
    """Names of the recorded call in vendors' extensions, and participants' ids that are names of their legs."""
    found: list[tuple[str, str]] = []
    for element in root.descendants():
        # Oracle copies headers of the recorded call: <header label="Call-ID">.
        copied = element.attributes.get("label", "").lower() if element.name == "header" else ""
        if element.text and (kind := HEADERS.get(copied) or _IDS.get(copied or element.name)):
            found.extend(vendor_id(kind, element.text))
    legs = (entry.id("participant_id", "id") for entry in root.named("participant"))
    # Not of a kind that links calls: with some clients it is a person's address, the same on every call.
    found.extend(("leg-call-id", leg) for leg in legs if "@" in leg)
    return tuple(dict.fromkeys(found))[:MAX_VENDOR_IDS]
