"""Servers that tests of several rooms share: one embedded Postgres and one embedded Valkey a run."""

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from callscribe.events.embedded import EmbeddedValkey
from storage import schema
from storage.database import Database
from storage.embedded import EmbeddedPostgres

_numbers = itertools.count(1)


def _execute(url: str, statement: str) -> None:
    address = make_url(url).set(drivername="postgresql+psycopg", database="postgres")
    engine = create_engine(address, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """A folder that other accounts may enter, as root's embedded Postgres needs: another run closes pytest's own."""
    with tempfile.TemporaryDirectory(prefix="callscribe-test-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def migrated_template(open_folder: Path) -> Iterator[str]:
    """URL of an embedded Postgres' database that holds the empty schema."""
    server = EmbeddedPostgres(open_folder / "postgres")
    url = server.start()
    schema.upgrade(url)
    yield url
    server.stop()


@contextmanager
def copied(migrated_template: str) -> Iterator[str]:
    """URL of a new database with the schema and nothing in it."""
    template = make_url(migrated_template)
    name = f"test_{next(_numbers)}"
    _execute(migrated_template, f"CREATE DATABASE {name} TEMPLATE {template.database}")
    yield template.set(database=name).render_as_string(hide_password=False)
    _execute(migrated_template, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database_url(migrated_template: str) -> Iterator[str]:
    """URL of a database of the test's own."""
    with copied(migrated_template) as url:
        yield url


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of an embedded Valkey, shared by the run: tests keep apart by their call ids."""
    server = EmbeddedValkey(Path(tmp_path_factory.mktemp("valkey")))
    yield server.start()
    server.stop()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The database of `database_url`, opened."""
    opened = Database(database_url)
    yield opened
    opened.close()
