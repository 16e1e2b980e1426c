"""Who may use the pages and the API, for what, and whose calls they see."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class AccountRole(StrEnum):
    """What somebody is to Callscribe."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    QA = "qa"
    ADMIN = "admin"


class Permission(StrEnum):
    """What may be done; also the scopes of API tokens."""

    CALLS_READ = "calls:read"
    """Calls, what is said on them, and searches in it."""
    RECORDINGS_READ = "recordings:read"
    CALLS_EXPORT = "calls:export"
    """Many calls or hits at once."""
    CALLS_PAUSE = "calls:pause"
    NOTES_WRITE = "notes:write"
    """Notes, comments and pins on calls that may be read; other people's notes only with ADMIN."""
    CORRECTIONS_WRITE = "corrections:write"
    SEARCHES_WRITE = "searches:write"
    LISTS_READ = "lists:read"
    """Hotword lists and scorecards."""
    LISTS_WRITE = "lists:write"
    SCORES_WRITE = "scores:write"
    """Have calls evaluated again."""
    QUALITY_READ = "quality:read"
    """Corrections and word error rates, of all calls."""
    RETENTION_WRITE = "retention:write"
    """Legal holds and erasures."""
    AUDIT_READ = "audit:read"
    OPERATION_READ = "operation:read"
    OPERATION_WRITE = "operation:write"
    """Jobs and deliveries that shall be tried again."""
    ADMIN = "admin"
    """Whatever is not named above."""


_AGENT = frozenset({Permission.CALLS_READ, Permission.RECORDINGS_READ, Permission.CALLS_PAUSE, Permission.NOTES_WRITE})
_SUPERVISOR = _AGENT | {
    Permission.CALLS_EXPORT,
    Permission.CORRECTIONS_WRITE,
    Permission.SEARCHES_WRITE,
    Permission.LISTS_READ,
}
_QA = _SUPERVISOR | {Permission.LISTS_WRITE, Permission.SCORES_WRITE, Permission.QUALITY_READ}
PERMISSIONS: dict[AccountRole, frozenset[Permission]] = {
    AccountRole.AGENT: _AGENT,
    AccountRole.SUPERVISOR: _SUPERVISOR,
    AccountRole.QA: _QA,
    AccountRole.ADMIN: frozenset(Permission),
}


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with an account."""

    name: str
    role: AccountRole
    team: str = ""
    """Name of a team; "": none."""
    addresses: tuple[str, ...] = ()
    """Own extensions, numbers and SIP addresses, as calls name them."""
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is to an identity provider, for ever (OpenID Connect Core 1.0, 5.7)."""

    issuer: str
    subject: str


@dataclass(frozen=True, slots=True)
class ClaimedUser:
    """What an identity provider says of somebody; None: it says nothing, and what an account has stays."""

    identity: Identity
    name: str
    """Of an account that is made for them."""
    first_role: AccountRole
    """Likewise."""
    role: AccountRole | None = None
    team: str | None = None
    addresses: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, by a browser that signed in or by an API token."""

    user: User
    permissions: frozenset[Permission]
    token: str = ""
    """Name of the API token; "" for a browser."""

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions


@dataclass(frozen=True, slots=True)
class CallScope:
    """The calls that somebody sees: those of some trunks, and those in which some addresses took part."""

    addresses: frozenset[str]
    """Lower-case; each a whole address, or the user part of one."""
    trunks: frozenset[str] = frozenset()

    @classmethod
    def of(cls, addresses: Iterable[str], trunks: Iterable[str] = ()) -> "CallScope":
        return cls(frozenset(map(str.lower, addresses)) - {""}, frozenset(trunks))

    def sees(self, trunk: str, parties: Iterable[str]) -> bool:
        """Whether a call is among them, by its trunk and its parties' addresses."""
        return trunk in self.trunks or any(
            address.lower() in self.addresses or user_part(address).lower() in self.addresses for address in parties
        )


@dataclass(frozen=True, slots=True)
class NarrowScope(CallScope):
    """Of the calls of a scope those in which some addresses took part."""

    within: CallScope | None = None
    """None: of all calls."""

    def sees(self, trunk: str, parties: Iterable[str]) -> bool:
        named = tuple(parties)
        theirs = CallScope.sees(self, trunk, named)
        return theirs and (self.within is None or self.within.sees(trunk, named))


def user_part(address: str) -> str:
    """The user or number of a SIP or tel URI: what stands between the scheme and "@", ";" or "?"; "" without one."""
    scheme, colon, rest = address.partition(":")
    if not colon or not (scheme.isascii() and scheme.isalpha()):
        return ""
    for end in "@;?":
        rest = rest.partition(end)[0]
    return rest
