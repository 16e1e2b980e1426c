"""Who may send requests: by address, over TLS, with a certificate or a password, and not too many. Pure."""

from collections import OrderedDict
from collections.abc import Callable

from telephony.front.admission import RateLimit
from telephony.front.digest import Digest, Verdict
from telephony.front.hops import Hop, Transport
from telephony.front.refusals import Refusals
from telephony.front.replies import Refusal, busy
from telephony.settings import TrunkSettings
from telephony.sip.digest import Credentials
from telephony.sip.message import Request

MAX_SOURCES = 4096
"""Addresses whose rate is known; of more the one that was quiet longest is forgotten."""
STRANGERS_PER_SECOND = 2.0
"""Answers to one address that no trunk allows: a forged one must not be flooded from here."""
MISTAKES_PER_SECOND = 0.1
"""Wrong passwords of one address, in the long run."""
MAX_MISTAKES = 10
"""Wrong passwords at once."""
ASKED = "credentials_asked"


class SourceLimit:
    """A token bucket for each source address: `rate` a second in the long run, `burst` at once."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._limits: OrderedDict[str, RateLimit] = OrderedDict()

    def take(self, source: str) -> bool:
        return self._of(source).take()

    def is_empty(self, source: str) -> bool:
        """True where take() would fail."""
        return source in self._limits and self._of(source).is_empty()

    def _of(self, source: str) -> RateLimit:
        limit = self._limits.setdefault(source, RateLimit(self._rate, self._clock, self._burst))
        self._limits.move_to_end(source)
        if len(self._limits) > MAX_SOURCES:
            self._limits.popitem(last=False)
        return limit


class Gate:
    """Decides on what comes from outside, before anything else is looked at."""

    def __init__(self, invites_per_second: float, refusals: Refusals, clock: Callable[[], float]) -> None:
        """`invites_per_second` is of one source."""
        self._refusals = refusals
        self._digest = Digest(clock)
        self._calls = SourceLimit(invites_per_second, max(1.0, invites_per_second), clock)
        self._strangers = SourceLimit(STRANGERS_PER_SECOND, 2 * STRANGERS_PER_SECOND, clock)
        self._mistakes = SourceLimit(MISTAKES_PER_SECOND, MAX_MISTAKES, clock)

    def answers_stranger(self, host: str) -> bool:
        """True where an address that no trunk allows is told so."""
        return self._strangers.take(host)

    def check_transport(self, trunk: TrunkSettings, source: Hop, *, within: bool) -> Refusal | None:
        """Why a trunk does not take a request that came this way; `within` a call of it, which its tags show.

        There no certificate is asked for: the peer may have shown none where it is the connection that we opened to it.
        """
        if trunk.tls != "optional" and source.transport is not Transport.TLS:
            return Refusal(403, "requests_without_tls", "This trunk takes TLS only")
        if trunk.tls == "verified" and not source.verified and not within:
            return Refusal(403, "requests_without_certificate", "This trunk takes peers with a certificate only")
        return None

    def check_call(self, trunk: TrunkSettings, request: Request, source: Hop) -> Refusal | None:
        """Why a new call is not let in.

        Asking for credentials is free. An answer counts as a call only where it names a nonce that its source was
        given: no other shows that its source address is not forged, and the peer there must not pay for it.
        """
        if not trunk.digest_username:
            return None if self._calls.take(source.host) else busy("invites_refused_source_rate")
        answer = self._digest.answer(request, trunk.digest_username, trunk.digest_algorithms)
        if answer is None:
            return self._challenge(trunk, source, ASKED)
        if not self._digest.gave(answer, source.host):
            # Whether its password is right stays unsaid: it could be guessed without end here.
            return self._challenge(trunk, source, "credentials_stale")
        if not self._calls.take(source.host):
            return busy("invites_refused_source_rate")
        if self._mistakes.is_empty(source.host):
            return Refusal(403, "credentials_locked", "Too many wrong passwords")
        match self._digest.check(request.method, answer, Credentials(trunk.digest_username, trunk.digest_password)):
            case Verdict.RIGHT:
                self._refusals.forget(source.host, ASKED)
                return None
            case Verdict.WRONG:
                self._mistakes.take(source.host)
                return self._challenge(trunk, source, "credentials_wrong")
            case Verdict.STALE:
                return self._challenge(trunk, source, "credentials_stale")

    def _challenge(self, trunk: TrunkSettings, source: Hop, counter: str) -> Refusal:
        stale = counter == "credentials_stale"
        values = self._digest.challenges(trunk.digest_algorithms, source.host, stale=stale)
        headers = tuple(("www-authenticate", value) for value in values)
        return Refusal(401, counter, headers=headers, usual=counter != "credentials_wrong")
