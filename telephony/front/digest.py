"""Digest authentication of callers, as who asks for it (RFC 7616, for SIP RFC 8760 and RFC 3261 section 22). Pure."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from telephony.sip.digest import Challenge, Credentials, read_parameters, response
from telephony.sip.message import Request

REALM = "callscribe"
NONCE_LIFE_S = 300.0

_COUNT = re.compile(r"[0-9a-fA-F]{8}")
_TIME_DIGITS = 10
_MARK_DIGITS = 16
_LAST = 1 << 32
"""Above every nonce count: nothing may follow."""


class Verdict(Enum):
    """How credentials are."""

    RIGHT = "right"
    STALE = "stale"
    """Made with the right password for a nonce that is too old or was used so before."""
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Answer:
    """An Authorization header."""

    challenge: Challenge
    """What it says that it answers."""
    username: str
    uri: str
    response: str
    cnonce: str
    count: str


class Digest:
    """Challenges, and checks the answers.

    Nonces carry their own time and a mark that only this process can make, for one host: a flood of requests without
    credentials costs no memory, only nonces that the right password came with are kept, and who forges a source
    address never has a nonce that was given to it.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` in seconds, monotonic."""
        self._clock = clock
        self._secret = secrets.token_bytes(16)
        self._used: dict[str, int] = {}
        """Highest count that each nonce came with, in the order of their first use."""

    def challenges(self, algorithms: tuple[str, ...], host: str, *, stale: bool) -> tuple[str, ...]:
        """WWW-Authenticate values with a fresh nonce for `host`: a caller takes the first that it knows.

        (RFC 8760 section 2.4)
        """
        body = f"{int(self._clock()):0{_TIME_DIGITS}x}{secrets.token_hex(8)}"
        nonce = body + self._mark(body, host)
        ending = ", stale=true" if stale else ""
        return tuple(
            f'Digest realm="{REALM}", nonce="{nonce}", algorithm={name}, qop="auth"{ending}' for name in algorithms
        )

    def answer(self, request: Request, username: str, algorithms: tuple[str, ...]) -> Answer | None:
        """Of a request's Authorization values, the first that is for us, of this name and by one of `algorithms`."""
        answers = (_read(value) for value in request.headers.all("authorization"))
        fits = (found for found in answers if found and found.challenge.algorithm in algorithms)
        return next((found for found in fits if _same(username, found.username)), None)

    def gave(self, answer: Answer, host: str) -> bool:
        """True where the nonce is one that `host` was given, by this process."""
        nonce = answer.challenge.nonce
        return _same(self._mark(nonce[:-_MARK_DIGITS], host), nonce[-_MARK_DIGITS:])

    def check(self, method: str, answer: Answer, who: Credentials) -> Verdict:
        """How an answer is whose nonce its sender was given.

        The URI that the caller signed may differ from the request's: proxies on the way change that one.
        """
        right = response(answer.challenge, who, (method, answer.uri), answer.cnonce, answer.count)
        if not _same(right, answer.response.lower()):
            return Verdict.WRONG
        return Verdict.RIGHT if self._is_fresh(answer) else Verdict.STALE

    def _is_fresh(self, answer: Answer) -> bool:
        nonce = answer.challenge.nonce
        while self._used and self._age(next(iter(self._used))) > NONCE_LIFE_S:
            del self._used[next(iter(self._used))]
        before = self._used.get(nonce, 0)
        # Without a count (RFC 2069) a nonce serves once.
        count = int(answer.count, 16) if answer.challenge.qop else _LAST
        if self._age(nonce) > NONCE_LIFE_S or count <= before:
            return False
        self._used[nonce] = count
        return True

    def _mark(self, body: str, host: str) -> str:
        marked = f"{body} {host}".encode("utf-8", "surrogateescape")
        return hashlib.blake2s(marked, key=self._secret, digest_size=_MARK_DIGITS // 2).hexdigest()

    def _age(self, nonce: str) -> float:
        return self._clock() - int(nonce[:_TIME_DIGITS], 16)


def _read(value: str) -> Answer | None:
    """An Authorization value of our realm, None for another or one that cannot be read."""
    told = read_parameters(value)
    if told is None or told.get("realm") != REALM:
        return None
    algorithm, qop, count = told.get("algorithm", "MD5").upper(), told.get("qop", "").lower(), told.get("nc", "")
    if qop not in ("", "auth") or (qop and not _COUNT.fullmatch(count)):
        return None
    return Answer(
        challenge=Challenge(REALM, told.get("nonce", ""), algorithm, bool(qop)),
        username=told.get("username", ""),
        uri=told.get("uri", ""),
        response=told.get("response", ""),
        cnonce=told.get("cnonce", ""),
        count=count,
    )


def _same(one: str, other: str) -> bool:
    """Compared in a time that tells nothing."""
    return hmac.compare_digest(one.encode("utf-8", "surrogateescape"), other.encode("utf-8", "surrogateescape"))
