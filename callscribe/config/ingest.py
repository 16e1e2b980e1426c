"""Settings of the ports for calls that do not come by SIP."""

import base64
import binascii
import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """The port for media streams over WebSocket (/twilio, /asterisk, /freeswitch, /audiohook and /browser), and the
    HTTP port where audio that comes by UDP is announced (/whip, /rtp)."""

    host: str = "127.0.0.1"
    port: int = 0
    """0: none."""
    http_port: int = 0
    """0: none."""
    advertised_address: str = ""
    """IP address that UDP is to be sent to; "": the one that the peer reached, and for WebRTC all of this machine."""
    rtp_port_min: int = 20000
    rtp_port_max: int = 20999
    """UDP ports for RTP that /rtp announces; of them the even ones are used."""
    tls_certificate: str = ""
    """PEM file; "": no TLS."""
    tls_key: str = ""
    """PEM file."""
    trunk: str = ""
    """Name of the trunk that the calls belong to; "": the one that allows the peer's address, or else the first."""
    token: str = ""
    """Whoever connects must show it; "": who shows no other secret must come from an address that a trunk allows."""
    twilio_auth_token: str = ""
    """Twilio's account secret, by which its signature is verified."""
    audiohook_api_key: str = ""
    audiohook_client_secret: str = ""
    """Base64, as Genesys Cloud has it; "": the key is enough."""
    public_url: str = ""
    """The address that peers were given, where a proxy changes it, for example wss://calls.example.com."""
    max_connections: int = 64
    """Peers at once; more get 503."""
    connections_per_second: float = 30.0
    """New connections a second beyond which they get 503."""
    media_timeout_s: int = 10
    """A call of which no audio comes for so long is ended; 0: never."""

    def __post_init__(self) -> None:
        for port in (self.port, self.http_port, self.rtp_port_min, self.rtp_port_max):
            _check_port(port, self.max_connections, self.connections_per_second, self.media_timeout_s)
        if not 0 < self.rtp_port_min < self.rtp_port_max:
            raise ValueError("rtp_port_max must be above rtp_port_min")
        if self.advertised_address:
            _check_address(self.advertised_address)
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise ValueError("tls_certificate and tls_key need each other")
        if self.audiohook_client_secret and not self.audiohook_api_key:
            raise ValueError("audiohook_client_secret needs audiohook_api_key")
        try:
            base64.b64decode(self.audiohook_client_secret, validate=True)
        except binascii.Error:
            raise ValueError("audiohook_client_secret must be base64") from None
        if self.public_url and urlsplit(self.public_url).scheme not in ("ws", "wss"):
            raise ValueError("public_url must begin with wss:// or ws://")


@dataclass(frozen=True, slots=True)
class AudiosocketSettings:
    """The TCP port for Asterisk's AudioSocket. Its protocol has no secret: addresses decide."""

    host: str = "127.0.0.1"
    port: int = 0
    """0: none."""
    trunk: str = ""
    """Name of the trunk that the calls belong to; "": the one that allows the peer's address."""
    max_connections: int = 64
    """Peers at once; the connections of more are closed."""
    connections_per_second: float = 30.0
    """New connections a second beyond which they are closed."""
    media_timeout_s: int = 10
    """A call of which no audio comes for so long is ended; 0: never."""

    def __post_init__(self) -> None:
        _check_port(self.port, self.max_connections, self.connections_per_second, self.media_timeout_s)


def _check_port(port: int, connections: int, per_second: float, media_timeout_s: int) -> None:
    if not 0 <= port <= 65535:
        raise ValueError("port must be a port number from 0 to 65535")
    if connections < 1 or per_second <= 0 or media_timeout_s < 0:
        raise ValueError(
            "max_connections must be 1 or more, connections_per_second above 0, media_timeout_s not negative"
        )


def _check_address(text: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise ValueError("advertised_address must be an IP address") from None
