"""A console over a real Postgres and a real Valkey, served by the real server on a free port."""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
import redis

from callscribe.config.settings import NodeSettings, Settings
from callscribe.config.web import WebSettings
from callscribe.console.app import make_app
from callscribe.console.server import ConsoleServer, bind
from callscribe.events.embedded import EmbeddedValkey
from callscribe.events.publisher import publish_now
from callscribe.events.schema import Event
from callscribe.events.settings import EventSettings
from storage import schema
from storage.database import Database
from storage.embedded import EmbeddedPostgres
from storage.settings import DatabaseSettings
from tests.conftest import copied
from tests.console.browser import Browser, chromium, require_chromium
from tests.console.switchboard import Switchboard
from tests.identity_provider import IdentityProvider, identity_provider

STREAM_LENGTH = 2000
OWN_EVENTS = 4
"""Number of the event store's database that console's tests have for themselves."""


@dataclass(frozen=True, slots=True)
class Console:
    """A served console and a client for it."""

    url: str
    settings: Settings
    client: httpx.Client


@contextmanager
def serving(settings: Settings) -> Iterator[Console]:
    """The application on a free port of loopback, in a thread."""
    listener = bind(settings.web)
    server = ConsoleServer(make_app(settings))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="console")
    thread.start()
    try:
        until = time.monotonic() + 20
        while not server.started:
            assert time.monotonic() < until, "the console does not start"
            time.sleep(0.02)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
            yield Console(url, settings, client)
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()
    assert not thread.is_alive(), "the console does not stop"


def settings_of(database_url: str, events_url: str, folder: Path) -> Settings:
    """Settings of a console with these, whose files are in the folder."""
    return Settings(
        node=NodeSettings(name="node-1", data_folder=str(folder / "data")),
        database=DatabaseSettings(database_url),
        events=EventSettings(events_url, STREAM_LENGTH),
        web=WebSettings(port=0),
    )


@contextmanager
def installation() -> Iterator[Settings]:
    """Settings with a migrated database and an event store of their own."""
    with tempfile.TemporaryDirectory(prefix="callscribe-tests-") as name:
        folder = Path(name)
        postgres, valkey = EmbeddedPostgres(folder / "postgres"), EmbeddedValkey(folder / "valkey")
        try:
            database_url, events_url = postgres.start(), valkey.start()
            schema.upgrade(database_url)
            yield settings_of(database_url, events_url, folder)
        finally:
            valkey.stop()
            postgres.stop()


@pytest.fixture(scope="module")
def settings(migrated_template: str, valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Of the installation that the tests of a module share: no call, account or rule of another module is in it."""
    events_url = f"{valkey_url}?db={OWN_EVENTS}"
    with copied(migrated_template) as database_url:
        yield settings_of(database_url, events_url, tmp_path_factory.mktemp("console"))
    with redis.Redis.from_url(events_url) as store:
        store.flushdb()


@pytest.fixture(scope="module")
def console(settings: Settings) -> Iterator[Console]:
    with serving(settings) as served:
        yield served


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with identity_provider() as running:
        yield running


@pytest.fixture
def publish(settings: Settings) -> Callable[[Event], None]:
    return lambda event: publish_now(settings.events.url, [event], settings.events.stream_length)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    opened = Database(settings.database.url)
    yield opened
    opened.close()


@pytest.fixture
def switchboard(settings: Settings, database: Database, publish: Callable[[Event], None]) -> Switchboard:
    return Switchboard(database, settings.recordings_folder, publish)


@pytest.fixture
def lonely(settings: Settings) -> Iterator[Console]:
    """A console whose database and event store do not answer."""
    away = replace(
        settings,
        database=DatabaseSettings("postgresql://nobody@127.0.0.1:1/none"),
        events=EventSettings("redis://127.0.0.1:1/0"),
    )
    with serving(away) as served:
        yield served


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    require_chromium()
    with chromium(tmp_path_factory.mktemp("chromium") / "profile") as opened:
        yield opened
