"""What Alembic runs: the URL comes from storage.schema, or for the `alembic` command from the environment."""

import os
from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from alembic.util import CommandError
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

from storage.engine import open_engine
from storage.models import Base

URL_VARIABLE = "CALLSCRIBE_DATABASE__URL"
ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(4820310577)")
"""The number is arbitrary: it names the lock of this project's migrations."""


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
    """Run the migrations over a connection of their own."""
    engine = open_engine(database_url(), pool_size=1)
    try:
        with engine.connect() as connection:
            context.configure(
                connection=connection,
                target_metadata=Base.metadata,
                compare_server_default=True,
                render_item=plain_type,
            )
            with context.begin_transaction():
                connection.execute(ONE_AT_A_TIME)
                context.run_migrations()
    finally:
        engine.dispose()


def print_statements() -> None:
    """Write the migrations as SQL, for `alembic upgrade --sql`."""
    context.configure(dialect_name="postgresql", target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    print_statements()
else:
    migrate()
