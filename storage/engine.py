"""How Postgres is reached, and what its failures mean."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import create_engine
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from callscribe.domain.errors import DatabaseOutdated, DatabaseUnavailable, SettingsError, StorageError

CONNECT_TIMEOUT_S = 5
POOL_TIMEOUT_S = 10
SILENT_PEER_MS = 15_000
"""A server that acknowledges nothing for so long counts as gone (TCP_USER_TIMEOUT)."""

LIMIT_EXCEEDED = "54"
"""SQLSTATE class of a value too large for Postgres: no use in trying again, though the driver calls it operational."""
UNWRITABLE = ("25006", "42501")
"""SQLSTATE of a server that only reads, as after a failover or on a full disk, and of a missing grant.

An operator mends these: what is to be written has to wait, not to be dropped.
"""
OUTDATED = ("42P01", "42703")
"""SQLSTATE of an undefined table and of an undefined column."""


def engine_url(url: str) -> URL:
    """The URL with the psycopg driver. Raises SettingsError, without the URL's password, for any other database."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise SettingsError("database.url is no URL; write postgresql://user:password@host:port/name") from None
    if parsed.drivername not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise SettingsError(f"database.url names {parsed.drivername}; only postgresql:// is supported")
    return parsed.set(drivername="postgresql+psycopg")


def open_engine(url: str, pool_size: int) -> Engine:
    """An engine that connects when first used, with `pool_size` connections and, for a moment, as many again.

    Statements' parameters never stand in its messages.
    """
    return create_engine(
        engine_url(url),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=POOL_TIMEOUT_S,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"connect_timeout": CONNECT_TIMEOUT_S, "tcp_user_timeout": SILENT_PEER_MS},
    )


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn the library's errors into the error tree's.

    A refusal (a broken rule, a bad value) loses its cause: the server's text quotes the row, and so what was said.
    """
    try:
        yield
    except DBAPIError as error:
        if _may_pass(error):
            raise DatabaseUnavailable from error
        if sqlstate(error) in UNWRITABLE:
            raise DatabaseUnavailable(f"the database may not be written: {type(error.orig).__name__}") from None
        raise _refusal(error) from None
    except PoolTimeout as error:
        raise DatabaseUnavailable from error
    except SQLAlchemyError as error:
        raise StorageError(f"the database layer failed: {type(error).__name__}") from error


def sqlstate(error: DBAPIError) -> str:
    """What Postgres calls the failure, five characters; "" where it did not say."""
    return getattr(error.orig, "sqlstate", None) or ""


def _may_pass(error: DBAPIError) -> bool:
    lost = error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
    return lost and not sqlstate(error).startswith(LIMIT_EXCEEDED)


def _refusal(error: DBAPIError) -> StorageError:
    if sqlstate(error) in OUTDATED:
        return DatabaseOutdated()
    rule = getattr(getattr(error.orig, "diag", None), "constraint_name", None)
    return StorageError(f"the database refused a row: {type(error.orig).__name__}{f' ({rule})' if rule else ''}")
