"""Hotword lists, and how they stood."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlalchemy import delete, func, select
from sqlalchemy import insert as plain_insert
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, selectinload

from callscribe.domain.errors import HotwordListOutdated, TooManyHotwords
from callscribe.domain.hotword import MAX_HOTWORDS, MAX_WEIGHT, Hotword
from callscribe.domain.hotword_lists import HotwordList
from storage.audit import write_audit
from storage.clean import clean_name
from storage.database import Database
from storage.models import HotwordListRow, HotwordListVersionRow, HotwordRow

NOBODY = "api"
"""Who changed a list, for the audit log, where nobody was named."""


@dataclass(frozen=True, slots=True)
class HotwordListVersion:
    """A list as it stood from a change on."""

    name: str
    version: int
    words: tuple[Hotword, ...]
    languages: tuple[str, ...]
    agents: tuple[str, ...]
    deleted: bool
    """Whether the change was that the list was removed; its words are those it had."""
    by: str
    """Who changed it; "" where nobody was named."""
    changed_at: datetime
    """Aware UTC."""


@dataclass(frozen=True, slots=True)
class HotwordContent:
    """What a version keeps of a list."""

    words: Sequence[Hotword] = ()
    languages: Sequence[str] = ()
    agents: Sequence[str] = ()

    @classmethod
    def of(cls, found: HotwordList) -> "HotwordContent":
        return cls(found.words, found.languages, found.agents)

    def cleaned(self) -> "HotwordContent":
        return HotwordContent(_distinct(self.words), _cleaned(self.languages), _cleaned(self.agents))


def anything(version: int) -> bool:
    """Of whatever version a list is, 0 where there is none, it may be changed."""
    return True


class HotwordStore:
    """Keeps named lists of hotwords, and every version of them. All methods raise DatabaseUnavailable.

    A word's surrounding blanks are taken off, empty words are left out, and of a word that comes twice the last stands.
    `by`: who asks for a change, "" where that is not known.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def lists(self) -> tuple[HotwordList, ...]:
        """All lists, by name."""
        query = select(HotwordListRow).order_by(HotwordListRow.name).options(selectinload(HotwordListRow.words))
        with self._database.transaction() as session:
            return tuple(_list_of(row) for row in session.scalars(query))

    def newest(self) -> Mapping[str, int]:
        """The version of each list, by name: what tells cheaply whether any has changed."""
        with self._database.transaction() as session:
            return dict(session.execute(select(HotwordListRow.name, HotwordListRow.version)).all())

    def find(self, name: str) -> HotwordList | None:
        """The list of that name."""
        with self._database.transaction() as session:
            row = _find(session, _called(name))
            return None if row is None else _list_of(row)

    def put(
        self,
        name: str,
        words: Sequence[Hotword],
        languages: Sequence[str] = (),
        agents: Sequence[str] = (),
        by: str = "",
    ) -> HotwordList:
        """As `write`, whatever the list is now."""
        return self.write(name, HotwordContent(words, languages, agents), by)

    def write(
        self, name: str, content: HotwordContent, by: str = "", expects: Callable[[int], bool] = anything
    ) -> HotwordList:
        """Make the list, or give the list of that name other words and other calls to be for, and return it.

        That makes a new version, unless nothing is changed by it. Raises HotwordListOutdated where something would be
        and `expects` is false of the version that stands, 0 where there is none; TooManyHotwords; StorageError for an
        empty name or a weight that is not above 0.
        """
        with self._database.transaction() as session:
            return _put(session, _called(name), lambda _: content, by, expects)

    def amend(
        self,
        name: str,
        words: Sequence[Hotword] = (),
        removed: Collection[str] = (),
        by: str = "",
        expects: Callable[[int], bool] = anything,
    ) -> HotwordList:
        """Take the texts `removed` off the list, then put `words` on it: two who do so at once both succeed.

        A word that is on it takes the new weight; a list is made where there is none. Raises as `write`.
        """
        off = {_text(text) for text in removed}

        def change(was: HotwordContent) -> HotwordContent:
            kept = [word for word in was.words if word.text not in off]
            return HotwordContent([*kept, *words], was.languages, was.agents)

        with self._database.transaction() as session:
            return _put(session, _called(name), change, by, expects)

    def delete(self, name: str, by: str = "", expects: Callable[[int], bool] = anything) -> bool:
        """Remove the list of that name; False when there is none. Its versions stay.

        Raises HotwordListOutdated where `expects` is false of its version.
        """
        called = _called(name)
        with self._database.transaction() as session:
            _hold(session, called)
            row = _find(session, called)
            if row is None:
                return False
            was = _list_of(row)
            if not expects(was.version):
                raise HotwordListOutdated
            session.execute(delete(HotwordListRow).where(HotwordListRow.id == was.id))
            _write_version(session, called, HotwordContent.of(was), by, deleted=True)
            return True

    def versions(self, name: str) -> tuple[HotwordListVersion, ...]:
        """How the list of that name stood, newest first, also where it was removed; none where it never was."""
        query = select(HotwordListVersionRow).where(HotwordListVersionRow.name == _called(name))
        with self._database.transaction() as session:
            rows = session.scalars(query.order_by(HotwordListVersionRow.version.desc()))
            return tuple(_version_of(row) for row in rows)

    def restore(
        self, name: str, version: int, by: str = "", expects: Callable[[int], bool] = anything
    ) -> HotwordList | None:
        """Give the list the words and calls of a version, as a new version; None where there is no such version.

        Raises as `write`.
        """
        called = _called(name)
        with self._database.transaction() as session:
            row = session.get(HotwordListVersionRow, (called, version))
            if row is None:
                return None
            found = _version_of(row)
            content = HotwordContent(found.words, found.languages, found.agents)
            return _put(session, called, lambda _: content, by, expects)


