"""The embedded servers of `callscribe serve`: started, revived, and never left behind."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from callscribe.cli.servers import EmbeddedServers
from callscribe.config.settings import NodeSettings, Settings
from callscribe.domain.errors import CallscribeError
from callscribe.events.settings import EventSettings
from storage.settings import DatabaseSettings

pytestmark = pytest.mark.integration


@pytest.fixture
def settings(open_folder: Path, request: pytest.FixtureRequest) -> Settings:
    return Settings(node=NodeSettings(data_folder=str(open_folder / request.node.name)))


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def servers(settings: Settings, told: list[str]) -> Iterator[EmbeddedServers]:
    made = EmbeddedServers(settings, told.append)
    yield made
    made.stop()


def postgres_pid(settings: Settings) -> int:
    return int((settings.data_folder / "postgres" / "postmaster.pid").read_text().split()[0])


def test_the_returned_settings_name_servers_that_answer(servers: EmbeddedServers, told: list[str]) -> None:
    settings = servers.start()
    with psycopg.connect(settings.database.url) as connection:
        assert connection.execute("SELECT count(*) FROM calls").fetchone() == (0,)
    with redis.Redis.from_url(settings.events.url) as client:
        assert client.ping()
    assert told == ["starting embedded Postgres", "starting embedded Valkey", "migrating the database"]


def test_servers_that_the_settings_name_are_not_run(database_url: str, valkey_url: str, open_folder: Path) -> None:
    named = Settings(
        node=NodeSettings(data_folder=str(open_folder / "named")),
        database=DatabaseSettings(database_url),
        events=EventSettings(valkey_url),
    )
    servers = EmbeddedServers(named, lambda step: None)
    assert servers.start() == named
    servers.stop()
    assert not named.data_folder.exists()


def test_a_server_that_was_killed_is_brought_back(servers: EmbeddedServers, settings: Settings) -> None:
    url = servers.start().database.url
    killed = postgres_pid(settings)
    os.kill(killed, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while postgres_pid(settings) == killed:
        assert time.monotonic() < deadline
        servers.revive()
        time.sleep(0.05)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_server_that_is_being_started_when_it_shall_stop_is_not_left_behind(
    servers: EmbeddedServers, settings: Settings, told: list[str]
) -> None:
    failures: list[Exception] = []

    def start() -> None:
        try:
            servers.start()
        except CallscribeError as error:
            failures.append(error)

    starting = threading.Thread(target=start)
    starting.start()
    while not told:
        time.sleep(0.001)
    servers.stop()
    starting.join(30)
    assert [str(failure) for failure in failures] == ["The service was stopped before it had started."]
    assert told == ["starting embedded Postgres"]
    assert (settings.data_folder / "postgres" / "PG_VERSION").exists()
    assert not (settings.data_folder / "postgres" / "postmaster.pid").exists()
