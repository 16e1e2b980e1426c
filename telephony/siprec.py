"""Recording metadata (RFC 7865): who speaks on which stream. Pure.

Read tolerantly: elements go by their local names, so that older drafts and vendors' namespaces are understood; an id is
taken with or without `urn:uuid:`. What cannot be understood is left out and told by a quirk code.
"""

import xml.sax
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl

from defusedxml import DefusedXmlException
from defusedxml.sax import parseString

from callscribe.domain.call import Party
from callscribe.domain.errors import MalformedMetadata
from telephony.sip.address import bare_address, clean

MAX_BYTES = 64 * 1024
MAX_DEPTH = 32
MAX_ELEMENTS = 4096
MAX_VENDOR_IDS = 8

_ROOTS = ("recording", "recording_metadata")
_VENDOR_IDS = {"ucid": "ucid", "callid": "sip-call-id", "guid": "cisco-guid", "session-id": "session-id"}
"""Vendors' elements, lower case, and the kind of outside id that their text is."""


@dataclass(frozen=True, slots=True)
class Participant:
    """Someone on the communication session (RFC 7865 section 6.5)."""

    id: str
    address: str = ""
    """Bare SIP or tel URI of the first nameID, or ""."""
    name: str = ""

    @property
    def party(self) -> Party:
        return Party(self.address, self.name, self.id)


@dataclass(frozen=True, slots=True)
class MediaStream:
    """A recorded stream (RFC 7865 section 6.7)."""

    id: str
    label: str = ""
    """Names an m-line of the recording session's SDP."""
    session: str = ""
    """Communication session it belongs to."""
    mixed: bool = False


@dataclass(frozen=True, slots=True)
class StreamUse:
    """What a participant sends and receives (RFC 7865 section 6.10); ids of streams."""

    participant: str
    send: tuple[str, ...] = ()
    recv: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CommunicationSession:
    """The recorded call (RFC 7865 section 6.3)."""

    id: str
    group: str = ""
    sip_session: str = ""
    """RFC 7989 Session-ID of the recorded call, or ""."""


class _Named(Protocol):
    @property
    def id(self) -> str: ...


_Entry = TypeVar("_Entry", bound=_Named)


@dataclass(frozen=True, slots=True)
class RecordingMetadata:
    """One metadata document, or several merged."""

    partial: bool = False
    """True for an update that names only what changed."""
    sessions: tuple[CommunicationSession, ...] = ()
    groups: tuple[str, ...] = ()
    participants: tuple[Participant, ...] = ()
    """In document order, without those who left."""
    streams: tuple[MediaStream, ...] = ()
    uses: tuple[StreamUse, ...] = ()
    departed: frozenset[str] = frozenset()
    """Participants whose association with the session has ended."""
    vendor_ids: tuple[tuple[str, str], ...] = ()
    """Kind and value."""
    quirks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChannelSpeakers:
    """Who is heard on one channel."""

    parties: tuple[Party, ...] = ()
    mixed: bool = False
    """More than one party is heard."""

    @property
    def party(self) -> Party | None:
        """The one party of the channel, None where there is none or several."""
        return self.parties[0] if len(self.parties) == 1 and not self.mixed else None


def parse(document: bytes) -> RecordingMetadata:
    """Read a metadata document.

    Raises MalformedMetadata for what is no XML, no recording metadata, larger than MAX_BYTES, deeper than MAX_DEPTH or
    of more than MAX_ELEMENTS elements, or declares a DTD or an entity.
    """
    if len(document) > MAX_BYTES:
        raise MalformedMetadata(f"metadata above {MAX_BYTES} bytes")
    builder = _TreeBuilder()
    try:
        parseString(document.lstrip().rstrip(b"\0 \t\r\n"), builder, forbid_dtd=True)
    except DefusedXmlException as error:
        raise MalformedMetadata("metadata declares a DTD or an entity") from error
    except (xml.sax.SAXException, ValueError, LookupError) as error:
        raise MalformedMetadata("metadata is not well-formed XML") from error
    root = builder.root
    if root is None or root.name not in _ROOTS:
        raise MalformedMetadata("metadata has no recording element")
    return _read(root)


