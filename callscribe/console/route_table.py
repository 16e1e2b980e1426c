"""Which route of the application answers a request, found out before it does."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount, WebSocketRoute, compile_path
from starlette.types import Scope

from callscribe.console.permissions import RULES, UNKNOWN, USERS, WEBSOCKET, Rule


@dataclass(frozen=True, slots=True)
class KnownRoute:
    """One method of one route."""

    method: str
    """WEBSOCKET for one of these."""
    path: str
    """Its template, as /calls/{key:path}; of mounted files what they begin with."""
    pattern: re.Pattern[str]

    @property
    def rule(self) -> Rule:
        return RULES.get((self.method, self.path), UNKNOWN)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, and what it needs."""

    rule: Rule
    path: str = ""
    """The route's template; "": there is no such route."""
    key: str = ""
    """What stands for `key` in the path."""

    @property
    def is_of_call(self) -> bool:
        return "/calls/{key" in self.path


class RouteTable:
    """The routes in the order in which the application tries them."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._routes: tuple[KnownRoute, ...] = ()

    def asked(self, scope: Scope) -> Asked:
        """What the request needs; where no route answers it, only to have signed in."""
        # Routes may be added until the first request.
        self._routes = self._routes or tuple(known_routes(self._app))
        method = WEBSOCKET if scope["type"] == "websocket" else scope["method"]
        for route in self._routes:
            match = route.pattern.match(scope["path"]) if route.method == method else None
            if match:
                return Asked(route.rule, route.path, match.groupdict().get("key", ""))
        return Asked(USERS)


def known_routes(app: FastAPI) -> Iterator[KnownRoute]:
    """Every route of the application, once for each of its methods. HEAD has been made GET."""
    for route in iter_route_contexts(app.routes):
        path = route.path or ""
        if isinstance(route.original_route, Mount):
            yield KnownRoute("GET", path, re.compile(re.escape(path) + "/"))
            continue
        pattern = compile_path(path)[0]
        is_socket = isinstance(route.original_route, WebSocketRoute)
        for method in (WEBSOCKET,) if is_socket else sorted((route.methods or set()) - {"HEAD"}):
            yield KnownRoute(method, path, pattern)