def _called(name: str) -> str:
    return clean_name(name.strip())


def _hold(session: Session, name: str) -> None:
    """Until the transaction ends nobody else changes the list of that name, whether it is there or not."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"hotwords {name}"))))


def _find(session: Session, name: str) -> HotwordListRow | None:
    query = select(HotwordListRow).where(HotwordListRow.name == name)
    return session.scalar(query.options(selectinload(HotwordListRow.words)))


def _put(
    session: Session,
    name: str,
    change: Callable[[HotwordContent], HotwordContent],
    by: str,
    expects: Callable[[int], bool],
) -> HotwordList:
    _hold(session, name)
    row = _find(session, name)
    was = None if row is None else _list_of(row)
    before = HotwordContent() if was is None else HotwordContent.of(was)
    content = change(before).cleaned()
    if was is not None and before == content:
        return was
    if not expects(0 if was is None else was.version):
        raise HotwordListOutdated
    if len(content.words) > MAX_HOTWORDS:
        raise TooManyHotwords(f"a hotword list has at most {MAX_HOTWORDS} words, this one {len(content.words)}")
    return _write_list(session, name, content, by)


def _write_list(session: Session, name: str, content: HotwordContent, by: str) -> HotwordList:
    version = _write_version(session, name, content, by)
    whom = {"languages": list(content.languages), "agents": list(content.agents), "version": version}
    upsert = (
        insert(HotwordListRow)
        .values(id=uuid4(), name=name, **whom)
        .on_conflict_do_update(index_elements=[HotwordListRow.name], set_={"updated_at": func.now(), **whom})
        .returning(HotwordListRow.id)
    )
    list_id = session.scalars(upsert).one()
    made = HotwordList(list_id, name, tuple(content.words), tuple(content.languages), tuple(content.agents), version)
    session.execute(delete(HotwordRow).where(HotwordRow.list_id == made.id))
    _write_words(session, made)
    return made


def _write_version(session: Session, name: str, content: HotwordContent, by: str, *, deleted: bool = False) -> int:
    """Its number. The audit log names the list, not its words."""
    last = select(func.max(HotwordListVersionRow.version)).where(HotwordListVersionRow.name == name)
    version = (session.scalar(last) or 0) + 1
    who = clean_name(by.strip())
    session.execute(
        plain_insert(HotwordListVersionRow).values(
            name=name,
            version=version,
            words=content.words,
            languages=list(content.languages),
            agents=list(content.agents),
            deleted=deleted,
            by=who,
        )
    )
    action = "hotwords.deleted" if deleted else "hotwords.changed"
    told = {"version": version, "words": len(content.words)}
    write_audit(session, action=action, subject=name, by=who or NOBODY, detail=told)
    return version


def _distinct(words: Sequence[Hotword]) -> tuple[Hotword, ...]:
    cleaned = {_text(word.text): word.weight for word in words}
    return tuple(Hotword(text, weight) for text, weight in cleaned.items() if text)


def _text(word: str) -> str:
    return clean_name(" ".join(word.split()))


def _cleaned(names: Sequence[str]) -> tuple[str, ...]:
    """Each once, without surrounding blanks and empty ones."""
    cleaned = dict.fromkeys(clean_name(name.strip()) for name in names)
    return tuple(name for name in cleaned if name)


def _list_of(row: HotwordListRow) -> HotwordList:
    # An earlier release allowed no weight, and any.
    words = tuple(Hotword(word.text, min(word.weight or 1.0, MAX_WEIGHT)) for word in row.words)
    return HotwordList(row.id, row.name, words, tuple(row.languages), tuple(row.agents), row.version)


def _version_of(row: HotwordListVersionRow) -> HotwordListVersion:
    return HotwordListVersion(
        name=row.name,
        version=row.version,
        words=row.words,
        languages=tuple(row.languages),
        agents=tuple(row.agents),
        deleted=row.deleted,
        by=row.by,
        changed_at=row.changed_at,
    )


def _write_words(session: Session, made: HotwordList) -> None:
    values = [
        {"list_id": made.id, "number": number, "text": word.text, "weight": word.weight}
        for number, word in enumerate(made.words)
    ]
    if values:
        session.execute(plain_insert(HotwordRow), values)
