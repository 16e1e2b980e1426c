"""Hotword lists."""

from collections.abc import Sequence
from uuid import uuid4

from sqlalchemy import delete, func, select
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, selectinload

from callscribe.domain.errors import StorageError
from callscribe.domain.hotword import MAX_HOTWORDS, MAX_WEIGHT, Hotword, HotwordList
from storage.clean import clean_name
from storage.database import Database
from storage.models import HotwordListRow, HotwordRow


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

    def put(
        self, name: str, words: Sequence[Hotword], languages: Sequence[str] = (), agents: Sequence[str] = ()
    ) -> HotwordList:
        """Make the list, or give the list of that name other words and other calls to be for, and return it.

        Raises StorageError for an empty name, more than MAX_HOTWORDS words, or a weight that is not above 0.
        """
        called, kept = clean_name(name.strip()), _distinct(words)
        if len(kept) > MAX_HOTWORDS:
            raise StorageError(f"a hotword list has at most {MAX_HOTWORDS} words, this one {len(kept)}")
        whom = {"languages": _cleaned(languages), "agents": _cleaned(agents)}
        upsert = (
            insert(HotwordListRow)
            .values(id=uuid4(), name=called, **whom)
            .on_conflict_do_update(index_elements=[HotwordListRow.name], set_={"updated_at": func.now(), **whom})
            .returning(HotwordListRow.id)
        )
        with self._database.transaction() as session:
            made = HotwordList(
                session.scalars(upsert).one(), called, kept, tuple(whom["languages"]), tuple(whom["agents"])
            )
            session.execute(delete(HotwordRow).where(HotwordRow.list_id == made.id))
            _write_words(session, made)
        return made

    def delete(self, name: str) -> bool:
        """Remove the list of that name; False when there is none."""
        query = delete(HotwordListRow).where(HotwordListRow.name == clean_name(name.strip()))
        with self._database.transaction() as session:
            return session.scalar(query.returning(HotwordListRow.id)) is not None


def _distinct(words: Sequence[Hotword]) -> tuple[Hotword, ...]:
    cleaned = {clean_name(" ".join(word.text.split())): word.weight for word in words}
    return tuple(Hotword(text, weight) for text, weight in cleaned.items() if text)


def _cleaned(names: Sequence[str]) -> list[str]:
    """Each once, without surrounding blanks and empty ones."""
    cleaned = dict.fromkeys(clean_name(name.strip()) for name in names)
    return [name for name in cleaned if name]


def _list_of(row: HotwordListRow) -> HotwordList:
    # An earlier release allowed no weight, and any.
    words = tuple(Hotword(word.text, min(word.weight or 1.0, MAX_WEIGHT)) for word in row.words)
    return HotwordList(row.id, row.name, words, tuple(row.languages), tuple(row.agents))


def _write_words(session: Session, made: HotwordList) -> None:
    values = [
        {"list_id": made.id, "number": number, "text": word.text, "weight": word.weight}
        for number, word in enumerate(made.words)
    ]
    if values:
        session.execute(plain_insert(HotwordRow), values)
