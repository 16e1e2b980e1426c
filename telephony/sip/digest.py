"""Digest authentication as who is asked for it (RFC 3261 section 22, RFC 7616, RFC 8760). Pure."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

_SCHEME = re.compile(r"\s*Digest\s+", re.IGNORECASE)
_PARAMETER = re.compile(r'([A-Za-z0-9\-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)\s*', re.DOTALL)
_HASHES = {"md5": "md5", "sha-256": "sha256", "sha-512-256": "sha512_256"}
_SESSION = "-sess"


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a server wants to see proven: one WWW-Authenticate or Proxy-Authenticate value."""

    realm: str
    """As it stood between its quotes, escapes and all, like every text here."""
    nonce: str
    algorithm: str = ""
    """As the server wrote it; "" is MD5."""
    qop: bool = False
    """Whether it wants quality of protection "auth"; else the proof is that of RFC 2069."""
    opaque: str | None = None
    stale: bool = False
    """The password was right, the nonce too old."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who proves what."""

    username: str
    password: str


def read_parameters(value: str) -> dict[str, str] | None:
    """The parameters of a Digest value, names in lower case; None where it is of another scheme or makes no sense."""
    scheme = _SCHEME.match(value)
    if not scheme:
        return None
    found: dict[str, str] = {}
    at = scheme.end()
    while at < len(value):
        parameter = _PARAMETER.match(value, at)
        if not parameter:
            return None
        found.setdefault(parameter[1].lower(), parameter[2] if parameter[2] is not None else parameter[3])
        at = parameter.end()
    return found


def read_challenge(value: str) -> Challenge | None:
    """A challenge that `prove` can meet, else None."""
    told = read_parameters(value)
    if told is None or "realm" not in told or not told.get("nonce"):
        return None
    qualities = [quality.strip().lower() for quality in told.get("qop", "").split(",") if quality.strip()]
    algorithm = told.get("algorithm", "")
    if algorithm.lower().removesuffix(_SESSION) not in ("", *_HASHES) or (qualities and "auth" not in qualities):
        return None
    stale = told.get("stale", "").lower() == "true"
    return Challenge(told["realm"], told["nonce"], algorithm, bool(qualities), told.get("opaque"), stale)


def pick_challenge(values: Iterable[str]) -> Challenge | None:
    """The topmost challenge that can be met (RFC 8760 section 2.4): servers list the one they prefer first."""
    return next((challenge for challenge in map(read_challenge, values) if challenge), None)


def response(challenge: Challenge, who: Credentials, asked: tuple[str, str], cnonce: str, count: str) -> str:
    """The proof itself (RFC 7616 section 3.4.1), for a method and a URI; `count` is the nonce count, 8 hex digits."""
    name = challenge.algorithm.lower()

    def digest(*parts: str) -> str:
        text = ":".join(parts).encode("utf-8", "surrogateescape")
        return hashlib.new(_HASHES[name.removesuffix(_SESSION) or "md5"], text, usedforsecurity=False).hexdigest()

    secret = digest(who.username, challenge.realm, who.password)
    if name.endswith(_SESSION):
        secret = digest(secret, challenge.nonce, cnonce)
    used = (challenge.nonce, count, cnonce, "auth") if challenge.qop else (challenge.nonce,)
    return digest(secret, *used, digest(*asked))


def prove(challenge: Challenge, who: Credentials, method: str, uri: str, cnonce: str) -> str:
    """The Authorization or Proxy-Authorization value of the first request that uses the challenge's nonce.

    `uri` is the request's; `cnonce` is random, without quotes (RFC 7616 section 3.4).
    """
    count = "00000001"
    session = challenge.algorithm.lower().endswith(_SESSION)
    fields = [
        f'username="{who.username}"',
        f'realm="{challenge.realm}"',
        f'nonce="{challenge.nonce}"',
        f'uri="{uri}"',
        f'response="{response(challenge, who, (method, uri), cnonce, count)}"',
    ]
    if challenge.algorithm:
        fields.append(f"algorithm={challenge.algorithm}")
    if challenge.opaque is not None:
        fields.append(f'opaque="{challenge.opaque}"')
    if challenge.qop:
        fields += ["qop=auth", f"nc={count}"]
    if challenge.qop or session:
        fields.append(f'cnonce="{cnonce}"')
    return "Digest " + ", ".join(fields)
