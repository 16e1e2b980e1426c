"""Settings of the SIP side, as plain values."""

import ipaddress
import re
from dataclasses import asdict, dataclass, field

from callscribe.domain.hotword import MAX_HOTWORD_CHARACTERS, MAX_HOTWORDS
from callscribe.domain.speaker import MOST_SPEAKERS
from callscribe.text.redaction.masking import DEFAULT_MASK, RedactionPolicy
from telephony.sdp import CODECS

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
    mixed: bool = False
    """True when a plain call's channel carries several parties: a leg of conferences, or a tap."""

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
class RegisterSettings:
    """Where a trunk registers as an extension (RFC 3261 section 10), so that a PBX sends it the extension's calls."""

    registrar: str = ""
    """Host of the PBX, or host:port; "": the trunk registers nowhere."""
    extension: str = ""
    """What the PBX calls us."""
    username: str = ""
    """For digest authentication; "": the extension."""
    password: str = field(default="", repr=False)
    domain: str = ""
    """SIP domain of the extension; "": the registrar, as it is written."""
    transport: str = "udp"
    """"udp", "tcp" or "tls"."""
    tls_authorities: str = ""
    """PEM file of those who may sign the registrar's certificate; "": the system's."""
    expires_s: int = 300
    """How long the PBX is asked to keep a registration; it is renewed at half of that."""
    retry_s: int = 30
    """About how long a first failed attempt is waited after; twice as long after each further one."""

    def __post_init__(self) -> None:
        if not self.registrar:
            if self.extension or self.password:
                raise ValueError("extension and password need registrar: the host of the PBX to register at")
            return
        if not re.fullmatch(r"[A-Za-z0-9.\-]+(:\d{1,5})?", self.registrar) or not 0 < (self.port or 1) < 65536:
            raise ValueError(
                'registrar must be a host or an IPv4 address, with a port or without: "pbx.example.com:5060"'
            )
        if not self.extension:
            raise ValueError("registrar needs extension: the number or name that the PBX has for Callscribe")
        named = (self.extension, self.username, self.domain)
        if any(re.search(r'[\s"<>@;?\\\x00-\x1f\x7f]', text) for text in named):
            raise ValueError('extension, username and domain must have no blanks and none of " < > @ ; ? \\')
        if self.transport not in ("udp", "tcp", "tls"):
            raise ValueError('transport must be "udp", "tcp" or "tls"')
        if self.tls_authorities and self.transport != "tls":
            raise ValueError('tls_authorities needs transport = "tls"')
        if not 10 <= self.expires_s <= 86400 or not 1 <= self.retry_s <= 600:
            raise ValueError("expires_s must be from 10 to 86400, retry_s from 1 to 600")

    @property
    def host(self) -> str:
        """The registrar's."""
        return self.registrar.partition(":")[0]

    @property
    def port(self) -> int:
        """The registrar's; 0: the transport's default."""
        return int(self.registrar.partition(":")[2] or 0)