def merge(known: RecordingMetadata | None, update: RecordingMetadata) -> RecordingMetadata:
    """What is known after an update: a partial one changes what it names, a complete one replaces everything."""
    if known is None or not update.partial:
        return _without_departed(update)
    newer = {entry.id: entry for entry in update.participants}
    participants = tuple(_fuller(entry, newer.get(entry.id)) for entry in known.participants)
    present = {entry.id for entry in known.participants}
    participants += tuple(entry for entry in update.participants if entry.id not in present)
    merged = replace(
        known,
        sessions=_replaced(known.sessions, update.sessions),
        groups=tuple(dict.fromkeys((*known.groups, *update.groups))),
        participants=participants,
        streams=_replaced(known.streams, update.streams),
        uses=tuple({use.participant: use for use in (*known.uses, *update.uses)}.values()),
        departed=update.departed,
        vendor_ids=tuple(dict.fromkeys((*known.vendor_ids, *update.vendor_ids)))[:MAX_VENDOR_IDS],
        quirks=tuple(dict.fromkeys((*known.quirks, *update.quirks))),
    )
    return _without_departed(merged)


def speakers(metadata: RecordingMetadata, labels: tuple[str, ...]) -> tuple[ChannelSpeakers, ...]:
    """Who is heard on each channel, given the SDP labels of the channels in order.

    A participant speaks on the channels whose label is that of a stream it sends; the order of participants means
    nothing. Where no channel carries a label, streams and channels are matched in order.
    """
    if any(labels):
        by_label = {stream.label: stream for stream in reversed(metadata.streams) if stream.label}
        streams = tuple(by_label.get(label) if label else None for label in labels)
    else:
        ordered = metadata.streams[: len(labels)]
        streams = ordered + (None,) * (len(labels) - len(ordered))
    return tuple(_speakers(metadata, stream) for stream in streams)


def _speakers(metadata: RecordingMetadata, stream: MediaStream | None) -> ChannelSpeakers:
    if stream is None:
        return ChannelSpeakers()
    senders = {use.participant for use in metadata.uses if stream.id in use.send}
    parties = tuple(entry.party for entry in metadata.participants if entry.id in senders)
    return ChannelSpeakers(parties, stream.mixed or len(parties) > 1)


def _fuller(known: Participant, newer: Participant | None) -> Participant:
    if newer is None:
        return known
    return Participant(known.id, newer.address or known.address, newer.name or known.name)


def _replaced(known: tuple[_Entry, ...], newer: tuple[_Entry, ...]) -> tuple[_Entry, ...]:
    return tuple({entry.id: entry for entry in (*known, *newer)}.values())


def _without_departed(metadata: RecordingMetadata) -> RecordingMetadata:
    gone = metadata.departed
    return replace(
        metadata,
        partial=False,
        departed=frozenset(),
        participants=tuple(entry for entry in metadata.participants if entry.id not in gone),
        uses=tuple(use for use in metadata.uses if use.participant not in gone),
    )


# The XML tree, by local names.


@dataclass(slots=True)
class _Element:
    name: str
    """Local name, lower case."""
    attributes: dict[str, str]
    """By local name, lower case."""
    children: list["_Element"] = field(default_factory=list)
    chunks: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return clean("".join(self.chunks))

    def named(self, *names: str) -> list["_Element"]:
        return [child for child in self.children if child.name in names]

    def child_text(self, *names: str) -> str:
        return next((child.text for child in self.named(*names) if child.text), "")

    def id(self, *names: str) -> str:
        """The first of the named attributes, without `urn:uuid:`."""
        return next((_id(self.attributes[name]) for name in names if self.attributes.get(name)), "")


