"""The schema's revisions: which one a database has, how to reach another, and whether models and migrations agree."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import structlog
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from callscribe.domain.errors import StorageError
from storage.engine import open_engine, storage_errors
from storage.models import Base

log = structlog.get_logger()

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK_TIMEOUT_MS = 3000
"""How long a migration waits for a table, and who uses it behind the migration."""
LOCK_TRIES = 10
LOCK_PAUSE_S = 3.0
"""Between tries: what waited behind the migration goes on meanwhile."""


def upgrade(url: str, revision: str = "head") -> bool:
    """Bring the database to `revision`. Several processes may do so at once: they wait for each other.

    False where a later release has been there, whose schema is left alone: this release works with it. Each migration
    is a transaction: those before one that fails stay. Raises DatabaseUnavailable when it does not answer, StorageError
    when a table stays in use.
    """
    with _alembic_errors():
        if is_later(_revision_at(url)):
            log.warning("schema_of_a_later_release", cure="upgrade this installation, too")
            return False
        command.upgrade(_config(url), revision)
    return True


def downgrade(url: str, revision: str) -> None:
    """Take the database back to `revision`: an id, "-1" or "base". Raises as `upgrade` does."""
    with _alembic_errors():
        command.downgrade(_config(url), revision)


def drift(url: str) -> tuple[str, ...]:
    """How the database differs from the models; empty when `alembic check` would be content."""
    engine = open_engine(url, pool_size=1)
    try:
        with storage_errors(), engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_server_default": True})
            return tuple(str(difference) for difference in compare_metadata(context, Base.metadata))
    finally:
        engine.dispose()


def current_revision(connection: Connection) -> str | None:
    """The revision that the database has; None before the first migration."""
    return MigrationContext.configure(connection).get_current_revision()


def is_later(revision: str | None) -> bool:
    """True for a revision that this release does not know: that of a later one, whose migrations work with this one."""
    return revision is not None and revision not in _known()


def _revision_at(url: str) -> str | None:
    engine = open_engine(url, pool_size=1)
    try:
        with engine.connect() as connection:
            return current_revision(connection)
    finally:
        engine.dispose()


@cache
def _known() -> frozenset[str]:
    return frozenset(script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions())


@cache
def head_revision() -> str:
    """The revision that this release needs."""
    head = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    if head is None:
        raise StorageError("the package carries no migrations; install it again")
    return head


def _config(url: str) -> Config:
    config = Config()
    # Alembic's settings are a ConfigParser's, where a percent sign begins an interpolation.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["url"] = url
    return config


@contextmanager
def _alembic_errors() -> Iterator[None]:
    try:
        with storage_errors():
            yield
    except CommandError as error:
        raise StorageError(f"the schema cannot be changed: {error}") from error
