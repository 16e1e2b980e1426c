"""What Alembic runs: the URL comes from storage.schema, or for the `alembic` command from the environment."""

import os
import time
from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import OperationalError
from sqlalchemy.types import TypeDecorator

from storage import schema
from storage.engine import open_engine, sqlstate
from storage.models import Base

URL_VARIABLE = "CALLSCRIBE_DATABASE__URL"
ONE_AT_A_TIME = text("SELECT pg_try_advisory_lock(4820310577)")
"""Held until the connection is closed. The number is arbitrary: it names the lock of this project's migrations.

It is tried again and again: an index that is made CONCURRENTLY waits for every statement of others that has begun, and
so for one that would wait for the lock.
"""
TURN_S = 0.2
LOCK_NOT_AVAILABLE = "55P03"


def database_url() -> str:
    """The address of the database to migrate."""
    url = context.config.attributes.get("url") or os.environ.get(URL_VARIABLE, "")
    if not url:
        raise CommandError(f"set {URL_VARIABLE}=postgresql://user:password@host:port/name")
    return str(url)


def plain_type(kind: str, item: object, autogenerate: AutogenContext) -> str | Literal[False]:
    """A column type of ours as the one that Postgres knows: a migration must not change when our code does."""
    if kind != "type" or not isinstance(item, TypeDecorator):
        return False
    if isinstance(item.impl, JSONB):
        autogenerate.imports.add("from sqlalchemy.dialects import postgresql")
        return "postgresql.JSONB()"
    return f"sa.{item.impl!r}"


def migrate() -> None:
    """Run the migrations over a connection of their own, each in a transaction of its own."""
    engine = open_engine(database_url(), pool_size=1)
    try:
        with engine.connect() as connection:
            context.configure(
                connection=connection,
                target_metadata=Base.metadata,
                compare_server_default=True,
                render_item=plain_type,
                transaction_per_migration=True,
            )
            wait_for_turn(connection)
            # Whoever uses a table waits behind a migration that waits for it.
            connection.execute(text(f"SET lock_timeout = {schema.LOCK_TIMEOUT_MS}"))
            connection.commit()
            run_patiently(connection)
    finally:
        engine.dispose()


def wait_for_turn(connection: Connection) -> None:
    while not connection.scalar(ONE_AT_A_TIME):
        connection.rollback()
        time.sleep(TURN_S)


def run_patiently(connection: Connection) -> None:
    """Run those that are left, again where a table was in use. Raises CommandError when it stays so."""
    for _ in range(schema.LOCK_TRIES):
        try:
            with context.begin_transaction():
                context.run_migrations()
        except OperationalError as error:
            if sqlstate(error) != LOCK_NOT_AVAILABLE:
                raise
            connection.rollback()
            time.sleep(schema.LOCK_PAUSE_S)
        else:
            return
    raise CommandError("a table is in use all the time; end what holds it, such as a dump, and migrate again")


def print_statements() -> None:
    """Write the migrations as SQL, for `alembic upgrade --sql`."""
    context.configure(dialect_name="postgresql", target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    print_statements()
else:
    migrate()
