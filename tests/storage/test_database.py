"""What the database's failures mean."""

import socket
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import text

from callscribe.domain.errors import DatabaseUnavailable, SettingsError, StorageError
from storage.calls import CallStore
from storage.database import Database
from storage.engine import engine_url
from tests.storage.samples import make_call, make_final, make_recording


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_postgres_url_gets_the_psycopg_driver(scheme: str) -> None:
    parsed = engine_url(f"{scheme}://me:pw@db.example:5433/calls?sslmode=require")
    assert parsed.render_as_string(hide_password=False) == (
        "postgresql+psycopg://me:pw@db.example:5433/calls?sslmode=require"
    )


@pytest.mark.parametrize(
    "url", ["sqlite:///x", "mysql://me:hunter2@h/d", "hunter2", "postgresql://me:hunter2@h:port/d"]
)
def test_another_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Database(url)
    assert "database.url" in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_database_that_is_not_there_is_unavailable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        database = Database(f"postgresql://me@127.0.0.1:{taken.getsockname()[1]}/calls")
        with pytest.raises(DatabaseUnavailable, match=r"database\.url"):
            database.check()
        with pytest.raises(DatabaseUnavailable):
            CallStore(database).unfinished("node-1")
        database.close()


@pytest.mark.integration
def test_a_connection_that_was_lost_is_replaced(database: Database, database_url: str) -> None:
    def pid() -> object:
        with database.transaction() as session:
            return session.scalar(text("SELECT pg_backend_pid()"))

    before = pid()
    with psycopg.connect(database_url) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", (before,))
    assert pid() != before


@pytest.mark.integration
def test_a_connection_at_work_is_closed_as_its_work_ends_when_the_database_was_closed_meanwhile(
    database_url: str,
) -> None:
    database = Database(database_url)
    with database.transaction() as session:
        at_work = session.connection().connection.driver_connection
        with database.transaction() as other:
            idle = other.connection().connection.driver_connection
        database.close()
        assert [is_closed(idle), is_closed(at_work)] == [True, False]
        assert session.scalar(text("SELECT 1")) == 1
    assert is_closed(at_work)
    database.close()


def is_closed(connection: object) -> bool:
    assert isinstance(connection, psycopg.Connection)
    return connection.closed


@pytest.mark.integration
def test_a_connection_that_is_lost_in_the_middle_is_unavailable(database: Database, database_url: str) -> None:
    def lose_connection() -> None:
        with database.transaction() as session:
            own = session.scalar(text("SELECT pg_backend_pid()"))
            with psycopg.connect(database_url) as connection:
                connection.execute("SELECT pg_terminate_backend(%s, 5000)", (own,))
            session.execute(text("SELECT 1"))

    with pytest.raises(DatabaseUnavailable):
        lose_connection()


@pytest.mark.integration
def test_a_value_too_large_for_the_database_is_no_use_trying_again(database: Database) -> None:
    def write_too_much() -> None:
        with database.transaction() as session:
            session.execute(text("CREATE TABLE wide (word text UNIQUE)"))
            long = "SELECT string_agg(md5(n::text), '') FROM generate_series(1, 900) AS n"
            session.execute(text(f"INSERT INTO wide {long}"))

    with pytest.raises(StorageError) as refused:
        write_too_much()
    assert not isinstance(refused.value, DatabaseUnavailable)


@pytest.mark.integration
def test_no_message_quotes_what_was_said(calls: CallStore, database: Database) -> None:
    call = make_call()
    calls.save_call(call, "node-1")
    with database.transaction() as session:
        session.execute(text("ALTER TABLE utterances ADD CHECK (text <> 'my pin is 1234')"))
    with pytest.raises(StorageError) as refused:
        calls.save_final(call.id, make_final(0, 0, "my pin is 1234"))
    chain = [refused.value, refused.value.__cause__]
    assert all("1234" not in str(error) for error in chain)


def test_the_recordings_folder_is_joined_and_cut_off() -> None:
    stored = make_recording(make_call())
    placed = stored.under(Path("/srv/audio"))
    assert placed.path.is_absolute()
    assert placed.relative_to(Path("/srv/audio")) == stored
    with pytest.raises(ValueError, match="subpath"):
        placed.relative_to(Path("/elsewhere"))


@pytest.mark.integration
def test_a_server_that_only_reads_is_waited_for(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name))
    database = Database(database_url)
    with pytest.raises(DatabaseUnavailable, match="may not be written: ReadOnlySqlTransaction"):
        CallStore(database).save_call(make_call(), "node-1")
    database.close()