@dataclass(frozen=True, slots=True)
class TrunkSettings:
    """One peer, or one group of peers, that may send calls."""

    name: str
    allow: tuple[str, ...] = PRIVATE_NETWORKS
    """Networks (CIDR) whose hosts may call over this trunk."""
    tls: str = "optional"
    """"required": its peers must use TLS; "verified": and show a certificate of `sip.tls_client_ca`."""
    digest_username: str = ""
    """Name that callers must give with the password (RFC 7616); "": their address is enough."""
    digest_password: str = field(default="", repr=False)
    digest_algorithms: tuple[str, ...] = ("SHA-256", "MD5")
    """Those that callers may use, the best first. Some old ones do not survive that another than MD5 is named."""
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
    codecs: tuple[str, ...] = ()
    """Codecs of its calls, the best first: PCMU, PCMA, G722, and opus where PJSIP was built with it. With one of the
    last two a call is heard at 16 kHz. Empty: PCMU and PCMA, whichever is offered first."""
    dtmf: str = "masked"
    """What is told of keys that parties press: "masked" that one was, "shown" which one, "off" nothing."""
    redaction: tuple[str, ...] = ()
    """Kinds of numbers and addresses that are masked in texts and covered by a tone in recordings: names of
    RedactionKind and PRESETS."""
    redaction_mask: str = DEFAULT_MASK
    """What stands there instead: {kind} and {last4} are filled in."""
    diarization: str = "auto"
    """Whose speakers are told apart after a call: "auto" those of channels known to carry several parties, "on" those
    of every channel, "off" nobody's."""
    speakers: int = 0
    """How many people such a channel of its calls carries; 0: as `diarization.speakers` says."""
    keep_audio_days: float = -1.0
    """Days that recordings of its calls are kept; 0: for ever; -1: as `retention.audio_days` says."""
    keep_text_days: float = -1.0
    """Days that what was said in its calls is kept, and by whom; 0: for ever; -1: as `retention.text_days` says."""
    endpoint: TrunkEndpoint = field(default_factory=TrunkEndpoint)
    roles: RoleRule = field(default_factory=RoleRule)
    register: RegisterSettings = field(default_factory=RegisterSettings)
    """The registrar's hosts may call over this trunk too, where no trunk allows them."""

    def __post_init__(self) -> None:
        for network in self.allow:
            ipaddress.ip_network(network)
        if self.tls not in ("optional", "required", "verified"):
            raise ValueError('tls must be "optional", "required" or "verified"')
        if bool(self.digest_username) != bool(self.digest_password):
            raise ValueError("digest_username and digest_password need each other")
        if not self.digest_algorithms or not {*self.digest_algorithms} <= {"SHA-256", "SHA-512-256", "MD5"}:
            raise ValueError("digest_algorithms must be among SHA-256, SHA-512-256, MD5")
        if any(sign in '"\\:' or not sign.isprintable() for sign in self.digest_username):
            raise ValueError('digest_username must have none of " \\ :')
        if len(self.hotwords) > MAX_HOTWORDS:
            raise ValueError(
                f"hotwords holds {len(self.hotwords)} words, at most {MAX_HOTWORDS} are preferred on a call"
            )
        if any(len(word) > MAX_HOTWORD_CHARACTERS for word in self.hotwords):
            raise ValueError(f"hotwords holds a word of more than {MAX_HOTWORD_CHARACTERS} characters")
        if not {*self.codecs} <= {*CODECS}:
            raise ValueError(f"codecs must be among {', '.join(CODECS)}")
        if self.dtmf not in ("masked", "shown", "off"):
            raise ValueError('dtmf must be "masked", "shown" or "off"')
        RedactionPolicy.of(self.redaction, self.redaction_mask)
        if self.diarization not in ("auto", "on", "off"):
            raise ValueError('diarization must be "auto", "on" or "off"')
        if not 0 <= self.speakers <= MOST_SPEAKERS:
            raise ValueError(f"speakers must be from 0 to {MOST_SPEAKERS}")
        if not 0 <= self.hotword_correction <= 1:
            raise ValueError("hotword_correction must be from 0 to 1")
        for days in (self.keep_audio_days, self.keep_text_days):
            if days != -1 and not 0 <= days <= 36_500:
                raise ValueError("keep_audio_days and keep_text_days must be from 0 to 36500, or -1")
        if self.register.registrar:
            self._check_registering()

    @property
    def redaction_policy(self) -> RedactionPolicy:
        """What of its calls is masked."""
        return RedactionPolicy.of(self.redaction, self.redaction_mask)

    def _check_registering(self) -> None:
        """Raise ValueError where the calls that the PBX sends for the registration would be refused."""
        if self.tls != "optional" and self.register.transport != "tls":
            raise ValueError(f'tls = "{self.tls}" needs register.transport = "tls": the PBX sends calls the same way')
        if self.digest_username:
            raise ValueError(
                "digest_username needs a trunk of its own, without register: a PBX gives no password to its extensions"
            )


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
    tls_client_ca: str = ""
    """PEM file of those who sign certificates of callers; "": callers are asked for none."""
    advertised_address: str = ""
    """Address in SDP and Contact; "" takes `host`, or where that is a wildcard the address of the default route."""
    rtp_port_min: int = 10000
    rtp_port_max: int = 19999
    """RTP and RTCP ports of all lines, both ends included; a line takes 32 of them."""
    lines: int = 0
    """Line processes, 4 calls each with the packaged PJSUA2; 0: as 8 calls a core need, at least one a core."""
    invites_per_second: float = 30.0
    """New calls a second, of all callers together, beyond which they get 503."""
    source_invites_per_second: float = 0.0
    """New calls a second of one address beyond which it gets 503; 0: as many as `invites_per_second`."""
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
        if self.invites_per_second <= 0 or self.source_invites_per_second < 0:
            raise ValueError("invites_per_second must be above 0, source_invites_per_second not negative")
        if self.lines < 0 or self.media_timeout_s < 0:
            raise ValueError("lines and media_timeout_s must not be negative")

    def lines_rtp_port_max(self, *, bridging: bool) -> int:
        """Last RTP port of the lines.

        Where calls are sent on, the ports after it are for their media: both take ports as they need them.
        """
        return (self.rtp_port_min + self.rtp_port_max) // 2 if bridging else self.rtp_port_max
