"""One call as the front and its line tell it, joined into a domain Call. Pure."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from callscribe.domain.call import Call, Channel, ChannelHold, ChannelMedia, Dialect, OutsideIds, Party, Role
from callscribe.domain.errors import HostileMetadata, MalformedMetadata
from telephony.front.offer import CallOffer, Description
from telephony.line.wire import LineStream, RtpCounts
from telephony.quality import judged
from telephony.quirks import Quirk
from telephony.roles import PlainEnds, with_roles
from telephony.settings import RoleRule
from telephony.siprec.attribution import Attribution, ChannelSpeakers, Claim, RecordedLine, Source, attribute
from telephony.siprec.metadata import RecordingMetadata, Side, merge
from telephony.siprec.reading import parse

MAX_OTHER_IDS = 24
_SIDES = (Side.CALLER, Side.UNKNOWN, Side.CALLEE)

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Change:
    """A call's new value."""

    call: Call
    corrected: tuple[int, ...] = ()
    """Channels whose parties had each other's places: what was said on them before is the new ones' too."""


class CallInProgress:
    """Collects what is known of a call, in whatever order it comes."""

    def __init__(self, offer: CallOffer, rule: RoleRule, keys: str = "off") -> None:
        self._offer = offer
        self.keys = keys
        """What is told of keys that parties press, as `TrunkSettings.dtmf`."""
        self._rule = rule
        self._quirks: tuple[str, ...] = ()
        self._counted = set(offer.description.quirks)
        self._metadata: RecordingMetadata | None = None
        self._senders_known = False
        self._session_is_new = False
        self._claims: tuple[Claim, ...] = ()
        self._senders: dict[int, str] = {}
        """What RTCP calls who sends on an m-line, by the m-line's place."""
        self._others: tuple[tuple[str, str], ...] = offer.outside_ids.others
        self._mixed = rule.mixed
        """Of a plain call: whether several speak on its channel. Once they did, what was said stays theirs."""
        self._sessions: tuple[str, ...] = ()
        self._groups: tuple[str, ...] = ()
        self._streams: tuple[LineStream, ...] = ()
        self._call: Call | None = None
        self.offered_ns = time.time_ns()
        self.samples = 0
        """Length heard so far."""
        self.rtp: tuple[RtpCounts, ...] = ()
        self.holds: tuple[ChannelHold, ...] | None = None
        """What came as RTP, by channel, once the line has told it."""
        self.describe(offer.description)
        if self._is_recording and offer.description.metadata is None and not self._claims:
            self._note(Quirk.METADATA_MISSING)

    @property
    def trunk(self) -> str:
        """Its name."""
        return self._offer.trunk

    @property
    def started(self) -> bool:
        return self._call is not None

    def start(self, streams: tuple[LineStream, ...], started_at: datetime, sample_rate: int) -> Call:
        """The line answered: the call's first value, its parties as labels have them.

        Where something else contradicts them, `changed` tells a correction right after.
        """
        self._streams, self._session_is_new = streams, False
        call = Call(
            id=self._offer.id,
            trunk=self._offer.trunk,
            dialect=self._offer.dialect,
            started_at=started_at,
            sample_rate=sample_rate,
            channels=(),
            caller=self._offer.caller,
            callee=self._offer.callee,
        )
        attribution = self._attribution()
        self._call = self._filled(call, attribution, attribution.speakers)
        return self._call

    def describe(self, description: Description) -> None:
        """A message said more of the call. Metadata that cannot be read changes nothing but the quirks."""
        self._note(*description.quirks)
        self._mixed = self._mixed or description.mixed
        told = {claim.source for claim in description.claims}
        self._claims = (*(claim for claim in self._claims if claim.source not in told), *description.claims)
        if description.metadata is None:
            return
        try:
            self._take(merge(self._metadata, parse(description.metadata)))
        except HostileMetadata:
            self._note(Quirk.METADATA_HOSTILE)
        except MalformedMetadata:
            self._note(Quirk.METADATA_INVALID)
        else:
            if self._metadata and Quirk.SESSION_REPLACED in self._metadata.quirks:
                # What was claimed of the parties before says nothing of those of now.
                self._claims, self._session_is_new = description.claims, True
                self._senders.clear()

    def media(self) -> tuple[ChannelMedia, ...]:
        """What came as RTP with the quality that it makes."""
        codecs = [stream.codec for stream in self._streams]
        return tuple(judged(*place, counts) for place, counts in zip(enumerate(codecs), self.rtp, strict=False))

    def take_streams(self, streams: tuple[LineStream, ...]) -> None:
        """The line's m-lines changed, or RTCP named who sends on one."""
        before = {stream.media: stream.cname for stream in self._streams}
        self._senders |= {each.media: each.cname for each in streams if each.cname != before.get(each.media, "")}
        self._streams = streams

    def changed(self) -> Change | None:
        """The call's new value, None where it is as it was or has not started."""
        if self._call is None:
            return None
        before = self._call
        attribution = self._attribution()
        self._call = self._filled(before, attribution, attribution.overruled or attribution.speakers)
        exchanged = () if self._session_is_new else _exchanged(before, self._call)
        self._session_is_new = False
        return Change(self._call, exchanged) if self._call != before else None

    def uncounted_quirks(self) -> tuple[str, ...]:
        """Quirks that were not asked for yet, without those of the offer, which the front has counted."""
        fresh = [quirk for quirk in self._call.quirks if quirk not in self._counted] if self._call else []
        self._counted.update(fresh)
        return tuple(fresh)

    @property
    def _is_recording(self) -> bool:
        return self._offer.dialect is not Dialect.PLAIN

    def _note(self, *quirks: str) -> None:
        self._quirks = tuple(dict.fromkeys((*self._quirks, *map(str, quirks))))

    def _take(self, metadata: RecordingMetadata) -> None:
        """Metadata as it is now. The ids of earlier communication sessions stay: people may look for them."""
        self._metadata = metadata
        self._senders_known = self._senders_known or any(use.send for use in metadata.uses)
        self._note(*metadata.quirks)
        groups = (*(session.group for session in metadata.sessions), *metadata.groups)
        named = (("session-id", session.sip_session) for session in metadata.sessions if session.sip_session)
        self._sessions = _grown(self._sessions, (session.id for session in metadata.sessions if session.id))
        self._groups = _grown(self._groups, (group for group in groups if group))
        self._others = _grown(self._others, (*metadata.vendor_ids, *named))

    def _filled(self, call: Call, attribution: Attribution, heard: tuple[ChannelSpeakers, ...]) -> Call:
        caller, callee = self._ends()
        channels = self._channels(call.channels, heard)
        unknown = any(channel.party is None and channel.role is not Role.MIXED for channel in channels)
        quirks = [*self._quirks, *map(str, attribution.quirks)]
        if unknown and self._is_recording:
            quirks.append(str(Quirk.PARTY_UNKNOWN))
        if self._senders_known and Quirk.SENDER_MISSING in quirks:
            # The call is only on hold.
            quirks.remove(str(Quirk.SENDER_MISSING))
        return replace(
            call,
            channels=channels,
            caller=caller,
            callee=callee,
            outside_ids=self._outside_ids(),
            quirks=tuple(dict.fromkeys(quirks)),
        )

    def _ends(self) -> tuple[Party, Party]:
        """Caller and callee. A recording session's own ends are machines: the recorded parties stand for them."""
        people = self._metadata.participants if self._metadata else ()
        if not people:
            named = list(dict.fromkeys(claim.party for claim in self._claims if claim.source is Source.VENDOR))
            return (named[0], named[1]) if len(named) > 1 else (self._offer.caller, self._offer.callee)
        caller = min(people, key=lambda entry: _SIDES.index(entry.side))
        others = [entry for entry in people if entry is not caller]
        callee = max(others, key=lambda entry: _SIDES.index(entry.side), default=None)
        return caller.party, callee.party if callee else self._offer.callee

    def _channels(self, known: tuple[Channel, ...], heard: tuple[ChannelSpeakers, ...]) -> tuple[Channel, ...]:
        channels = []
        now_heard = {who.party for who in heard}
        for stream, who in zip(self._streams, heard, strict=True):
            earlier = known[stream.index].party if stream.index < len(known) else None
            # While a call is on hold its metadata may name no sender: whoever spoke there stays.
            party = who.party or (None if who.mixed or earlier in now_heard else earlier)
            role = Role.MIXED if who.mixed else Role.UNKNOWN
            channels.append(Channel(stream.index, stream.label, role, party, stream.codec))
        ends = None if self._is_recording else PlainEnds(self._offer.caller, self._offer.callee)
        return with_roles(tuple(channels), self._rule, ends)

    def _attribution(self) -> Attribution:
        if self._offer.bridged:
            ends = (self._offer.caller, self._offer.callee)
            return Attribution(tuple(ChannelSpeakers((party,)) for party in ends[: len(self._streams)]))
        if not self._is_recording:
            alone = len(self._streams) == 1
            speaker = ChannelSpeakers((self._offer.caller,) if alone else (), self._mixed)
            return Attribution((speaker,) * len(self._streams))
        lines = tuple(RecordedLine(stream.media, stream.label) for stream in self._streams)
        named = [Claim(media, Party("", name), Source.CNAME) for media, name in self._senders.items()]
        return attribute(self._metadata, (*self._claims, *named), lines)

    def _outside_ids(self) -> OutsideIds:
        later = [
            *(("siprec-session", session) for session in self._sessions[1:]),
            *(("siprec-group", group) for group in self._groups[1:]),
        ]
        return replace(
            self._offer.outside_ids,
            recording_session=self._sessions[0] if self._sessions else "",
            group=self._groups[0] if self._groups else "",
            others=(*self._others, *later)[:MAX_OTHER_IDS],
        )


def _grown(known: tuple[_Value, ...], newer: Iterable[_Value]) -> tuple[_Value, ...]:
    """What was known, and what is new, up to a bound."""
    return tuple(dict.fromkeys((*known, *newer)))[:MAX_OTHER_IDS]


def _exchanged(before: Call, after: Call) -> tuple[int, ...]:
    """Channels whose parties changed places, under labels that stayed."""
    pairs = [
        (then, now)
        for then, now in zip(before.channels, after.channels, strict=False)
        if then.party and now.party and then.label == now.label and _who(then.party) != _who(now.party)
    ]
    if {_who(then.party) for then, _ in pairs if then.party} != {_who(now.party) for _, now in pairs if now.party}:
        return ()
    return tuple(now.index for _, now in pairs)


def _who(party: Party) -> str:
    """What stays the same of a party whose name or address becomes known later."""
    return party.participant_id or party.address
