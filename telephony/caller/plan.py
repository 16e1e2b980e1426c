"""What to call, what to play, and what came of it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from callscribe.domain.call import Party

CODECS = {"PCMU": 8000, "PCMA": 8000, "G722": 16_000}
"""And the Hz that each is sampled at (RFC 3551)."""
TRANSPORTS = ("udp", "tcp", "tls")
_CALLER = Party("sip:callscribe@127.0.0.1", "Callscribe")


@dataclass(frozen=True, slots=True)
class CallPlan:
    """One call to place."""

    uri: str
    """sip: URI of the callee; the transport is added to it."""
    play: tuple[str, ...] = ()
    """WAV files, one for each audio m-line, all starting at the same instant; none: one m-line of silence."""
    siprec: bool = False
    """Call as a session recording client (RFC 7866): sendonly, labels 1, 2, … and metadata."""
    parties: tuple[Party, ...] = ()
    """Who speaks on each m-line, for the metadata made here; missing ones are made up."""
    metadata: str = ""
    """RFC 7865 XML to send instead of the metadata made from `parties`."""
    codec: str = "PCMU"
    transport: str = "udp"
    srtp: bool = False
    """Offer SRTP only (SDES, RFC 4568)."""
    seconds: float | None = None
    """Hang up so long after the answer; None: when the longest file has ended."""
    caller: Party = _CALLER
    headers: tuple[tuple[str, str], ...] = ()
    """Further headers of the INVITE, as (name, value)."""

    def __post_init__(self) -> None:
        if self.codec not in CODECS:
            raise ValueError(f"codec must be one of {', '.join(CODECS)}")
        if self.transport not in TRANSPORTS:
            raise ValueError(f"transport must be one of {', '.join(TRANSPORTS)}")
        if not self.uri.lower().startswith(("sip:", "sips:")):
            raise ValueError("uri must begin with sip: or sips:, for example sip:scribe@127.0.0.1:5060")

    @property
    def rate(self) -> int:
        """Hz of what is played."""
        return CODECS[self.codec]

    @property
    def lines(self) -> int:
        """Audio m-lines of the offer."""
        return max(1, len(self.play))

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "CallPlan":
        """The plan that to_json() wrote."""
        fields = json.loads(text)
        fields["parties"] = tuple(Party(**party) for party in fields["parties"])
        fields["caller"] = Party(**fields["caller"])
        fields["headers"] = tuple((name, value) for name, value in fields["headers"])
        fields["play"] = tuple(fields["play"])
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class CallProgress:
    """Where the call is."""

    state: str
    """"calling", "ringing", "answered", "playing" or "ended"."""
    seconds: float
    """Since the answer; 0 before."""


@dataclass(frozen=True, slots=True)
class CallResult:
    """An answered call that is over."""

    sip_call_id: str
    seconds: float
    """From answer to hang-up."""
    packets: tuple[int, ...]
    """RTP packets sent on each m-line."""
    ended_by: str
    """"caller" (this side) or "callee"."""
    status: int
    """Last SIP status, 200 for a BYE that went well."""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_fields(cls, fields: Mapping[str, object]) -> "CallResult":
        packets = fields["packets"]
        return cls(
            sip_call_id=str(fields["sip_call_id"]),
            seconds=float(str(fields["seconds"])),
            packets=tuple(packets) if isinstance(packets, list) else (),
            ended_by=str(fields["ended_by"]),
            status=int(str(fields["status"])),
        )
