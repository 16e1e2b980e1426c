"""Searches that people keep under a name."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from storage.clean import clean, clean_name
from storage.database import Database
from storage.models import SavedSearchRow


@dataclass(frozen=True, slots=True)
class SavedSearch:
    """A query under a name, as it was typed."""

    name: str
    query: str
    by: str
    """Who saved it last."""
    saved_at: datetime
    """Aware UTC."""


class SavedSearchStore:
    """Keeps queries by name. All methods raise DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> tuple[SavedSearch, ...]:
        """Every one, by name."""
        with self._database.transaction() as session:
            return tuple(map(_search_of, session.scalars(select(SavedSearchRow).order_by(SavedSearchRow.name))))

    def find(self, name: str) -> SavedSearch | None:
        """The search of that name."""
        with self._database.transaction() as session:
            row = session.get(SavedSearchRow, clean_name(name.strip()))
            return None if row is None else _search_of(row)

    def put(self, name: str, query: str, by: str) -> SavedSearch:
        """Save the query under the name, in place of what has that name. Raises StorageError where either is empty."""
        values = {"query": clean(query.strip()), "by": clean_name(by.strip())}
        upsert = insert(SavedSearchRow).values(name=clean_name(name.strip()), **values)
        upsert = upsert.on_conflict_do_update(
            index_elements=[SavedSearchRow.name], set_={**values, "saved_at": func.now()}
        )
        with self._database.transaction() as session:
            return _search_of(session.scalars(upsert.returning(SavedSearchRow)).one())

    def delete(self, name: str) -> bool:
        """Forget the search of that name; False when there is none."""
        query = delete(SavedSearchRow).where(SavedSearchRow.name == clean_name(name.strip()))
        with self._database.transaction() as session:
            return session.scalar(query.returning(SavedSearchRow.name)) is not None


def _search_of(row: SavedSearchRow) -> SavedSearch:
    return SavedSearch(row.name, row.query, row.by, row.saved_at)
