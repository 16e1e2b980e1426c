"""Who is heard on which channel: metadata put beside the SDP, and beside what else names somebody. Pure.

Labels are what RFC 7865 goes by. A recording client that has them backwards sends a document without any fault, so what
else is said of an m-line is weighed too: the CNAME of its media (RFC 5576), and vendors' headers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from callscribe.domain.call import Party
from telephony.quirks import Quirk
from telephony.sip.address import user_part
from telephony.siprec.metadata import MediaStream, RecordingMetadata

_Named = tuple[Party, set[str]]
"""A participant, and what it may be called."""


class Source(Enum):
    """Where a claim comes from."""

    CNAME = "cname"
    """`a=ssrc:… cname:` of the SDP, or what RTCP says."""
    VENDOR = "vendor"
    """A header of the INVITE."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Something beside the metadata names who is on an m-line."""

    media: int
    """Place of the m-line in the SDP, from 0 on."""
    party: Party
    """Of a CNAME, which is no address, only the name is given."""
    source: Source


@dataclass(frozen=True, slots=True)
class RecordedLine:
    """A channel as the SDP shows it."""

    media: int
    """Place of its m-line in the SDP, from 0 on."""
    label: str = ""


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


@dataclass(frozen=True, slots=True)
class Attribution:
    """Who is heard on each channel, and what was odd in finding out."""

    speakers: tuple[ChannelSpeakers, ...]
    """As the metadata says; where it says nothing, as the claims say."""
    overruled: tuple[ChannelSpeakers, ...] | None = None
    """Where claims exchange the parties of `speakers`: what is to be believed instead."""
    quirks: tuple[str, ...] = ()


def attribute(
    metadata: RecordingMetadata | None, claims: Sequence[Claim], lines: Sequence[RecordedLine]
) -> Attribution:
    """Put parties on channels."""
    if metadata is None or not metadata.participants:
        return Attribution(tuple(_claimed(claims, line) for line in lines))
    streams, quirks = match_streams(metadata.streams, tuple(line.label for line in lines))
    by_labels = tuple(_speakers(metadata, stream) for stream in streams)
    if len(lines) == 1 and len(metadata.streams) > 1 and not lines[0].label:
        by_labels = (_all_senders(metadata),)
    if not any(use.send for use in metadata.uses):
        quirks = (*quirks, Quirk.SENDER_MISSING)
    known = tuple((entry.party, _names(entry.party)) for entry in metadata.participants)
    told = {source: _resolved(known, claims, lines, source) for source in Source}
    filled = tuple(
        who if who.parties or who.mixed else _first(told[Source.VENDOR][place], told[Source.CNAME][place])
        for place, who in enumerate(by_labels)
    )
    if any(told[Source.VENDOR]) or any(told[Source.CNAME]):
        filled = _with_the_last_one(metadata, filled)
    against = [source for source in Source if _contradicts(filled, told[source])]
    if not against:
        return Attribution(filled, quirks=quirks)
    overruled = _exchange(filled, told, against)
    return Attribution(filled, overruled, (*quirks, Quirk.PARTIES_CONTRADICT))


def match_streams(
    streams: Sequence[MediaStream], labels: Sequence[str]
) -> tuple[tuple[MediaStream | None, ...], tuple[str, ...]]:
    """The stream of each channel, given the channels' SDP labels, with quirk codes.

    By label, equal ones in order. Where either side has no labels at all, in order. A single stream and a single
    channel that are left over belong together, where there are as many of one as of the other.
    """
    if not any(labels) or not any(stream.label for stream in streams):
        ordered = tuple(streams[place] if place < len(streams) else None for place in range(len(labels)))
        return ordered, (Quirk.LABELS_MISSING,) if streams and labels else ()
    left = list(streams)
    found: list[MediaStream | None] = []
    for label in labels:
        stream = next((stream for stream in left if label and stream.label == label), None)
        if stream:
            left.remove(stream)
        found.append(stream)
    unmatched = any(stream.label not in labels for stream in left)
    if len(left) == 1 and found.count(None) == 1:
        found[found.index(None)] = left[0]
    return tuple(found), (Quirk.LABEL_UNMATCHED,) if unmatched else ()


