"""The pool of database connections that the stores share."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session, sessionmaker

from callscribe.domain.errors import DatabaseOutdated
from storage.engine import open_engine, storage_errors
from storage.schema import current_revision, head_revision, is_later

POOL_SIZE = 4


class Database:
    """Connections to one Postgres; safe to share between threads, not over a fork."""

    def __init__(self, url: str, pool_size: int = POOL_SIZE) -> None:
        """Connects when first used. Raises SettingsError for a URL that is not postgresql://."""
        self._engine = open_engine(url, pool_size)
        self._sessions = sessionmaker(self._engine, expire_on_commit=False)
        self._closed = False

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session whose work is committed at the end, or rolled back when the block raises.

        Raises DatabaseUnavailable for what may pass, DatabaseOutdated for a missing table or column, and StorageError
        for a row that the database refused.
        """
        with storage_errors(), self._lent(), self._sessions.begin() as session:
            yield session

    def check(self) -> None:
        """Raises DatabaseUnavailable when it does not answer, DatabaseOutdated when its schema lacks migrations.

        That of a later release is taken: nodes of this one go on while the others are upgraded.
        """
        with storage_errors(), self._lent(), self._engine.connect() as connection:
            found = current_revision(connection)
        if found != head_revision() and not is_later(found):
            raise DatabaseOutdated

    def close(self) -> None:
        """Close the pool's connections; one at work is closed as its work ends. Safe to call more than once."""
        self._closed = True
        self._engine.pool.dispose()

    @contextmanager
    def _lent(self) -> Iterator[None]:
        """Around the use of a connection: what comes back to a pool that was emptied meanwhile is closed, not kept."""
        try:
            yield
        finally:
            if self._closed:
                self._engine.pool.dispose()
