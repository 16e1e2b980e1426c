"""Hotword lists."""

from collections.abc import Sequence
from uuid import UUID, uuid4

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session, selectinload

from callscribe.domain.errors import StorageError
from storage.clean import clean_name
from storage.database import Database
from storage.models import HotwordListRow, HotwordRow
from storage.records import Hotword, HotwordList


class HotwordStore:
    """Keeps named lists of hotwords. All methods raise DatabaseUnavailable.

    A word's surrounding blanks are taken off, empty words are left out, and of a word that comes twice the last stands.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def lists(self) -> tuple[HotwordList, ...]:
        """All lists, by name."""
        query = select(HotwordListRow).order_by(HotwordListRow.name).options(selectinload(HotwordListRow.words))
        with self._database.transaction() as session:
            return tuple(_list_of(row) for row in session.scalars(query))

    def find(self, name: str) -> HotwordList | None:
        """The list of that name."""
        query = select(HotwordListRow).where(HotwordListRow.name == clean_name(name.strip()))
        with self._database.transaction() as session:
            row = session.scalar(query.options(selectinload(HotwordListRow.words)))
            return None if row is None else _list_of(row)

    def create(self, name: str, words: Sequence[Hotword]) -> HotwordList:
        """Make a list. Raises StorageError for a name that is empty or taken, or a weight that is not above 0."""
        made = HotwordList(uuid4(), clean_name(name.strip()), _distinct(words))
        with self._database.transaction() as session:
            if session.scalar(select(HotwordListRow.id).where(HotwordListRow.name == made.name)) is not None:
                raise StorageError("there is a hotword list of that name already")
            session.add(HotwordListRow(id=made.id, name=made.name))
            session.flush()
            _write_words(session, made)
        return made

    def replace(self, list_id: UUID, words: Sequence[Hotword]) -> HotwordList | None:
        """Give the list other words; None when there is no such list. Raises StorageError as `create` does."""
        with self._database.transaction() as session:
            row = session.scalar(select(HotwordListRow).where(HotwordListRow.id == list_id).with_for_update())
            if row is None:
                return None
            row.updated_at = func.now()
            made = HotwordList(list_id, row.name, _distinct(words))
            session.execute(delete(HotwordRow).where(HotwordRow.list_id == list_id))
            _write_words(session, made)
        return made

    def delete(self, list_id: UUID) -> bool:
        """Remove the list; False when there is no such list."""
        with self._database.transaction() as session:
            query = delete(HotwordListRow).where(HotwordListRow.id == list_id).returning(HotwordListRow.id)
            return session.scalar(query) is not None


def _distinct(words: Sequence[Hotword]) -> tuple[Hotword, ...]:
    cleaned = {clean_name(" ".join(word.text.split())): word.weight for word in words}
    return tuple(Hotword(text, weight) for text, weight in cleaned.items() if text)


def _list_of(row: HotwordListRow) -> HotwordList:
    return HotwordList(row.id, row.name, tuple(Hotword(word.text, word.weight) for word in row.words))


def _write_words(session: Session, made: HotwordList) -> None:
    values = [
        {"list_id": made.id, "number": number, "text": word.text, "weight": word.weight}
        for number, word in enumerate(made.words)
    ]
    if values:
        session.execute(insert(HotwordRow), values)
