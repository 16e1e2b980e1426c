"""An OpenID Connect provider on loopback that keeps to the rules, and breaks one where a test says so."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

CLIENT_ID, CLIENT_SECRET = "callscribe", "a secret, kept & shared+"
Claims = dict[str, object]


@dataclass(slots=True)
class Grant:
    """What a code stands for."""

    nonce: str
    challenge: str
    redirect_uri: str
    claims: Claims


@dataclass
class IdentityProvider:
    """Its state; tests change it between requests."""

    url: str = ""
    claims: Claims = field(default_factory=lambda: {"sub": "0001", "preferred_username": "Ann", "groups": ["agents"]})
    """Of who signs in next."""
    userinfo: Claims = field(default_factory=dict)
    """What it tells there beside their subject."""
    mend: Callable[[Claims], Claims] = lambda claims: claims
    """What a broken provider makes of an id_token's claims."""
    key: RSAKey | ECKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "first"}))
    published: RSAKey | ECKey | None = None
    """What it says is its key; None: that with which it signs."""
    algorithm: str = "RS256"
    """"none" and "HS256" are a liar's."""
    issuer: str = ""
    """Another name than its own."""
    broken: str = ""
    """A path that answers 500."""
    delay_s: float = 0.0
    """Before each answer."""
    error: str = ""
    """With which it turns people away."""
    names_itself: bool = True
    """RFC 9207."""
    asked: list[str] = field(default_factory=list)
    """Paths."""
    authorizations: list[dict[str, str]] = field(default_factory=list)
    ended: list[dict[str, str]] = field(default_factory=list)
    """What it was told when people signed out."""
    codes: dict[str, Grant] = field(default_factory=dict)
    subjects: dict[str, object] = field(default_factory=dict)
    """By access token."""

    def discovery(self) -> Claims:
        return {
            "issuer": self.issuer or self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/jwks",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "end_session_endpoint": f"{self.url}/end",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": self.names_itself,
        }

    def rotate(self) -> None:
        """Sign with another key from now on."""
        self.key = ECKey.generate_key("P-256", {"kid": secrets.token_hex(4)})
        self.algorithm = "ES256"

    def authorize(self, told: dict[str, str]) -> str:
        """Where the browser goes with the code."""
        assert told["response_type"] == "code"
        assert told["client_id"] == CLIENT_ID
        assert "openid" in told["scope"].split()
        assert (told["code_challenge_method"], len(told["code_challenge"])) == ("S256", 43)
        self.authorizations.append(told)
        answer = {"state": told["state"], **({"iss": self.url} if self.names_itself else {})}
        if self.error:
            return f"{told['redirect_uri']}?{urlencode({**answer, 'error': self.error})}"
        code = secrets.token_urlsafe(16)
        self.codes[code] = Grant(told["nonce"], told["code_challenge"], told["redirect_uri"], dict(self.claims))
        return f"{told['redirect_uri']}?{urlencode({**answer, 'code': code})}"

    def token(self, told: dict[str, str]) -> tuple[int, Claims]:
        if (told.get("client_id"), told.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return 401, {"error": "invalid_client"}
        grant = self.codes.pop(told.get("code", ""), None)
        if grant is None or grant.redirect_uri != told.get("redirect_uri"):
            return 400, {"error": "invalid_grant"}
        digest = hashlib.sha256(told.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != grant.challenge:
            return 400, {"error": "invalid_grant"}
        access_token = secrets.token_urlsafe(16)
        self.subjects[access_token] = grant.claims["sub"]
        return 200, {"access_token": access_token, "token_type": "Bearer", "id_token": self._id_token(grant)}

    def _id_token(self, grant: Grant) -> str:
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT_ID, "exp": now + 300, "iat": now, "nonce": grant.nonce, **grant.claims}
        claims = self.mend(claims)
        header = {"alg": self.algorithm, "kid": str(self.key.kid)}
        if self.algorithm == "none":
            parts = (json.dumps(each).encode() for each in (header, claims))
            return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."
        if self.algorithm == "HS256":
            shared = OctKey.import_key(CLIENT_SECRET.ljust(64, "x"))
            return jws.serialize_compact(header, json.dumps(claims), shared, ["HS256"])
        return jwt.encode(header, claims, self.key, [self.algorithm])


class _Requests(BaseHTTPRequestHandler):
    provider: IdentityProvider

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        told, provider = _first(url.query), self.provider
        provider.asked.append(url.path)
        time.sleep(provider.delay_s)
        if url.path == provider.broken:
            self._json(500, {})
        elif url.path == "/.well-known/openid-configuration":
            self._json(200, provider.discovery())
        elif url.path == "/jwks":
            self._json(200, {"keys": [(provider.published or provider.key).as_dict(private=False)]})
        elif url.path == "/authorize":
            self._page(f"<h1>Sign in at the provider</h1><a id=yes href='{escape(provider.authorize(told))}'>Yes</a>")
        elif url.path == "/userinfo":
            subject = provider.subjects[self.headers["authorization"].removeprefix("Bearer ")]
            self._json(200, {"sub": subject, **provider.userinfo})
        elif url.path == "/frame":
            self._page(f"<iframe width=900 height=700 src='{escape(told['page'])}'></iframe>")
        elif url.path == "/end":
            provider.ended.append(told)
            back = quote(told["post_logout_redirect_uri"], safe=":/")
            self._page(f"<h1>Signed out at the provider</h1><a id=back href='{back}'>Back</a>")
        else:
            self._json(404, {})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        self.provider.asked.append(self.path)
        if self.path == self.provider.broken:
            self._json(500, {})
        else:
            self._json(*self.provider.token(_first(body)))

    def log_message(self, *_: object) -> None:
        """Tests read no log of it."""

    def _json(self, status: int, told: Claims) -> None:
        self._send(status, "application/json", json.dumps(told).encode())

    def _page(self, text: str) -> None:
        self._send(200, "text/html", f"<!doctype html><title>Provider</title><main>{text}</main>".encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _first(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}


@contextmanager
def identity_provider() -> Iterator[IdentityProvider]:
    """A running one."""
    provider = IdentityProvider()
    requests = type("Requests", (_Requests,), {"provider": provider})
    with ThreadingHTTPServer(("127.0.0.1", 0), requests) as server:
        provider.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, name="identity-provider")
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()
