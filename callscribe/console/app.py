"""The web application: API, live push and pages over one set of sources."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from callscribe.config.settings import Settings
from callscribe.console import (
    admin,
    audit,
    calls,
    correcting,
    desk,
    exporting,
    faceting,
    health,
    hotwords,
    jobs,
    live,
    metrics,
    nodes,
    notes,
    own_account,
    pages,
    pausing,
    provider_door,
    quality,
    retention,
    rules,
    scoring,
    searching,
    signing_in,
    tokens,
    trunks,
    users,
    waveforms,
    webhooks,
)
from callscribe.console.accounts import Accounts
from callscribe.console.assets import Assets
from callscribe.console.body_limit import BodyLimit
from callscribe.console.floor_hub import FloorHub
from callscribe.console.gate import Gate
from callscribe.console.head import HeadAsGet
from callscribe.console.metrics import CountRequests, RequestMetrics
from callscribe.console.problems import install_problems
from callscribe.console.reference import API, DescribedApp
from callscribe.console.route_table import RouteTable
from callscribe.console.security import OwnSite, SecurityHeaders
from callscribe.console.signing_in import SignInDesk
from callscribe.console.sources import Sources
from callscribe.console.wording import STATIC

DESCRIPTION = """Calls and what is said on them, live and stored.

Times of day are ISO 8601 in UTC; times within a call are milliseconds from its start; audio is 16-bit PCM.
Errors are RFC 9457 problem documents whose `detail` names the cure. A call is found by Callscribe's id or by the id
that another system has for it (SIP Call-ID, SIPREC session, UCID, Cisco-Guid, User-to-User).
"""

ROUTERS = tuple(
    room.router
    for room in (
        live,
        scoring,
        rules,
        exporting,
        correcting,
        notes,
        waveforms,
        calls,
        pausing,
        retention,
        audit,
        faceting,
        searching,
        webhooks,
        hotwords,
        jobs,
        quality,
        health,
        metrics,
        nodes,
        trunks,
        users,
        tokens,
        own_account,
        admin,
        desk,
        pages,
    )
)
"""The first that knows a path answers; the routes of signing in are there only where people sign in."""


def make_app(settings: Settings) -> FastAPI:
    """The application; it connects when first asked. Raises SettingsError when database.url or events.url is empty."""
    sources = Sources.open(settings)
    floor = FloorHub(sources.database, sources.events_url)
    requests = RequestMetrics()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await floor.close()
        await sources.close()

    app = DescribedApp(
        title="Callscribe",
        version=version("callscribe"),
        description=DESCRIPTION,
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        webhooks=webhooks.notices,
    )
    app.state.sources = sources
    app.state.floor = floor
    app.state.metrics = requests
    app.state.node = settings.node.name
    app.state.web = settings.web
    app.state.sip_address = f"sip:test@{_dialable(settings.sip.host)}:{settings.sip.port}"
    install_problems(app)
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", GZipMiddleware(Assets(directory=STATIC)), name="static")
    app.add_middleware(BodyLimit)
    app.signs_in = settings.web.signs_in
    if app.signs_in:
        _ask_who(app, settings, sources)
    app.add_middleware(HeadAsGet)
    app.add_middleware(OwnSite, web=settings.web)
    app.add_middleware(SecurityHeaders, web=settings.web)
    app.add_middleware(CountRequests, metrics=requests)
    return app


def _ask_who(app: FastAPI, settings: Settings, sources: Sources) -> None:
    """Let nobody in who has not signed in."""
    accounts = Accounts.of(sources.database, settings.web)
    app.state.sign_in_desk = SignInDesk(accounts, sources.database)
    app.include_router(signing_in.router)
    app.include_router(provider_door.router)
    app.add_middleware(Gate, routes=RouteTable(app), accounts=accounts, sources=sources)


def _dialable(host: str) -> str:
    """Where a caller on this machine reaches a server that listens on `host`."""
    return "127.0.0.1" if host in ("", "0.0.0.0", "::") else host
