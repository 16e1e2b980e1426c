"""Settings of the SIP side, as plain values."""

import ipaddress
from dataclasses import asdict, dataclass, field

from callscribe.domain.hotword import MAX_HOTWORD_CHARACTERS, MAX_HOTWORDS

PRIVATE_NETWORKS = ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
"""Who may call when a trunk does not say: loopback, RFC 1918 and RFC 6598 addresses."""


@dataclass(frozen=True, slots=True)
class RoleRule:
    """Says which party of a call is the agent. The first that matches wins: label, address, then `agent_is`."""

    agent_labels: tuple[str, ...] = ()
    """SDP stream labels whose channel carries the agent."""
    agent_addresses: tuple[str, ...] = ()
    """Shell patterns (fnmatch) over a party's address or its user part, such as "1???" or "*@agents.example.com"."""
    agent_is: str = ""
    """"caller" or "callee": the side of a plain call that is the agent; "" when it cannot be told."""

    def __post_init__(self) -> None:
        if self.agent_is not in ("", "caller", "callee"):
            raise ValueError('agent_is must be "caller", "callee" or ""')


@dataclass(frozen=True, slots=True)
class TrunkEndpoint:
    """When utterances of a trunk's calls begin and end, where not as `recognizer.endpoint` says; -1: as it says."""

    onset_ms: int = -1
    hang_ms: int = -1
    open_hang_ms: int = -1
    preroll_ms: int = -1
    max_utterance_s: int = -1

    @property
    def own(self) -> dict[str, int]:
        """What differs, by name."""
        return {name: value for name, value in asdict(self).items() if value != -1}


@dataclass(frozen=True, slots=True)
class TrunkSettings:
    """One peer, or one group of peers, that may send calls."""

    name: str
    allow: tuple[str, ...] = PRIVATE_NETWORKS
    """Networks (CIDR) whose hosts may call over this trunk."""
    siprec: bool = False
    """True when every call of this trunk is a recording session, whatever its headers say."""
    language: str = "en"
    engines: tuple[str, ...] = ()
    """Engines that may hear its calls, the best first: the next one does when it is not there, or has no time. Empty:
    `recognizer.engine`."""
    hotwords: tuple[str, ...] = ()
    """Words and phrases the recogniser should prefer."""
    hotword_lists: tuple[str, ...] = ()
    """Names of the lists, kept through the API, whose words it should prefer too."""
    hotword_correction: float = 0.8
    """How alike, 0 to 1, words of a final or revision must sound to a hotword to be replaced by it; 0: never."""
    inverse_text_normalization: bool = False
    """Whether finals and revisions have numbers, money, dates and times in figures, with the spoken form beside."""
    endpoint: TrunkEndpoint = field(default_factory=TrunkEndpoint)
    roles: RoleRule = field(default_factory=RoleRule)

    def __post_init__(self) -> None:
        for network in self.allow:
            ipaddress.ip_network(network)
        if len(self.hotwords) > MAX_HOTWORDS:
            raise ValueError(
                f"hotwords holds {len(self.hotwords)} words, at most {MAX_HOTWORDS} are preferred on a call"
            )
        if any(len(word) > MAX_HOTWORD_CHARACTERS for word in self.hotwords):
            raise ValueError(f"hotwords holds a word of more than {MAX_HOTWORD_CHARACTERS} characters")
        if not 0 <= self.hotword_correction <= 1:
            raise ValueError("hotword_correction must be from 0 to 1")


@dataclass(frozen=True, slots=True)
class SipSettings:
    """The public SIP port, the lines behind it and their media."""

    host: str = "0.0.0.0"
    """Address of the public SIP port."""
    port: int = 5060
    """UDP and TCP."""
    tls_port: int = 0
    """0: no TLS."""
    tls_certificate: str = ""
    """PEM file."""
    tls_key: str = ""
    """PEM file."""
    advertised_address: str = ""
    """Address in SDP and Contact; "" takes `host`, or where that is a wildcard the address of the default route."""
    rtp_port_min: int = 10000
    rtp_port_max: int = 19999
    """RTP and RTCP ports of all lines, both ends included; a line takes 32 of them."""
    lines: int = 0
    """Line processes, 4 calls each; 0: two for every core."""
    invites_per_second: float = 30.0
    """New calls a second beyond which a caller gets 503."""
    media_timeout_s: int = 300
    """A call that receives no RTP for so long ends with BYE; 0: never."""

    def __post_init__(self) -> None:
        for name in ("port", "tls_port", "rtp_port_min", "rtp_port_max"):
            if not 0 <= getattr(self, name) <= 65535:
                raise ValueError(f"{name} must be a port number from 0 to 65535")
        if self.rtp_port_max <= self.rtp_port_min:
            raise ValueError("rtp_port_max must be above rtp_port_min")
        if self.tls_port and not (self.tls_certificate and self.tls_key):
            raise ValueError("tls_port needs tls_certificate and tls_key")
        if self.lines < 0 or self.invites_per_second <= 0 or self.media_timeout_s < 0:
            raise ValueError("lines and media_timeout_s must not be negative, invites_per_second must be above 0")
