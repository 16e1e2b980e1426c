"""The web process: uvicorn around the application, on a socket that is bound before anything is promised."""

import asyncio
import contextlib
import errno
import signal
import socket
from collections.abc import Iterator
from dataclasses import replace

import structlog
import uvicorn
from fastapi import FastAPI

from callscribe.config.notify import notify_ready
from callscribe.config.reload import SettingsInForce
from callscribe.config.web import WebSettings
from callscribe.console.app import make_app
from callscribe.domain.errors import PortUnavailable, SettingsError

log = structlog.get_logger()

BACKLOG = 512
OPEN = "whoever reaches the port reads all calls: set web.sign_in to on, or web.host to 127.0.0.1"
FRAME_LIMIT = 1 << 16
"""Bytes of a WebSocket frame that is taken; nothing that is sent to us is read."""
STOP_LIMIT_S = 5
"""How long answers that have begun may take after SIGTERM."""


def run_web(in_force: SettingsInForce) -> None:
    """Serve until SIGTERM or SIGINT. Raises PortUnavailable and SettingsError before it serves."""
    settings = in_force.settings
    if settings.web.is_open:
        log.warning("anybody_may_read_calls", host=settings.web.host, cure=OPEN)
    app = make_app(settings)
    with contextlib.closing(bind(settings.web)) as listener:
        ConsoleServer(app, in_force).run(sockets=[listener])


def bind(web: WebSettings) -> socket.socket:
    """A listening socket at the settings' address. Raises PortUnavailable, its message naming the cure."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            web.host, web.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise PortUnavailable(f"web.host {web.host} is no address of this machine; set web.host") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise PortUnavailable(_complaint(web, error)) from error
    return listener


def _complaint(web: WebSettings, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"web port {web.port} is in use by another process; stop that one or set web.port"
    if error.errno == errno.EACCES:
        return f"web port {web.port} may not be bound by this user; set web.port to 1024 or above"
    return f"web.host {web.host} is no address of this machine; set web.host"


class ConsoleServer(uvicorn.Server):
    """A server whose endless answers end when it is told to stop, and which then exits as one that did its work."""

    def __init__(self, app: FastAPI, in_force: SettingsInForce | None = None) -> None:
        """`app`: what `make_app` made of those settings; None: they are never read again."""
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            ws="websockets-sansio",
            ws_max_size=FRAME_LIMIT,
            server_header=False,
            timeout_graceful_shutdown=STOP_LIMIT_S,
            lifespan="on",
        )
        super().__init__(config)
        self._closing: asyncio.Event = app.state.sources.closing
        self._app = app
        self._in_force = in_force
        self._telling: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            host, port = (sockets or [])[0].getsockname()[:2]
            log.info("web_ready", host=host, port=port)
            if self._in_force:
                self._hear(self._in_force)
            notify_ready()

    def _hear(self, in_force: SettingsInForce) -> None:
        """Take SIGHUP for the wish that the settings be read again, and tell what is wrong with them."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload, in_force)
        told = self._app.state.sources.faults.keep_posting(f"web-{self._app.state.node}", lambda: in_force.fault)
        self._telling = asyncio.create_task(told)

    def _reload(self, in_force: SettingsInForce) -> None:
        """Take the trunks that the settings name now; requests that have begun keep those that they began with."""
        try:
            found = in_force.again()
        except SettingsError as error:
            in_force.refuse(error)
        else:
            in_force.take(found)
            self._app.state.sources = replace(self._app.state.sources, settings=found)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._closing.set()
        if self._telling:
            self._telling.cancel()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, which raises the signal again afterwards: a stop that was asked for is no failure."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()