class _TreeBuilder(ContentHandler):
    """Builds the tree without namespaces, which also lets an undeclared prefix pass."""

    def __init__(self) -> None:
        super().__init__()
        self.root: _Element | None = None
        self._open: list[_Element] = []
        self._count = 0

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802
        self._count += 1
        if self._count > MAX_ELEMENTS or len(self._open) >= MAX_DEPTH:
            raise MalformedMetadata("metadata has too many or too deep elements")
        element = _Element(_local(name), {_local(key): value for key, value in attrs.items()})
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def endElement(self, name: str) -> None:  # noqa: N802
        self._open.pop()

    def characters(self, content: str) -> None:
        self._open[-1].chunks.append(content)


def _local(name: str) -> str:
    return name.rpartition(":")[2].lower()


def _id(text: str) -> str:
    return clean(text).removeprefix("urn:uuid:")


# From the tree to values.


def _read(root: _Element) -> RecordingMetadata:
    quirks: list[str] = []
    if root.name != "recording":
        quirks.append("metadata-old-format")
    streams = tuple(stream for entry in root.named("stream") if (stream := _stream(entry)))
    if len(streams) < len(root.named("stream")):
        quirks.append("metadata-stream-without-id")
    if len({stream.label for stream in streams}) < len(streams):
        quirks.append("metadata-labels-not-unique")
    people = root.named("participant")
    return RecordingMetadata(
        partial=root.child_text("datamode").lower() == "partial",
        sessions=tuple(_session(entry) for entry in root.named("session")),
        groups=tuple(group for entry in root.named("group") if (group := entry.id("group_id", "id"))),
        participants=tuple(_participant(entry) for entry in people if entry.id("participant_id", "id")),
        streams=streams,
        uses=_uses(root),
        departed=_departed(root),
        vendor_ids=_vendor_ids(root),
        quirks=tuple(quirks),
    )


def _session(entry: _Element) -> CommunicationSession:
    return CommunicationSession(
        id=entry.id("session_id", "id"),
        group=_id(entry.child_text("group-ref")),
        sip_session=entry.child_text("sipsessionid"),
    )


def _participant(entry: _Element) -> Participant:
    named = entry.named("nameid")
    address = next((aor for name in named if (aor := name.attributes.get("aor", "").strip())), "")
    name = next((text for name in named if (text := name.child_text("name") or name.text)), "")
    return Participant(
        id=entry.id("participant_id", "id"),
        address=bare_address(address or entry.child_text("aor")),
        name=name or entry.child_text("name"),
    )


def _stream(entry: _Element) -> MediaStream | None:
    label = entry.child_text("label")
    stream = entry.id("stream_id", "id")
    if not stream:
        return None
    return MediaStream(
        id=stream,
        label=label,
        session=entry.id("session_id", "session"),
        mixed=entry.child_text("mode").lower() == "mixed",
    )


def _uses(root: _Element) -> tuple[StreamUse, ...]:
    """From the association elements, and from within the participants as older drafts have it."""
    found: dict[str, StreamUse] = {}
    for entry in root.named("participantstreamassoc", "participant"):
        who = entry.id("participant_id", "id")
        send, recv = _refs(entry, "send"), _refs(entry, "recv")
        if who and (send or recv):
            known = found.get(who, StreamUse(who))
            found[who] = StreamUse(who, (*known.send, *send), (*known.recv, *recv))
    return tuple(found.values())


def _refs(entry: _Element, name: str) -> tuple[str, ...]:
    texts = (child.text or child.child_text("id") for child in entry.named(name))
    return tuple(_id(text) for text in texts if text)


def _departed(root: _Element) -> frozenset[str]:
    associations = root.named("participantsessionassoc")
    return frozenset(
        entry.id("participant_id", "id") for entry in associations if entry.child_text("disassociate-time")
    ) - {""}


def _vendor_ids(root: _Element) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    waiting = [root]
    while waiting:
        element = waiting.pop()
        kind = _VENDOR_IDS.get(element.name)
        if kind and element.text:
            found.append((kind, element.text))
        waiting.extend(reversed(element.children))
    return tuple(dict.fromkeys(found))[:MAX_VENDOR_IDS]
