"""The stores over a Postgres of this room's own; each test has a database of its own."""

import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from storage import schema
from storage.calls import CallStore
from storage.database import Database
from storage.embedded import EmbeddedPostgres
from storage.engine import engine_url
from storage.jobs import JobStore
from storage.reader import CallReader

_numbers = count(1)


@pytest.fixture(scope="session")
def migrated_template() -> Iterator[str]:
    """URL of the database that tests' databases are copies of.

    Not in pytest's own folder: each run of pytest closes that for others, and so for a server that root has started.
    """
    with tempfile.TemporaryDirectory(prefix="callscribe-tests-") as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres")
        url = server.start()
        try:
            schema.upgrade(url)
            yield url
        finally:
            server.stop()


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
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def calls(database: Database) -> CallStore:
    return CallStore(database)


@pytest.fixture
def reader(database: Database) -> CallReader:
    return CallReader(database)


@pytest.fixture
def jobs(database: Database) -> JobStore:
    return JobStore(database)
