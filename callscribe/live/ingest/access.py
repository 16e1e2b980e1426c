"""Who may connect to the WebSocket port, and to which trunk the calls belong. Pure.

Where a secret is set for a path, it must be shown, from wherever the peer comes; where none is, the peer's address must
be one that a trunk allows, as for SIP, and no browser may come for a page of another host: neither openly nor, where
there is no certificate to prove the name, for one that has its name resolve to here (DNS rebinding). A token is shown
in the path (/twilio/TOKEN), in the query (?token=), or as `Authorization: Bearer`.
"""

import base64
import hashlib
import hmac
import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from callscribe.config.ingest import IngestSettings
from telephony.settings import TrunkSettings
from telephony.trunks import Trunks

_SIGNED_PARTS = ("@request-target", "@authority", "audiohook-organization-id", "audiohook-session-id", "x-api-key")
"""What an AudioHook signature must cover at least."""
_SIGNATURE_AGE_S = 30.0
_SIGNATURE_INPUT = re.compile(r'^\s*([a-z*][a-z0-9_.*-]*)=(\(("[^"]*"\s*)*\)(;[a-z]+=("[^"]*"|\d+))*)\s*$')
"""One signature's label and what it covers; Genesys sends one."""
_PARAMETER = re.compile(r';([a-z]+)=(?:"([^"]*)"|(\d+))')


@dataclass(frozen=True, slots=True)
class Request:
    """A WebSocket handshake."""

    target: str
    """Path and query, as sent."""
    headers: Mapping[str, str]
    """By lower-case name."""
    address: str
    """The peer's IP address."""
    tls: bool

    @property
    def parts(self) -> Sequence[str]:
        """The path's parts, the protocol's name first."""
        return [unquote(part) for part in self.target.partition("?")[0].split("/") if part]

    @property
    def query(self) -> Mapping[str, str]:
        """The first value of each."""
        return {name: values[0] for name, values in parse_qs(self.target.partition("?")[2]).items()}

    def of_another_page(self, known: str) -> bool:
        """Whether a browser connects for a page of another host: it asks nobody before. `known` is this host's name, ""
        where it is not told."""
        origin = self.headers.get("origin", "")
        try:
            asking, name = urlsplit(origin).hostname, urlsplit(f"//{self.headers.get('host', '')}").hostname or ""
        except ValueError:
            return True
        proven = self.tls or name in ("localhost", known) or _is_address(name)
        return bool(origin) and (asking != name or not proven)

    @property
    def url(self) -> str:
        """What the peer was told to connect to, as far as it tells itself."""
        return f"{'wss' if self.tls else 'ws'}://{self.headers.get('host', '')}{self.target}"


class Access:
    """Decides by the settings."""

    def __init__(self, settings: IngestSettings, trunks: tuple[TrunkSettings, ...], clock: Callable[[], float]) -> None:
        """`clock` tells seconds since 1970."""
        self._settings = settings
        self._trunks = trunks
        self._by_address = Trunks(trunks)
        self._clock = clock
        self._name = urlsplit(settings.public_url).hostname or ""

    def take(self, trunks: tuple[TrunkSettings, ...]) -> None:
        """These are the trunks from now on."""
        self._trunks, self._by_address = trunks, Trunks(trunks)

    def trunk(self, request: Request) -> TrunkSettings | None:
        """The trunk of a peer's calls; None where it may not connect."""
        allowed = self._by_address.find(request.address)
        proven = self._proven(request)
        if proven is False or (proven is None and (allowed is None or request.of_another_page(self._name))):
            return None
        named = (trunk for trunk in self._trunks if trunk.name == self._settings.trunk)
        return next(named, allowed or self._trunks[0])

    def _proven(self, request: Request) -> bool | None:
        """Whether the peer showed a secret; None where none is set that it could show."""
        settings, protocol = self._settings, request.parts[0] if request.parts else ""
        proofs: list[bool] = []
        if settings.token:
            proofs.append(any(_same(settings.token, shown) for shown in _tokens(request)))
        if protocol == "twilio" and settings.twilio_auth_token:
            proofs.append(self._signed_by_twilio(request))
        if protocol == "audiohook" and settings.audiohook_api_key:
            proofs.append(self._signed_by_genesys(request))
        return any(proofs) if proofs else None

    def _signed_by_twilio(self, request: Request) -> bool:
        """HMAC-SHA1 of the address that Twilio was given (Twilio, "Validating requests are coming from Twilio")."""
        shown = request.headers.get("x-twilio-signature", "")
        public = self._settings.public_url.rstrip("/")
        urls = [public + request.target] if public else [request.url, request.url.replace("ws://", "wss://", 1)]
        key = self._settings.twilio_auth_token.encode()
        # Twilio may put a slash behind an address without one.
        signatures = [
            base64.b64encode(hmac.digest(key, _bytes(url), "sha1")).decode() for one in urls for url in (one, one + "/")
        ]
        return any(_same(signature, shown) for signature in signatures)

    def _signed_by_genesys(self, request: Request) -> bool:
        """The API key and, where there is a client secret, an HTTP message signature by it (AudioHook, "Security")."""
        settings, headers = self._settings, request.headers
        if not _same(settings.audiohook_api_key, headers.get("x-api-key", "")):
            return False
        if not settings.audiohook_client_secret:
            return True
        found = _SIGNATURE_INPUT.match(headers.get("signature-input", ""))
        if not found:
            return False
        label, signed = found[1], found[2]
        parameters = {name: text or number for name, text, number in _PARAMETER.findall(signed)}
        names = re.findall(r'"([^"]*)"', signed.partition(")")[0])
        if not set(_SIGNED_PARTS) <= set(names) or not self._fresh(parameters):
            return False
        lines = [f'"{name}": {self._signed_value(name, request)}' for name in names]
        base = "\n".join([*lines, f'"@signature-params": {signed}'])
        digest = hmac.digest(base64.b64decode(settings.audiohook_client_secret), _bytes(base), hashlib.sha256)
        expected = f"{label}=:{base64.b64encode(digest).decode()}:"
        known = parameters.get("keyid") == settings.audiohook_api_key and parameters.get("alg") == "hmac-sha256"
        return _same(expected, headers.get("signature", "").strip()) and known

    def _fresh(self, parameters: Mapping[str, str]) -> bool:
        now = self._clock()
        created, expires = int(parameters.get("created", 0)), int(parameters.get("expires", 0) or 0)
        return abs(now - created) <= _SIGNATURE_AGE_S and (not expires or now <= expires + 1)

    def _signed_value(self, name: str, request: Request) -> str:
        if name == "@request-target":
            return urlsplit(self._settings.public_url).path.rstrip("/") + request.target
        if name == "@authority":
            public = urlsplit(self._settings.public_url).netloc
            return public or request.headers.get("host", "")
        return request.headers.get(name, "").strip()


def _tokens(request: Request) -> Sequence[str]:
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    shown = [*request.parts[1:2], request.query.get("token", "")]
    return [*shown, bearer.strip()] if scheme.lower() == "bearer" else shown


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _same(secret: str, shown: str) -> bool:
    """Without telling by its time how much of it is right."""
    return hmac.compare_digest(_bytes(secret), _bytes(shown))


def _bytes(text: str) -> bytes:
    """As it came: stray bytes of a header are kept as surrogates."""
    return text.encode(errors="surrogatepass")
