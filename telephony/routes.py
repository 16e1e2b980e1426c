"""Routes: which calls are sent on, and where to. Pure."""

import re
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

from telephony.sip.address import Uri, parse_uri

_TARGET = re.compile(r"sip:(?:([A-Za-z0-9+*._\-%{}]+)@)?([A-Za-z0-9.\-]+)(?::(\d{1,5}))?(?:;transport=(udp|tcp|tls))?")
_USER = "{user}"
_MAX_USER = 64
"""Characters of a called user that a route is looked for by."""
_DIALLED = re.compile(r"[A-Za-z0-9+*#._\-]{1,32}")
"""What may stand for {user} whatever the route's own expression says."""


@dataclass(frozen=True, slots=True)
class RouteSettings:
    """Plain calls that are sent on to a target, and heard on the way."""

    match: str
    """Regular expression of the called user: the whole of it must match."""
    target: str
    """SIP URI that is called, as "sip:queue@pbx.example.com:5060;transport=tcp". `{user}` before the at-sign stands for
    the called user."""
    trunks: tuple[str, ...]
    """Names of the trunks whose calls take it. Their plain calls go nowhere but over routes."""
    ring_s: int = 60
    """How long the target may ring."""
    username: str = ""
    """For digest authentication, where the target asks for it."""
    password: str = field(default="", repr=False)
    user_from_to: bool = False
    """Whether To may name the number that stands for `{user}`, where a trunk registers. Some registrars let callers
    write there what they like: to any number that matches."""

    def __post_init__(self) -> None:
        try:
            expression = re.compile(self.match)
        except re.error as error:
            raise ValueError(f"match is no regular expression: {error}") from None
        found = _TARGET.fullmatch(self.target)
        if not found or _braces(self.target.replace(_USER, "", 1)) or not 0 <= int(found[3] or 0) < 65536:
            raise ValueError('target must be a SIP URI as "sip:queue@pbx.example.com:5060;transport=tcp"')
        if _USER in self.target and _USER not in (found[1] or ""):
            raise ValueError("target may have {user} only before the at-sign")
        if _USER in self.target and any(expression.fullmatch(digit * 33) for digit in "019"):
            raise ValueError("match must bound how long the number is that {user} stands for, as [2-7][0-9]{3} does")
        if not self.trunks:
            raise ValueError("trunks must name those whose calls take the route")
        if not 1 <= self.ring_s <= 600:
            raise ValueError("ring_s must be from 1 to 600")
        if self.user_from_to and _USER not in self.target:
            raise ValueError("user_from_to is for a target with {user}")
        if bool(self.username) != bool(self.password):
            raise ValueError("username and password belong together")

    @property
    def host(self) -> str:
        """The target's: a name or an IPv4 address."""
        return self._uri.host

    @property
    def port(self) -> int:
        return self._uri.port or (5061 if self.transport == "tls" else 5060)

    @property
    def transport(self) -> str:
        """ "udp", "tcp" or "tls"."""
        return self._uri.param("transport") or "udp"

    @property
    def takes_to(self) -> bool:
        """True where what To names may choose the route, on a trunk that registers."""
        return self.user_from_to or _USER not in self.target

    def target_of(self, user: str) -> str:
        """What is called for a called user, "" where it has what may not be called."""
        if _USER not in self.target:
            return self.target
        return self.target.replace(_USER, quote(user, safe="+*")) if _DIALLED.fullmatch(user) else ""

    @property
    def _uri(self) -> Uri:
        uri = parse_uri(self.target)
        assert uri is not None
        return uri


class Routes:
    """Finds routes: the first that a trunk may take and that matches."""

    def __init__(self, routes: tuple[RouteSettings, ...] = ()) -> None:
        self._routes = [(re.compile(route.match), route) for route in routes]

    def __bool__(self) -> bool:
        return bool(self._routes)

    @property
    def hosts(self) -> frozenset[str]:
        """Of all targets."""
        return frozenset(route.host for _, route in self._routes)

    def bind(self, trunk: str) -> bool:
        """True where plain calls of a trunk go over routes, and nowhere else."""
        return any(trunk in route.trunks for _, route in self._routes)

    def find(self, trunk: str, user: str) -> RouteSettings | None:
        return next((route for route in self._matching(user) if trunk in route.trunks), None)

    def is_others(self, user: str) -> bool:
        """True where a route, of whatever trunk, is for this user."""
        return bool(self._matching(user))

    def _matching(self, user: str) -> list[RouteSettings]:
        if len(user) > _MAX_USER:
            return []
        return [route for expression, route in self._routes if expression.fullmatch(user) and route.target_of(user)]


def called_user(uri: str) -> str:
    """The user of a Request-URI, without a password or parameters, unescaped; "" where it names none."""
    parsed = parse_uri(uri)
    return unquote(parsed.user.partition(";")[0].partition(":")[0]) if parsed else ""


def _braces(text: str) -> bool:
    return "{" in text or "}" in text
