"""Who asks, as the gate found out, for what comes behind it."""

import hashlib
import hmac
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from callscribe.domain.access import CallScope, Principal

_KEY = "callscribe.visitor"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks, and whose calls they see."""

    principal: Principal
    calls: CallScope | None
    """None: all calls."""
    secret: str = ""
    """The sign-in's, of a browser."""

    @property
    def name(self) -> str:
        return self.principal.user.name

    @property
    def form_key(self) -> str:
        """What a form of this sign-in must hold, and a page of another site cannot know."""
        return form_key(self.secret)

    def bring(self, connection: HTTPConnection) -> None:
        """Let what answers the request know them."""
        connection.scope[_KEY] = self


def form_key(secret: str) -> str:
    """What a form must hold that belongs to a cookie."""
    return hmac.new(secret.encode(), b"form", hashlib.sha256).hexdigest()


def visitor_of(connection: HTTPConnection) -> Visitor | None:
    """Who asks; None where nobody has to sign in, or for what is open to all."""
    found = connection.scope.get(_KEY)
    return found if isinstance(found, Visitor) else None
