"""The identity provider, asked by the authorisation code flow with PKCE (OpenID Connect Core 1.0, RFC 7636).

Its methods block: call them in a thread. They raise ProviderUnavailable and ProviderMisconfigured.
"""

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet
from pydantic import BaseModel, ConfigDict, ValidationError

from callscribe.config.oidc import OidcSettings, is_safe
from callscribe.console.claims import Claims, lacks
from callscribe.domain.errors import ProviderMisconfigured, ProviderUnavailable, SignInRefused

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Of signatures with a key of the provider's. What is signed with a shared secret, or not at all, is no word of its."""
TIMEOUT_S = (3.05, 5.0)
"""To connect, and for each part of an answer."""
KEPT_S = 3600.0
"""How long the provider's document and keys are taken for true; unknown keys are looked up at once."""
LEEWAY_S = 60
"""How far the clocks may be apart."""
AWAY = "check that this machine reaches it, its name is known here and its certificate is trusted"
CLIENT_ERRORS = frozenset({"invalid_client", "unauthorized_client"})


class ProviderMetadata(BaseModel):
    """What is read of a discovery document (OpenID Connect Discovery 1.0, section 3)."""

    model_config = ConfigDict(frozen=True)

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    end_session_endpoint: str = ""
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False

    @property
    def addresses(self) -> tuple[str, ...]:
        told = (self.authorization_endpoint, self.token_endpoint, self.jwks_uri)
        return (*told, *filter(None, (self.userinfo_endpoint, self.end_session_endpoint)))


