"""A call, its channels and its parties."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from callscribe.domain.hotword import Hotword
from callscribe.domain.pause import Pause


class Role(StrEnum):
    """Which side of the conversation a channel carries."""

    AGENT = "agent"
    CUSTOMER = "customer"
    MIXED = "mixed"
    UNKNOWN = "unknown"


class Dialect(StrEnum):
    """How the call reached Callscribe."""

    PLAIN = "plain"
    SIPREC = "siprec"
    FILE = "file"
    FUNASR = "funasr"
    AUDIOSOCKET = "audiosocket"
    TWILIO = "twilio"
    ASTERISK = "asterisk"
    """Asterisk's chan_websocket, or its externalMedia over RTP."""
    FREESWITCH = "freeswitch"
    AUDIOHOOK = "audiohook"
    BROWSER = "browser"
    """A microphone, over WebSocket or WebRTC."""


class CallState(StrEnum):
    """Where a call is in its life."""

    ACTIVE = "active"
    ENDED = "ended"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Party:
    """A person or device on the call, as the signalling names it."""

    address: str
    """SIP or tel URI without parameters, or "" when the signalling gave none."""
    name: str = ""
    participant_id: str = ""
    """RFC 7865 participant_id, or "" outside SIPREC."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One party's audio within a call."""

    index: int
    """0-based, in m-line order of the audio lines."""
    label: str = ""
    """SDP label (RFC 4574), or "" when the offer had none."""
    role: Role = Role.UNKNOWN
    party: Party | None = None
    codec: str = ""
    """RTP encoding name, for example "PCMU"."""


@dataclass(frozen=True, slots=True)
class OutsideIds:
    """The names other systems have for the call."""

    sip_call_id: str = ""
    recording_session: str = ""
    """RFC 7865 session_id of the (first) communication session."""
    group: str = ""
    """RFC 7865 group_id."""
    others: tuple[tuple[str, str], ...] = ()
    """Kind and value of vendor ids: ("ucid", …), ("cisco-guid", …), ("user-to-user", …)."""

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Every non-empty id as (kind, value)."""
        own = (
            ("sip-call-id", self.sip_call_id),
            ("siprec-session", self.recording_session),
            ("siprec-group", self.group),
        )
        return tuple((kind, value) for kind, value in (*own, *self.others) if value)


@dataclass(frozen=True, slots=True)
class Call:
    """A call as known at one moment; a later re-INVITE makes a new value with the same id."""

    id: UUID
    trunk: str
    dialect: Dialect
    started_at: datetime
    """Aware UTC time of sample 0."""
    sample_rate: int
    """Hz; the rate of every channel and of all sample counts of this call."""
    channels: tuple[Channel, ...]
    caller: Party
    callee: Party
    outside_ids: OutsideIds = field(default_factory=OutsideIds)
    quirks: tuple[str, ...] = ()
    """Codes of deviations that were repaired, for example "metadata-invalid"."""
    hotwords: tuple[Hotword, ...] = ()
    """Those that came with the call, at any time of it, beside its trunk's."""
    pauses: tuple[Pause, ...] = ()
    """Stretches of which nothing is kept because somebody wanted it so, in order of their starts."""


@dataclass(frozen=True, slots=True)
class DtmfDigit:
    """A key that a party pressed."""

    channel: int
    """Its index."""
    offset: int
    """Samples from the start of the call."""
    digit: str
    """0 to 9, "*", "#", A to D; "" where it is not to be known, as it may be of a card's number."""


@dataclass(frozen=True, slots=True)
class ChannelMedia:
    """What a channel received as RTP, from the call's start to its end; counts are packets."""

    channel: int
    """Its index."""
    packets: int = 0
    """That came."""
    lost: int = 0
    """That never came."""
    reordered: int = 0
    """That came after a later one."""
    duplicated: int = 0
    """That came twice in a row."""
    discarded: int = 0
    """That were no RTP, or none of the channel's stream."""
    late: int = 0
    """That came, and too late to be heard."""
    jitter_ms: float = 0.0
    """Mean interarrival jitter in milliseconds (RFC 3550 section 6.4.1)."""
    mos: float | None = None
    """Mean opinion score, 1 to 4.5, as the E-model estimates it; None where it cannot."""


@dataclass(frozen=True, slots=True)
class ChannelHold:
    """A stretch for which signalling had a channel on hold: nobody was to be heard there."""

    channel: int
    """Its index."""
    start: int
    """Samples from the start of the call."""
    end: int
    """Samples from the start of the call, exclusive."""


@dataclass(frozen=True, slots=True)
class CallEnd:
    """How a call ended."""

    ended_at: datetime
    """Aware UTC."""
    samples: int
    """Length of the call in samples: the longest channel's sample count."""
    reason: str
    """"bye", "rejected", "no-media", "line-lost", "connection-lost", "drained", "interrupted" or
    "node-lost"."""
    interrupted: bool = False
    """True when the call ended because a part of Callscribe failed."""
    media: tuple[ChannelMedia, ...] = ()
    """What came as RTP, by channel; empty where telephony could not tell or had no part in it."""
    holds: tuple[ChannelHold, ...] | None = None
    """In order of their starts; None where telephony could not tell or had no part in it."""
