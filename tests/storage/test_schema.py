"""The schema's history: forwards, backwards, and in step with the models."""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from callscribe.domain.errors import DatabaseOutdated, StorageError
from storage import schema
from storage.calls import CallStore
from storage.database import Database
from storage.engine import open_engine
from storage.models import Base
from storage.reader import CallReader
from storage.search_index import SearchIndex
from tests.storage.samples import make_call, make_final

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
RULES = """
    SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'alembic_version'
    UNION SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'
    UNION
    SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || coalesce(column_default, '')
    FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'
"""


def rules(url: str) -> set[str]:
    """Every constraint, index and column of the database, as Postgres writes them."""
    with psycopg.connect(url) as connection:
        return {str(row[0]) for row in connection.execute(RULES.encode())}


def alembic(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=ROOT,
        env={**os.environ, "CALLSCRIBE_DATABASE__URL": url},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_migrations_make_what_the_models_say_checks_included(database_url: str, empty_url: str) -> None:
    engine = open_engine(empty_url, pool_size=1)
    Base.metadata.create_all(engine)
    engine.dispose()
    assert rules(database_url) == rules(empty_url)
    assert schema.drift(database_url) == ()


def test_drift_tells_what_differs(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("ALTER TABLE hotwords DROP COLUMN weight")
    (difference,) = schema.drift(database_url)
    assert "add_column" in difference
    assert "weight" in difference


def test_down_to_nothing_and_up_again(database_url: str) -> None:
    before = rules(database_url)
    schema.downgrade(database_url, "base")
    assert rules(database_url) == set()
    schema.upgrade(database_url)
    assert rules(database_url) == before


def test_what_an_earlier_release_stored_was_spoken_as_it_stands(database_url: str) -> None:
    call = make_call()
    with closing(Database(database_url)) as database:
        store = CallStore(database)
        store.save_call(call, "node-1")
        store.save_final(call.id, make_final(0, 0, "Extension 402."))
        schema.downgrade(database_url, "0001")
        with psycopg.connect(database_url) as connection:
            earlier = "INSERT INTO utterances SELECT gen_random_uuid(), call_id, channel, 9000, 9900, text, confidence,"
            connection.execute(f"{earlier} engine, language, words FROM utterances".encode())
        schema.upgrade(database_url)
        said = CallReader(database).transcript(call.id).utterances
    assert [found.final.text for found in said] == ["Extension 402."] * 2
    assert {(found.final.spoken, found.final.corrections) for found in said} == {("", ())}


def test_what_is_stored_already_is_queued_for_search_after_the_locks_are_gone(database_url: str) -> None:
    call = make_call()
    with closing(Database(database_url)) as database:
        store, index = CallStore(database), SearchIndex(database)
        store.save_call(call, "node-1")
        store.save_final(call.id, make_final(0, 0, "before"))
        schema.downgrade(database_url, "0019")
        schema.upgrade(database_url, "0020")
        assert index.waiting() == 0
        with psycopg.connect(database_url) as connection:
            connection.execute("UPDATE utterances SET text = 'meanwhile'")
        assert index.waiting() == 1
        schema.upgrade(database_url)
        assert (index.waiting(), index.catch_up(), index.waiting()) == (2, 2, 0)


def test_no_migration_holds_up_whoever_writes_while_it_reads_a_table_that_grows(database_url: str) -> None:
    """Of the tables that are there before: a new one is empty."""
    written = alembic(database_url, "upgrade", "0011:0023", "--sql")
    assert written.returncode == 0, written.stderr
    new = set(re.findall(r"CREATE TABLE (\w+)", written.stdout))
    held = [table for table in re.findall(r"CREATE (?:UNIQUE )?INDEX \w+ ON (\w+)", written.stdout) if table not in new]
    checks = re.findall(r"ALTER TABLE (\w+) ADD CONSTRAINT (\w+) CHECK ([^;]*);", written.stdout)
    assert held == []
    assert [name for table, name, rule in checks if table not in new and not rule.endswith("NOT VALID")] == []
    seen = re.findall(r"VALIDATE CONSTRAINT (\w+)", written.stdout)
    assert {name for _, name, rule in checks if rule.endswith("NOT VALID")} == set(seen)
    assert len(re.findall("CREATE INDEX CONCURRENTLY", written.stdout)) == 4


def test_an_index_that_was_cut_off_is_made_again(database_url: str) -> None:
    before = rules(database_url)
    schema.downgrade(database_url, "0022")
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE INDEX ix_parties_alike ON parties (address)")
    schema.upgrade(database_url)
    assert rules(database_url) == before


def test_processes_that_migrate_at_once_wait_for_each_other(empty_url: str, database_url: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        # Alembic's context is one a process, hence the command.
        runs = list(pool.map(lambda _: alembic(empty_url, "upgrade", "head"), range(2)))
    assert [run.returncode for run in runs] == [0, 0], runs
    assert rules(empty_url) == rules(database_url)


def test_a_table_in_use_is_not_waited_for_long_and_what_is_done_stays(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rules(database_url)
    schema.downgrade(database_url, "0017")
    for name, value in (("LOCK_TIMEOUT_MS", 50), ("LOCK_TRIES", 2), ("LOCK_PAUSE_S", 0.0)):
        monkeypatch.setattr(schema, name, value)
    with psycopg.connect(database_url) as connection:
        connection.execute("LOCK TABLE calls IN ACCESS SHARE MODE")
        with pytest.raises(StorageError, match="a table is in use all the time"):
            schema.upgrade(database_url)
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0018",)]
    schema.upgrade(database_url)
    assert rules(database_url) == before


def test_a_table_that_is_in_use_for_a_while_is_tried_again(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    schema.downgrade(database_url, "0018")
    monkeypatch.setattr(schema, "LOCK_TIMEOUT_MS", 50)
    with psycopg.connect(database_url) as connection:
        connection.execute("LOCK TABLE calls IN ACCESS SHARE MODE")
        monkeypatch.setattr("time.sleep", lambda _: connection.rollback())
        schema.upgrade(database_url)
    assert schema.drift(database_url) == ()


def test_the_alembic_command_works_from_a_checkout_and_says_nothing_needless(database_url: str) -> None:
    check = alembic(database_url, "check")
    assert (check.returncode, check.stdout, check.stderr) == (0, "No new upgrade operations detected.\n", "")
    down = alembic(database_url, "downgrade", "-1")
    assert (down.returncode, down.stdout, down.stderr) == (0, "", "")


def test_the_alembic_command_without_a_url_names_the_variable() -> None:
    run = alembic("", "current")
    assert run.returncode != 0
    assert "set CALLSCRIBE_DATABASE__URL=postgresql://" in run.stdout + run.stderr


def test_a_database_before_its_migrations_is_outdated(empty_url: str) -> None:
    database = Database(empty_url)
    try:
        with pytest.raises(DatabaseOutdated, match="callscribe migrate"):
            database.check()
        with pytest.raises(DatabaseOutdated), database.transaction() as session:
            session.execute(text("SELECT * FROM calls"))
        schema.upgrade(empty_url)
        database.check()
    finally:
        database.close()


def test_the_schema_of_a_later_release_is_taken_and_left_as_it_is(database_url: str) -> None:
    before = rules(database_url)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert schema.upgrade(database_url) is False
    with closing(Database(database_url)) as database:
        database.check()
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]
    assert rules(database_url) == before


def test_a_generated_migration_names_only_types_of_the_libraries(empty_url: str, tmp_path: Path) -> None:
    (tmp_path / "versions").mkdir()
    for name in ("env.py", "script.py.mako"):
        (tmp_path / name).write_bytes((schema.MIGRATIONS / name).read_bytes())
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s\npath_separator = os\n")
    run = alembic(empty_url, "-c", str(tmp_path / "alembic.ini"), "revision", "--autogenerate", "-m", "all")
    assert run.returncode == 0, run.stderr
    (made,) = (tmp_path / "versions").glob("*_all.py")
    code = made.read_text(encoding="utf-8")
    assert "storage." not in code
    assert "sa.Column('started_at', sa.DateTime(timezone=True), nullable=False)" in code
    assert "sa.Column('words', postgresql.JSONB(), nullable=False)" in code
    assert "from sqlalchemy.dialects import postgresql\n" in code
    compile(code, str(made), "exec")