def _speakers(metadata: RecordingMetadata, stream: MediaStream | None) -> ChannelSpeakers:
    if stream is None:
        return ChannelSpeakers()
    senders = metadata.senders(stream.id)
    parties = tuple(entry.party for entry in metadata.participants if entry.id in senders)
    # Whoever receives the only stream, which it sends, hears the others on it.
    returned = len(metadata.streams) == 1 and metadata.is_returned(stream.id)
    return ChannelSpeakers(parties, stream.mixed or len(parties) > 1 or returned)


def _all_senders(metadata: RecordingMetadata) -> ChannelSpeakers:
    """One m-line without a label, and several streams that the metadata tells apart: they can only be mixed."""
    sending = {use.participant for use in metadata.uses if use.send}
    parties = tuple(entry.party for entry in metadata.participants if entry.id in sending)
    return ChannelSpeakers(parties, len(parties) != 1)


def _claimed(claims: Sequence[Claim], line: RecordedLine) -> ChannelSpeakers:
    """Without metadata only a vendor's header names parties: a CNAME alone may be anything."""
    parties = tuple(
        dict.fromkeys(claim.party for claim in claims if claim.media == line.media and claim.source is Source.VENDOR)
    )
    return ChannelSpeakers(parties, len(parties) > 1)


def _resolved(
    known: Sequence[_Named], claims: Sequence[Claim], lines: Sequence[RecordedLine], source: Source
) -> tuple[Party | None, ...]:
    """The participant that claims of one source name on each channel, None where they name none or several."""
    found: list[Party | None] = []
    for line in lines:
        named = {
            who
            for claim in claims
            if claim.source is source and claim.media == line.media and (who := _meant(claim.party, known))
        }
        found.append(named.pop() if len(named) == 1 else None)
    return tuple(found)


def _meant(party: Party, known: Sequence[_Named]) -> Party | None:
    """The one participant that a claim means."""
    claimed = _names(party)
    found = [entry for entry, names in known if not names.isdisjoint(claimed)]
    return found[0] if len(found) == 1 else None


def _names(party: Party) -> set[str]:
    """What a party may be called."""
    bare = party.address.partition(":")[2] or party.address
    written = {party.address, bare, user_part(party.address), party.name, party.name.partition("@")[0]}
    return {text.casefold() for text in (*written, party.participant_id) if len(text) > 1}


def _first(*found: Party | None) -> ChannelSpeakers:
    return next((ChannelSpeakers((party,)) for party in found if party), ChannelSpeakers())


def _with_the_last_one(
    metadata: RecordingMetadata, speakers: tuple[ChannelSpeakers, ...]
) -> tuple[ChannelSpeakers, ...]:
    """Where all are placed but one party, and all channels taken but one, these belong together."""
    placed = {party for who in speakers for party in who.parties}
    left = [entry.party for entry in metadata.participants if entry.party not in placed]
    free = [place for place, who in enumerate(speakers) if not who.parties and not who.mixed]
    if len(left) != 1 or len(free) != 1:
        return speakers
    return tuple(ChannelSpeakers((left[0],)) if place == free[0] else who for place, who in enumerate(speakers))


def _contradicts(speakers: Sequence[ChannelSpeakers], told: Sequence[Party | None]) -> bool:
    return any(who.party and party and who.party != party for who, party in zip(speakers, told, strict=True))


def _exchange(
    speakers: tuple[ChannelSpeakers, ...], told: dict[Source, tuple[Party | None, ...]], against: Sequence[Source]
) -> tuple[ChannelSpeakers, ...] | None:
    """The parties as the contradicting claims place them; None where these only muddle, or another claim backs labels.

    They must name every channel that has a party, and give the same parties other places.
    """
    named = told[against[0]]
    sides_with_labels = any(any(told[source]) for source in Source if source not in against)
    agreed = all(told[source] == named for source in against)
    single = [place for place, who in enumerate(speakers) if who.party]
    before = {speakers[place].party for place in single}
    if sides_with_labels or not agreed or {named[place] for place in single} != before or len(before) != len(single):
        return None
    return tuple(_first(named[place]) if place in single else who for place, who in enumerate(speakers))
