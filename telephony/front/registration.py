"""One extension at its registrar (RFC 3261 section 10.2). Pure: time and messages come from outside."""

import random
import re
import secrets
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from telephony.front.hops import Addresses, Hop
from telephony.front.replies import PRODUCT, allow
from telephony.front.timers import Timer, Timers
from telephony.front.transactions import ClientTransactions, Outcome
from telephony.registration import RegistrationState, RegistrationStatus
from telephony.settings import RegisterSettings
from telephony.sip.address import parse_name_addr, parse_uri, parse_via
from telephony.sip.digest import Credentials, pick_challenge, prove
from telephony.sip.headers import Headers
from telephony.sip.message import Request, Response

LONG_S = 1200
"""A registration that is kept for longer is renewed so much before its end (below), another one at its half."""
LONG_MARGIN_S = 600
SHORTEST_S = 1.0
"""Between renewals, however short the registrar's memory is."""
SETTLED_S = 120
"""Failures before a registration that held for so long do not count any more (RFC 5626 section 4.5)."""
LONGEST_WAIT_S = 300
"""Between attempts where the registrar cannot be reached: it comes back some time."""
LONGEST_WAIT_REFUSED_S = 1800
"""Between attempts where it refuses: somebody has to change something, and PBXs lock out who tries often."""
LONGEST_RETRY_AFTER_S = 3600
LONGEST_EXPIRES_S = 7 * 86400
MAX_PROOFS = 4
"""Challenges met in one attempt."""
PING_S = 25.0
PING_RELIABLE_S = 95.0
"""RFC 5626 section 4.4.1: within what NATs keep a UDP mapping, and below what they keep a connection."""

_CHALLENGES = {401: ("www-authenticate", "authorization"), 407: ("proxy-authenticate", "proxy-authorization")}
_REFUSALS = {
    403: RegistrationState.FORBIDDEN,
    404: RegistrationState.EXTENSION_UNKNOWN,
    408: RegistrationState.NO_ANSWER,
    410: RegistrationState.EXTENSION_UNKNOWN,
    604: RegistrationState.EXTENSION_UNKNOWN,
}
_REACHING = (
    RegistrationState.NAME_UNKNOWN,
    RegistrationState.UNCONNECTED,
    RegistrationState.NO_TLS,
    RegistrationState.NO_ANSWER,
    RegistrationState.UNAVAILABLE,
)


@dataclass(frozen=True, slots=True)
class RegistrationPlan:
    """What is registered, and where."""

    trunk: str
    account: RegisterSettings
    contact_user: str
    """User part of the Contact: calls to it are the trunk's."""

    @property
    def uri(self) -> str:
        """Request-URI: the domain whose registrar is asked (RFC 3261 section 10.2)."""
        return f"sip:{self.account.domain or self.account.registrar}"

    @property
    def address(self) -> str:
        """The address of record, without port."""
        domain = (self.account.domain or self.account.registrar).partition(":")[0]
        return f"sip:{self.account.extension}@{domain}"

    @property
    def credentials(self) -> Credentials:
        return Credentials(self.account.username or self.account.extension, self.account.password)


class Network(Protocol):
    """What a registration has done for it on sockets, and whom it tells."""

    def reach(self, registration: "Registration") -> None:
        """Look the registrar up, and connect where the transport wants it: `reached` or `fail` follows."""

    def ping(self, hop: Hop) -> None:
        """Keep the way through NATs open (RFC 5626 section 3.5)."""

    def leave(self, hop: Hop) -> None:
        """Nobody answers there: close the connection."""

    def changed(self, registration: "Registration") -> None:
        """It is registered now, or no more by its own will."""

    def failed(self, registration: "Registration", wait_s: float) -> None:
        """An attempt failed; the next one is so far away."""


