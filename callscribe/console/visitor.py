"""Who asks, as the gate found out, for what comes behind it."""

import hashlib
import hmac
from dataclasses import dataclass, field
from uuid import UUID

from starlette.requests import HTTPConnection
from starlette.types import Scope

from callscribe.domain.access import CallScope, Principal

_KEY = "callscribe.visitor"
_ASKED = "callscribe.key"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks, and whose calls they see."""

    principal: Principal
    calls: CallScope | None
    """None: all calls."""
    secret: str = field(default="", repr=False)
    """The sign-in's, of a browser; "" of a program."""

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


def is_form_key(told: str, secret: str) -> bool:
    """Whether a form came with the key of this secret. Without a secret none is right: its key is no secret either."""
    return bool(secret) and hmac.compare_digest(told.encode(), form_key(secret).encode())


def visitor_of(connection: HTTPConnection) -> Visitor | None:
    """Who asks; None where nobody has to sign in, or for what is open to all."""
    found = connection.scope.get(_KEY)
    return found if isinstance(found, Visitor) else None


def name_call(scope: Scope, key: str, call_id: UUID) -> None:
    """Put the call's own id into the path, in the place of the key; `key_asked` has that."""
    before, _, after = scope["path"].partition(f"/calls/{key}")
    scope["path"] = f"{before}/calls/{call_id}{after}"
    scope[_ASKED] = key


def key_asked(connection: HTTPConnection) -> str:
    """The key for which the path has a call's own id now; "" where it has what was sent."""
    return str(connection.scope.get(_ASKED, ""))
