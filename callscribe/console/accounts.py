"""Who asks: a browser by its cookie, a program by its token."""

from dataclasses import dataclass
from datetime import timedelta

from starlette.requests import HTTPConnection

from callscribe.config.web import WebSettings
from callscribe.console.cookies import Cookie
from callscribe.console.visitor import Visitor
from callscribe.domain.access import PERMISSIONS, AccountRole, CallScope, Principal, User
from storage.api_tokens import ApiTokenStore
from storage.database import Database
from storage.sign_ins import SignInLimits, SignInStore
from storage.users import UserStore


@dataclass(frozen=True, slots=True)
class Accounts:
    """The stores of who may do what. Its methods block: call them in a thread. They raise DatabaseUnavailable."""

    web: WebSettings
    users: UserStore
    sign_ins: SignInStore
    tokens: ApiTokenStore
    cookie: Cookie

    @classmethod
    def of(cls, database: Database, web: WebSettings) -> "Accounts":
        limits = SignInLimits(timedelta(hours=web.sign_in_hours), timedelta(minutes=web.sign_in_idle_minutes))
        return cls(
            web=web,
            users=UserStore(database),
            sign_ins=SignInStore(database, limits),
            tokens=ApiTokenStore(database),
            cookie=Cookie("callscribe", secure=web.is_secure, framed=bool(web.embed_origins)),
        )

    def visitor(self, connection: HTTPConnection, *, asks: bool = True) -> Visitor | None:
        """Who asks; None for somebody unknown. Where a token is sent it counts, and no cookie makes good for it.

        `asks` False: they asked before, and the time for which they ask for nothing goes on.
        """
        kind, _, token = connection.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            principal = self.tokens.find(token.strip())
            return None if principal is None else Visitor(principal, self._calls_of(principal.user))
        secret = self.cookie.of(connection)
        user = self.sign_ins.find(secret, touch=asks) if secret else None
        if user is None:
            return None
        return Visitor(Principal(user, PERMISSIONS[user.role]), self._calls_of(user), secret)

    def _calls_of(self, user: User) -> CallScope | None:
        """Whose calls somebody sees; None: everybody's."""
        if user.role is AccountRole.AGENT:
            return CallScope.of(user.addresses)
        if user.role is AccountRole.SUPERVISOR and user.team:
            addresses = self.users.addresses_of(user.team).union(user.addresses)
            return CallScope.of(addresses, self.web.trunks_of(user.team))
        return None
