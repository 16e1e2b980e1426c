"""The service's roles, each as a function that runs until it is told to stop.

A role's libraries are loaded by its function: a process holds its own only, and the other commands start at once.
"""

import asyncio
import os
import signal
import threading
from typing import TYPE_CHECKING

import structlog

from callscribe.config.notify import notify_ready
from callscribe.config.reload import SettingsInForce
from callscribe.config.settings import Settings
from callscribe.domain.errors import SettingsError

if TYPE_CHECKING:
    from callscribe.live.supervisor import Supervisor

log = structlog.get_logger()

ECHO_S = 2.0
"""Signals that come so soon after the first say no more than it did: whoever stops a whole group of processes (systemd
does so by default) signals a node, and so does the `callscribe serve` above it."""


def require_urls(settings: Settings, *tables: str) -> None:
    """Refuse to run a role alone without the servers it shares with the others."""
    for table in tables:
        if not getattr(settings, table).url:
            raise SettingsError(
                f"setting {table}.url is needed to run this role alone; only `callscribe serve` brings its own servers"
            )


def run_sip(in_force: SettingsInForce, drain_s: float) -> None:
    """Run a node until SIGTERM or SIGINT; then refuse calls, and let running ones end for up to `drain_s` seconds.

    A second signal, ECHO_S or more after the first, ends them at once. SIGHUP lets it read its trunks again.
    """
    settings = in_force.settings
    require_urls(settings, "database", "events")
    if not settings.recognizer.urls:
        raise SettingsError(
            "setting recognizer.urls is needed to run this role alone, for example ws://127.0.0.1:10190"
        )
    threading.excepthook = _end_with_thread
    asyncio.run(_sip(in_force, drain_s))


def _end_with_thread(failure: threading.ExceptHookArgs) -> None:
    """A node without its journal, or a worker without its dispatcher, must not go on; started again, it is whole."""
    log.critical("thread_died", thread=failure.thread.name if failure.thread else "", exc_info=failure.exc_value)
    os._exit(1)


async def _sip(in_force: SettingsInForce, drain_s: float) -> None:
    from callscribe.live.supervisor import Supervisor

    asked, hung_up = asyncio.Event(), asyncio.Event()
    for number, told in ((signal.SIGTERM, asked), (signal.SIGINT, asked), (signal.SIGHUP, hung_up)):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    supervisor = Supervisor(in_force.settings, lambda: in_force.fault)
    await supervisor.start()
    reloading = asyncio.create_task(_reload(in_force, supervisor, hung_up))
    notify_ready()
    await asked.wait()
    log.info("node_draining", limit_s=drain_s)
    either = asyncio.create_task(supervisor.drain(drain_s)), asyncio.create_task(_asked_again(asked))
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    for task in (*either, reloading):
        task.cancel()
    await asyncio.gather(*either, reloading, return_exceptions=True)
    await supervisor.stop()


async def _reload(in_force: SettingsInForce, supervisor: "Supervisor", hung_up: asyncio.Event) -> None:
    """Take the trunks that the settings name now, each time that is asked for, until cancelled."""
    while await hung_up.wait():
        hung_up.clear()
        try:
            found = in_force.again()
            await supervisor.take(found)
        except SettingsError as error:
            in_force.refuse(error)
        else:
            in_force.take(found)


async def _asked_again(asked: asyncio.Event) -> None:
    """Wait for a signal that is no echo of the first."""
    await asyncio.sleep(ECHO_S)
    asked.clear()
    await asked.wait()


def run_web(in_force: SettingsInForce) -> None:
    """Serve pages and API until SIGTERM or SIGINT. SIGHUP lets it read the trunks again."""
    from callscribe.console.server import run_web as serve

    require_urls(in_force.settings, "database", "events")
    serve(in_force)


def run_worker(in_force: SettingsInForce) -> None:
    """Work on jobs until SIGTERM or SIGINT. After SIGHUP it begins anew, with the settings of then."""
    from callscribe.jobs.worker import run_worker as work

    require_urls(in_force.settings, "database", "events")
    threading.excepthook = _end_with_thread
    if status := work(in_force):
        raise SystemExit(status)


def run_recognizer(settings: Settings) -> None:
    """Recognise for supervisors until SIGTERM or SIGINT."""
    from asr.server import run_recognizer as recognize

    recognize(settings.recognizer, notify_ready)


def run_migrate(settings: Settings) -> None:
    """Bring the database schema to this release. Raises DatabaseUnavailable."""
    from storage import schema

    require_urls(settings, "database")
    schema.upgrade(settings.database.url)