@dataclass(frozen=True, slots=True)
class Flow:
    """One sign-in on its way: all that binds it to a browser comes from a secret that this browser alone has."""

    secret: str = field(repr=False)

    @property
    def state(self) -> str:
        return self._derived("state")

    @property
    def nonce(self) -> str:
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """Of PKCE."""
        return self._derived("verifier")

    def is_answered_by(self, state: str) -> bool:
        return bool(self.secret) and hmac.compare_digest(self.state.encode(), state.encode())

    def _derived(self, purpose: str) -> str:
        return hmac.new(self.secret.encode(), purpose.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class Vouched:
    """Whom the provider has signed in."""

    claims: Claims
    id_token: str = field(repr=False)


class Provider:
    """The identity provider of the settings. Safe to use from several threads."""

    def __init__(self, settings: OidcSettings) -> None:
        self.settings = settings
        self._metadata: tuple[float, ProviderMetadata] | None = None
        self._keys: tuple[float, KeySet] | None = None

    def metadata(self) -> ProviderMetadata:
        """What the provider says of itself."""
        if self._metadata is None or self._metadata[0] < time.monotonic():
            self._metadata = (time.monotonic() + KEPT_S, self._discovered())
        return self._metadata[1]

    def keys(self, *, fresh: bool = False) -> KeySet:
        """The keys with which the provider signs."""
        if fresh or self._keys is None or self._keys[0] < time.monotonic():
            self._keys = (time.monotonic() + KEPT_S, self._fetched_keys())
        return self._keys[1]

    def checked(self) -> str:
        """What is well with it: its document and its keys."""
        return f"{self.metadata().issuer} answers and has {len(self.keys().keys)} keys"

    def authorization_url(self, flow: Flow, redirect_uri: str) -> str:
        """Where the browser asks the provider to sign somebody in."""
        endpoint = self.metadata().authorization_endpoint
        with self._session(redirect_uri) as session:
            url, _ = session.create_authorization_url(
                endpoint, state=flow.state, code_verifier=flow.verifier, nonce=flow.nonce
            )
        return str(url)

    def vouched(self, flow: Flow, code: str, redirect_uri: str) -> Vouched:
        """Whom the provider signed in when it gave this code. Raises SignInRefused where its word does not hold."""
        metadata = self.metadata()
        token = self._token(flow, code, redirect_uri)
        id_token, access_token = token.get("id_token"), token.get("access_token")
        if not isinstance(id_token, str):
            raise SignInRefused("the provider's answer has no id_token")
        claims = self._checked(id_token, str(access_token or ""), flow.nonce)
        if metadata.userinfo_endpoint and isinstance(access_token, str) and lacks(self.settings, claims):
            claims = {**self._userinfo(metadata.userinfo_endpoint, access_token, claims["sub"]), **claims}
        return Vouched(claims, id_token)

    def sign_out_url(self, id_token: str, after: str) -> str:
        """Where the browser signs out at the provider and comes back to `after`; "" where it has no such place.

        OpenID Connect RP-Initiated Logout 1.0.
        """
        endpoint = self.metadata().end_session_endpoint
        told = {"id_token_hint": id_token, "client_id": self.settings.client_id, "post_logout_redirect_uri": after}
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(told)}" if endpoint else ""

    def _discovered(self) -> ProviderMetadata:
        issuer = self.settings.issuer
        told = self._fetched(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        try:
            found = ProviderMetadata.model_validate({key: value for key, value in told.items() if value is not None})
        except ValidationError as error:
            lacking = ".".join(map(str, error.errors()[0]["loc"]))
            raise ProviderMisconfigured(
                f"the discovery document of {issuer} has no usable {lacking}; check web.oidc.issuer"
            ) from error
        if found.issuer != issuer:
            raise ProviderMisconfigured(
                f"web.oidc.issuer is {issuer}, but the provider calls itself {found.issuer}; write it so"
            )
        for address in found.addresses:
            if not is_safe(address):
                raise ProviderMisconfigured(
                    f"the discovery document of {issuer} names {address}; set the provider to https"
                )
        return found

    def _fetched_keys(self) -> KeySet:
        address = self.metadata().jwks_uri
        told = self._fetched(address).get("keys")
        keys = [key for each in (told if isinstance(told, list) else []) if (key := _key_of(each)) is not None]
        if not keys:
            raise ProviderMisconfigured(f"{address} has no key that can be used; give the provider one for signatures")
        return KeySet(keys)

    def _token(self, flow: Flow, code: str, redirect_uri: str) -> Mapping[str, object]:
        endpoint = self.metadata().token_endpoint
        try:
            with self._session(redirect_uri) as session:
                token: Mapping[str, object] = session.fetch_token(
                    endpoint, grant_type="authorization_code", code=code, code_verifier=flow.verifier,
                    allow_redirects=False,
                )  # fmt: skip
        except OAuthError as error:
            if error.error in CLIENT_ERRORS:
                cure = "check client_id and client_secret under web.oidc"
                raise ProviderMisconfigured(
                    f"the provider does not know this client ({error.error}); {cure}"
                ) from error
            raise SignInRefused(f"the provider takes the code for no good ({str(error.error)[:40]})") from error
        except requests.RequestException as error:
            raise ProviderUnavailable(f"{endpoint} does not answer ({type(error).__name__}); {AWAY}") from error
        except ValueError as error:
            raise ProviderMisconfigured(f"{endpoint} answers with no token") from error
        return token

    def _checked(self, id_token: str, access_token: str, nonce: str) -> dict[str, object]:
        """The claims of a token that is the provider's, for us, of now, and of this sign-in (Core 1.0, 3.1.3.7)."""
        try:
            try:
                token = jwt.decode(id_token, self.keys(), ALGORITHMS)
            except (InvalidKeyIdError, BadSignatureError):
                token = jwt.decode(id_token, self.keys(fresh=True), ALGORITHMS)
            claims = CodeIDToken(
                token.claims,
                token.header,
                {
                    "iss": {"essential": True, "value": self.settings.issuer},
                    "aud": {"essential": True, "value": self.settings.client_id},
                },
                {"nonce": nonce, "client_id": self.settings.client_id, "access_token": access_token},
            )
            claims.validate(leeway=LEEWAY_S)
        except (JoseError, ValueError, TypeError) as error:
            raise SignInRefused(f"the id_token does not hold: {_reason(error)}") from error
        return dict(claims)

    def _userinfo(self, endpoint: str, access_token: str, subject: object) -> dict[str, object]:
        told = self._fetched(endpoint, access_token)
        if told.get("sub") != subject:
            raise SignInRefused("userinfo is about somebody else than the id_token")
        return told

    def _fetched(self, url: str, access_token: str = "") -> dict[str, object]:
        headers = {"authorization": f"Bearer {access_token}"} if access_token else {}
        try:
            answer = requests.get(url, headers=headers, timeout=TIMEOUT_S, allow_redirects=False)
        except requests.RequestException as error:
            raise ProviderUnavailable(f"{url} does not answer ({type(error).__name__}); {AWAY}") from error
        if answer.status_code >= 500:
            raise ProviderUnavailable(f"{url} answers {answer.status_code}; see the provider's log")
        try:
            told = answer.json() if answer.status_code == 200 else None
        except ValueError:
            told = None
        if not isinstance(told, dict):
            raise ProviderMisconfigured(f"{url} answers {answer.status_code} and no JSON object; check web.oidc.issuer")
        return told

    def _session(self, redirect_uri: str) -> OAuth2Session:
        secret, method = self.settings.client_secret, "none"
        if secret:
            taken = self.metadata().token_endpoint_auth_methods_supported
            method = "client_secret_post" if "client_secret_post" in taken else "client_secret_basic"
        return OAuth2Session(
            self.settings.client_id,
            secret or None,
            token_endpoint_auth_method=method,
            scope=" ".join(self.settings.scopes),
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            default_timeout=TIMEOUT_S,
        )


def _key_of(told: object) -> Key | None:
    """A key to check signatures with; None for what is none, or cannot be read."""
    if not isinstance(told, dict) or told.get("kty") == "oct" or told.get("use", "sig") != "sig":
        return None
    try:
        return JWKRegistry.import_key(told)
    except (JoseError, ValueError, TypeError):
        return None


def _reason(error: Exception) -> str:
    """What is wrong with a token, with nothing of it."""
    return str(error) if isinstance(error, JoseError) else type(error).__name__
