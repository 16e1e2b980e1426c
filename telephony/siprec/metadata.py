"""What recording metadata (RFC 7865) says, as values, and how one document follows another. Pure."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol, TypeVar

from callscribe.domain.call import Party
from telephony.quirks import Quirk

MAX_VENDOR_IDS = 12
MAX_ENTRIES = 64
"""Participants, streams, sessions and groups that updates add up to, the newest; and streams that one of them uses."""


class Side(StrEnum):
    """Which end of the recorded call a participant is, where a vendor's extension tells."""

    CALLER = "caller"
    CALLEE = "callee"
    UNKNOWN = ""


@dataclass(frozen=True, slots=True)
class Participant:
    """Someone on the communication session (RFC 7865 section 6.5)."""

    id: str
    address: str = ""
    """Bare SIP or tel URI of the first nameID, or ""."""
    name: str = ""
    side: Side = Side.UNKNOWN

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
    ended: frozenset[str] = frozenset()
    """Sessions that are over, or are recorded no longer."""
    ousted: frozenset[tuple[str, str]] = frozenset()
    """Participants and the streams that others have taken over from them."""
    vendor_ids: tuple[tuple[str, str], ...] = ()
    """Kind and value."""
    quirks: tuple[str, ...] = ()

    def senders(self, stream: str) -> tuple[str, ...]:
        """Ids of the participants that send a stream."""
        return tuple(use.participant for use in self.uses if stream in use.send)

    def is_returned(self, stream: str) -> bool:
        """True where a participant that sends a stream receives it too."""
        return any(stream in use.send and stream in use.recv for use in self.uses)


def merge(known: RecordingMetadata | None, update: RecordingMetadata) -> RecordingMetadata:
    """What is known after an update: a partial one changes what it names, a complete one replaces everything.

    A new stream under the label of an earlier one takes its place, and what belongs to a session that has ended goes.
    Whoever joins on a stream that another one sent alone takes it over, since recording clients tell so of a transfer;
    not where the stream is mixed. The quirks are those of the update, and of how it follows what was known.
    """
    if known is None:
        return _without_departed(update)
    if update.partial:
        kept = _without_dropped(known, _dropped(known, update))
        return _taken_over(known, _without_departed(_changed(kept, update)))
    replaced = {entry.id for entry in known.sessions}.isdisjoint(entry.id for entry in update.sessions)
    fresh = _without_departed(update)
    if known.sessions and update.sessions and replaced:
        fresh = _with_quirk(fresh, Quirk.SESSION_REPLACED)
    return _taken_over(known, fresh)


def _dropped(known: RecordingMetadata, update: RecordingMetadata) -> set[str]:
    """Streams that a partial update takes off the recording without a word of them."""
    there = {stream.id for stream in known.streams}
    taken = {stream.label for stream in update.streams if stream.label and stream.id not in there}
    named = {stream.id for stream in update.streams}
    sessions = {entry.id for entry in (*known.sessions, *update.sessions)}
    # Where none goes on, the call is over: who was on it is still to be told.
    ended = update.ended if sessions - update.ended else frozenset()
    return {
        stream.id
        for stream in known.streams
        if stream.id not in named and (stream.label in taken or stream.session in ended)
    }


def _without_dropped(known: RecordingMetadata, streams: set[str]) -> RecordingMetadata:
    """Without these streams, and without whoever was on no other."""
    if not streams:
        return known
    uses = tuple(
        replace(
            use,
            send=tuple(sent for sent in use.send if sent not in streams),
            recv=tuple(received for received in use.recv if received not in streams),
        )
        for use in known.uses
    )
    gone = {
        after.participant
        for before, after in zip(known.uses, uses, strict=True)
        if before != after and not (after.send or after.recv)
    }
    return replace(
        known,
        participants=tuple(entry for entry in known.participants if entry.id not in gone),
        streams=tuple(stream for stream in known.streams if stream.id not in streams),
        uses=tuple(use for use in uses if use.participant not in gone),
    )


def _changed(known: RecordingMetadata, update: RecordingMetadata) -> RecordingMetadata:
    newer = {entry.id: entry for entry in update.participants}
    participants = tuple(_fuller(entry, newer.get(entry.id)) for entry in known.participants)
    present = {entry.id for entry in known.participants}
    joined = (entry for entry in update.participants if entry.id not in present)
    uses = {use.participant: use for use in (*known.uses, *update.uses)}
    return RecordingMetadata(
        sessions=_replaced(known.sessions, update.sessions),
        groups=tuple(dict.fromkeys((*known.groups, *update.groups)))[-MAX_ENTRIES:],
        participants=(*participants, *joined)[-MAX_ENTRIES:],
        streams=_replaced(known.streams, update.streams),
        uses=tuple(_shortened(use) for use in uses.values())[-MAX_ENTRIES:],
        departed=update.departed,
        vendor_ids=tuple(dict.fromkeys((*known.vendor_ids, *update.vendor_ids)))[:MAX_VENDOR_IDS],
        quirks=update.quirks,
    )


def _fuller(known: Participant, newer: Participant | None) -> Participant:
    if newer is None:
        return known
    return Participant(known.id, newer.address or known.address, newer.name or known.name, newer.side or known.side)


def _replaced(known: tuple[_Entry, ...], newer: tuple[_Entry, ...]) -> tuple[_Entry, ...]:
    return tuple({entry.id: entry for entry in (*known, *newer)}.values())[-MAX_ENTRIES:]


def _shortened(use: StreamUse) -> StreamUse:
    return replace(use, send=use.send[-MAX_ENTRIES:], recv=use.recv[-MAX_ENTRIES:])


def _without_departed(metadata: RecordingMetadata) -> RecordingMetadata:
    gone = metadata.departed
    return replace(
        metadata,
        partial=False,
        departed=frozenset(),
        participants=tuple(entry for entry in metadata.participants if entry.id not in gone),
        uses=tuple(use for use in metadata.uses if use.participant not in gone),
    )


def _taken_over(known: RecordingMetadata, merged: RecordingMetadata) -> RecordingMetadata:
    """Leave each stream to whoever joined on it, also in later documents that still name the one before."""
    were_there = {entry.id for entry in known.participants}
    ousted = set(known.ousted)
    quirks = list(merged.quirks)
    for stream in merged.streams:
        senders = merged.senders(stream.id)
        joined = [who for who in senders if who not in were_there]
        if joined and len(joined) < len(senders) and not stream.mixed and not merged.is_returned(stream.id):
            ousted |= {(who, stream.id) for who in senders if who not in joined}
            quirks.append(Quirk.STREAM_TAKEN_OVER)
        if all((who, stream.id) in ousted for who in senders):
            # Nobody else is left on it.
            ousted -= {(who, stream.id) for who in senders}
    uses = tuple(_without(use, ousted) for use in merged.uses)
    there = {entry.id for entry in merged.participants}
    ousted = {(who, stream) for who, stream in ousted if who in there}
    return replace(merged, uses=uses, ousted=frozenset(ousted), quirks=tuple(dict.fromkeys(quirks)))


def _without(use: StreamUse, ousted: set[tuple[str, str]]) -> StreamUse:
    return replace(use, send=tuple(sent for sent in use.send if (use.participant, sent) not in ousted))


def _with_quirk(metadata: RecordingMetadata, quirk: Quirk) -> RecordingMetadata:
    return replace(metadata, quirks=tuple(dict.fromkeys((*metadata.quirks, quirk))))