class Registration:
    """Registers, renews before the registrar forgets, tries again ever more seldom, and takes itself back at stop."""

    def __init__(
        self,
        plan: RegistrationPlan,
        clients: ClientTransactions,
        timers: Timers,
        addresses: Addresses,
        network: Network,
    ) -> None:
        self.plan = plan
        self.status = RegistrationStatus(plan.trunk, RegistrationState.REGISTERING)
        self._clients = clients
        self._timers = timers
        self._addresses = addresses
        self._network = network
        self._call_id = secrets.token_hex(16)
        self._tag = secrets.token_hex(8)
        self._cseq = 0
        self._turn = 0
        """Responses to what was sent before it are not heard any more."""
        self._expires_s = plan.account.expires_s
        self._hop: Hop | None = None
        self._proofs: dict[tuple[str, str], str] = {}
        self._proven = 0
        self._failures = 0
        self._leaving = False
        self._next: Timer | None = None
        self._ping: Timer | None = None
        self._since = 0.0
        """When it became registered."""

    def start(self) -> None:
        """Register, and stay registered."""
        self._network.reach(self)

    def stop(self) -> None:
        """Take the registration back; the state tells when that is done."""
        self._leaving = True
        self._rest()
        if self._hop is None:
            self._stop()
        else:
            self._begin()

    def reached(self, hop: Hop) -> None:
        """The registrar can be sent to now."""
        if not self._leaving:
            self._hop = hop
            self._begin()

    def connection_lost(self, number: int) -> None:
        """A connection is gone; where it was the registrar's, calls can no longer come over it."""
        if self._hop is None or self._hop.connection != number:
            return
        self._forgive()
        if self.status.state is RegistrationState.REGISTERED and not self._failures and not self._leaving:
            # Once at once (RFC 5626 section 4.5); a registrar that hangs up every time is left in peace.
            self._failures = 1
            self._rest()
            self._hop = None
            self.start()
        else:
            self.fail(RegistrationState.UNCONNECTED)

    def fail(self, state: RegistrationState, retry_after_s: int = 0) -> None:
        """An attempt failed: the next one comes after a while that grows (RFC 5626 section 4.5)."""
        self._rest()
        hop, self._hop = self._hop, None
        if hop and state is RegistrationState.NO_ANSWER:
            self._network.leave(hop)
        if self._leaving:
            self._stop()
            return
        self._forgive()
        self._failures += 1
        longest = LONGEST_WAIT_S if state in _REACHING else LONGEST_WAIT_REFUSED_S
        upper = min(longest, self.plan.account.retry_s * 2 ** min(self._failures, 16))
        wait_s = max(retry_after_s, upper * random.uniform(0.5, 1.0))
        self.status = RegistrationStatus(self.plan.trunk, state, seen_address=self.status.seen_address)
        self._next = self._timers.after(wait_s, self.start)
        self._network.failed(self, wait_s)

    def _rest(self) -> None:
        """Let nothing that was going on go on, responses that are still due included."""
        self._turn += 1
        for timer in (self._next, self._ping):
            if timer:
                timer.cancel()

    def _begin(self) -> None:
        """A new attempt."""
        self._proofs, self._proven = {}, 0
        self._send()

    def _send(self) -> None:
        if self._hop is None:
            return
        self._cseq += 1
        expires_s = 0 if self._leaving else self._expires_s
        contact = self._addresses.contact(self._hop.transport, self.plan.contact_user)
        fields = (
            ("max-forwards", "70"),
            ("from", f"<{self.plan.address}>;tag={self._tag}"),
            ("to", f"<{self.plan.address}>"),
            ("call-id", self._call_id),
            ("cseq", f"{self._cseq} REGISTER"),
            ("contact", f"<{contact}>;expires={expires_s}"),
            ("expires", str(expires_s)),
            ("supported", "path"),
            allow(),
            *((header, proof) for (header, _), proof in self._proofs.items()),
            ("user-agent", PRODUCT),
        )
        request = Request("REGISTER", self.plan.uri, Headers(fields))
        turn = self._turn
        self._clients.send(request, self._hop, Outcome(partial(self._take, turn), partial(self._time_out, turn)))

    def _time_out(self, turn: int) -> None:
        if turn == self._turn:
            self.fail(RegistrationState.NO_ANSWER)

    def _take(self, turn: int, response: Response) -> None:
        if turn != self._turn or response.status < 200:
            return
        if response.status < 300:
            self._accept(response)
        elif response.status in _CHALLENGES:
            self._meet(response)
        elif response.status == 423 and not self._leaving:
            self._lengthen(response)
        else:
            self.fail(
                _fault_of(response.status), _number(response.headers.first("retry-after"), LONGEST_RETRY_AFTER_S) or 0
            )

    def _accept(self, response: Response) -> None:
        if self._leaving:
            self._stop()
            return
        granted_s = self._granted_s(response)
        if granted_s <= 0:
            self.fail(RegistrationState.REFUSED)
            return
        news = self.status.state is not RegistrationState.REGISTERED
        via = parse_via(response.headers.first("via"))
        seen = (via.param("received") or "") if via else ""
        self.status = RegistrationStatus(
            self.plan.trunk, RegistrationState.REGISTERED, granted_s, "" if seen == self._addresses.host else seen
        )
        self._rest()
        early_s = granted_s - LONG_MARGIN_S if granted_s > LONG_S else granted_s / 2
        self._next = self._timers.after(max(early_s, SHORTEST_S), self._begin)
        self._ping_later()
        if news:
            self._since = self._timers.now()
            self._network.changed(self)

    def _forgive(self) -> None:
        """Earlier failures do not count any more where it was registered long since."""
        if self.status.state is RegistrationState.REGISTERED and self._timers.now() - self._since >= SETTLED_S:
            self._failures = 0

    def _ping_later(self) -> None:
        if self._hop:
            self._ping = self._timers.after(PING_RELIABLE_S if self._hop.reliable else PING_S, self._send_ping)

    def _send_ping(self) -> None:
        if self._hop:
            self._network.ping(self._hop)
            self._ping_later()

    def _granted_s(self, response: Response) -> int:
        """How long OUR Contact is kept: the registrar lists those of others too (RFC 3261 section 10.2.4)."""
        for value in response.headers.all("contact"):
            contact = parse_name_addr(value)
            uri = parse_uri(contact.uri)
            granted_s = _number(contact.param("expires") or "", LONGEST_EXPIRES_S)
            if uri and uri.user == self.plan.contact_user and granted_s is not None:
                return granted_s
        granted_s = _number(response.headers.first("expires"), LONGEST_EXPIRES_S)
        return self._expires_s if granted_s is None else granted_s

    def _meet(self, response: Response) -> None:
        """Answer a challenge. The same realm's second one means that the password is wrong, unless it says stale."""
        asks, answers = _CHALLENGES[response.status]
        challenge = pick_challenge(response.headers.all(asks))
        if challenge is None:
            self.fail(RegistrationState.CHALLENGE_UNKNOWN)
            return
        place = (answers, challenge.realm)
        self._proven += 1
        if (place in self._proofs and not challenge.stale) or self._proven > MAX_PROOFS:
            self.fail(RegistrationState.PASSWORD_REFUSED)
            return
        self._proofs[place] = prove(
            challenge, self.plan.credentials, "REGISTER", self.plan.uri, secrets.token_urlsafe(12)
        )
        self._send()

    def _lengthen(self, response: Response) -> None:
        """423: ask for as long as the registrar keeps at least (RFC 3261 section 10.2.8)."""
        least_s = _number(response.headers.first("min-expires"), LONGEST_EXPIRES_S) or 0
        if least_s <= self._expires_s:
            self.fail(RegistrationState.TOO_BRIEF)
            return
        self._expires_s = least_s
        self._begin()

    def _stop(self) -> None:
        self._rest()
        if self.status.state is not RegistrationState.STOPPED:
            self.status = RegistrationStatus(self.plan.trunk, RegistrationState.STOPPED)
            self._network.changed(self)


def _fault_of(status: int) -> RegistrationState:
    if status < 400:
        return RegistrationState.MOVED
    return _REFUSALS.get(status) or (
        RegistrationState.UNAVAILABLE if 500 <= status < 600 else RegistrationState.REFUSED
    )


def _number(value: str, most: int) -> int | None:
    """The number that a value begins with, up to `most`; None where it begins with none, or an absurd one."""
    found = re.match(r"[0-9]{1,10}(?![0-9])", value)
    return min(int(found[0]), most) if found else None
