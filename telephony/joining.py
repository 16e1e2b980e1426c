"""One call as the front and its line tell it, joined into a domain Call. Pure."""

from dataclasses import replace
from datetime import datetime

from callscribe.domain.call import Call, Channel, Dialect, OutsideIds, Party, Role
from callscribe.domain.errors import MalformedMetadata
from telephony.front.offer import CallOffer
from telephony.line.wire import LineStream
from telephony.roles import PlainEnds, with_roles
from telephony.settings import RoleRule
from telephony.siprec import ChannelSpeakers, RecordingMetadata, merge, parse, speakers

MAX_OTHER_IDS = 16


class CallInProgress:
    """Collects what is known of a call, in whatever order it comes."""

    def __init__(self, offer: CallOffer, rule: RoleRule, rate: int) -> None:
        self._offer = offer
        self._rule = rule
        self._rate = rate
        self._quirks = offer.quirks
        self._counted = set(offer.quirks)
        self._metadata: RecordingMetadata | None = None
        self._streams: tuple[LineStream, ...] = ()
        self._call: Call | None = None
        self.samples = 0
        """Length heard so far."""
        if offer.metadata is not None:
            self.take_metadata(offer.metadata)
        elif offer.dialect is Dialect.SIPREC:
            self._note("metadata-missing")

    @property
    def started(self) -> bool:
        return self._call is not None

    def start(self, streams: tuple[LineStream, ...], started_at: datetime) -> Call:
        """The line answered: the call's first value."""
        self._streams = streams
        self._call = Call(
            id=self._offer.id,
            trunk=self._offer.trunk,
            dialect=self._offer.dialect,
            started_at=started_at,
            sample_rate=self._rate,
            channels=(),
            caller=self._offer.caller,
            callee=self._offer.callee,
        )
        self._call = self._filled(self._call)
        return self._call

    def take_metadata(self, document: bytes) -> None:
        """A metadata document came. One that cannot be read changes nothing but the quirks."""
        try:
            self._metadata = merge(self._metadata, parse(document))
        except MalformedMetadata:
            self._note("metadata-invalid")

    def take_streams(self, streams: tuple[LineStream, ...]) -> None:
        """The line's m-lines changed."""
        self._streams = streams

    def changed(self) -> Call | None:
        """The call's new value, None where it is as it was or has not started."""
        if self._call is None:
            return None
        before, self._call = self._call, self._filled(self._call)
        return self._call if self._call != before else None

    def uncounted_quirks(self) -> tuple[str, ...]:
        """Quirks that were not asked for yet, without those of the offer, which the front has counted."""
        fresh = [quirk for quirk in self._call.quirks if quirk not in self._counted] if self._call else []
        self._counted.update(fresh)
        return tuple(fresh)

    def _note(self, quirk: str) -> None:
        self._quirks = tuple(dict.fromkeys((*self._quirks, quirk)))

    def _filled(self, call: Call) -> Call:
        caller, callee = self._ends()
        quirks = (*self._quirks, *(self._metadata.quirks if self._metadata else ()))
        return replace(
            call,
            channels=self._channels(call.channels),
            caller=caller,
            callee=callee,
            outside_ids=self._outside_ids(),
            quirks=tuple(dict.fromkeys(quirks)),
        )

    def _ends(self) -> tuple[Party, Party]:
        """Caller and callee. A recording session's own ends are machines: the recorded parties stand for them."""
        people = self._metadata.participants if self._metadata else ()
        caller = people[0].party if people else self._offer.caller
        return caller, people[1].party if len(people) > 1 else self._offer.callee

    def _channels(self, known: tuple[Channel, ...]) -> tuple[Channel, ...]:
        plain = self._offer.dialect is Dialect.PLAIN
        heard = self._heard()
        channels = []
        for stream, who in zip(self._streams, heard, strict=True):
            earlier = known[stream.index].party if stream.index < len(known) else None
            # While a call is on hold its metadata may name no sender: whoever spoke there stays.
            party = who.party or (None if who.mixed else earlier)
            role = Role.MIXED if who.mixed else Role.UNKNOWN
            channels.append(Channel(stream.index, stream.label, role, party, stream.codec))
        ends = PlainEnds(self._offer.caller, self._offer.callee) if plain else None
        return with_roles(tuple(channels), self._rule, ends)

    def _heard(self) -> tuple[ChannelSpeakers, ...]:
        if self._metadata:
            return speakers(self._metadata, tuple(stream.label for stream in self._streams))
        if self._offer.dialect is Dialect.PLAIN and len(self._streams) == 1:
            return (ChannelSpeakers((self._offer.caller,)),)
        return (ChannelSpeakers(),) * len(self._streams)

    def _outside_ids(self) -> OutsideIds:
        ids, metadata = self._offer.outside_ids, self._metadata
        if metadata is None:
            return ids
        session = next((entry for entry in metadata.sessions if entry.id), None)
        named = (("session-id", session.sip_session),) if session and session.sip_session else ()
        others = tuple(dict.fromkeys((*ids.others, *metadata.vendor_ids, *named)))
        groups = (session.group if session else "", *metadata.groups)
        return replace(
            ids,
            recording_session=session.id if session else "",
            group=next((group for group in groups if group), ""),
            others=others[:MAX_OTHER_IDS],
        )
