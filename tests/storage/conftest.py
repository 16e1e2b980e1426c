"""The stores over the run's Postgres; each test has a database of its own."""

from collections.abc import Iterator
from itertools import count

import psycopg
import pytest
from psycopg import sql

from storage.calls import CallStore
from storage.database import Database
from storage.engine import engine_url
from storage.jobs import JobStore
from storage.reader import CallReader

_numbers = count(1)


@pytest.fixture
def empty_url(migrated_template: str) -> Iterator[str]:
    """URL of a database without tables."""
    name = sql.Identifier(f"empty_{next(_numbers)}")
    server = engine_url(migrated_template).set(drivername="postgresql", database="postgres")
    with psycopg.connect(server.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(name))
        yield server.set(database=name.as_string().strip('"')).render_as_string(hide_password=False)
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


@pytest.fixture
def calls(database: Database) -> CallStore:
    return CallStore(database)


@pytest.fixture
def reader(database: Database) -> CallReader:
    return CallReader(database)


@pytest.fixture
def jobs(database: Database) -> JobStore:
    return JobStore(database)


@pytest.fixture(params=[0, 1, 1000])
def recent(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many of the newest texts are read before the index is asked: none but one, two, or all there are here."""
    monkeypatch.setattr("storage.stretches.RECENT", request.param)
    monkeypatch.setattr("storage.search.RECENT", request.param)
    return int(request.param)
