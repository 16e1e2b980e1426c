"""Makes what a search looks at of utterances and revisions, from a queue that triggers write.

A node that stores a final does not wait for it, and whoever changes a text (a correction, a mask, another release) need
not know of it. The queue is worked off in batches, each a transaction: what is indexed is no longer queued, and what
is not stays queued.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from uuid import UUID

from sqlalchemy import Text, cast, delete, exists, func, or_, select, tuple_
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY, insert
from sqlalchemy.orm import Session, load_only

from callscribe.domain.language import primary
from storage.database import Database
from storage.lexemes import LONGEST, days, fact, forms, text_vector
from storage.models import CallRow, RevisionRow, SearchQueueRow, SearchTextRow, SearchWordRow, UtteranceRow

BATCH = 500
"""Utterances of a transaction: a fraction of a second of work."""
SHORTEST_WORD = 2
WAITING = 10_000
"""Entries of the queue that whoever searches is told of at most."""

_TOLD = ("newest", "channel", "said_at", "lexemes")
_OF_CALLS = (CallRow.trunk, CallRow.started_at, CallRow.sample_rate)
_OF_FINALS = (
    UtteranceRow.channel,
    UtteranceRow.start,
    UtteranceRow.text,
    UtteranceRow.spoken,
    UtteranceRow.language,
    UtteranceRow.emotion,
    UtteranceRow.audio_events,
)
_OF_REVISIONS = (RevisionRow.text, RevisionRow.spoken)
_LOCK = 0x46494E44
"""Of Postgres' advisory locks: one process at a time makes search texts, so that none waits for rows of another."""


@dataclass(frozen=True, slots=True)
class _Text:
    """A search text that is to be written."""

    key: tuple[UUID, int]
    row: Mapping[str, object]
    words: frozenset[str]
    """Those of its tokens that are kept among the words."""


class SearchIndex:
    """Keeps the search texts up to date. Any number of processes may. All methods raise DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def catch_up(self, limit: int = BATCH) -> int:
        """Index the utterances of at most `limit` entries of the queue, the last queued first.

        Returns how many entries that were; 0 when nothing is queued or another process is at it.
        """
        with self._database.transaction() as session:
            if not session.scalar(select(func.pg_try_advisory_xact_lock(_LOCK))):
                return 0
            newest = select(SearchQueueRow).order_by(SearchQueueRow.id.desc()).limit(limit)
            queued = session.scalars(newest).all()
            busy = _hold(session, {entry.utterance_id for entry in queued})
            done = [entry for entry in queued if entry.utterance_id not in busy]
            wanted = {entry.utterance_id for entry in done}
            texts = _texts(session, wanted)
            _write_texts(session, wanted, texts)
            _write_words(session, frozenset().union(*(text.words for text in texts)))
            session.execute(delete(SearchQueueRow).where(SearchQueueRow.id.in_([entry.id for entry in done])))
            return len(done)

    def waiting(self, limit: int | None = None) -> int:
        """How many entries the queue has, counted up to `limit`."""
        entries = select(SearchQueueRow.id).limit(limit).subquery()
        with self._database.transaction() as session:
            return session.scalars(select(func.count()).select_from(entries)).one()

    def forget_words(self) -> int:
        """Remove the words that no text has any more, and return how many: after calls were erased."""
        lexeme = cast(func.quote_literal(SearchWordRow.word), TSQUERY)
        gone = ~exists().where(SearchTextRow.lexemes.op("@@")(lexeme))
        with self._database.transaction() as session:
            session.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            return len(session.scalars(delete(SearchWordRow).where(gone).returning(SearchWordRow.word)).all())


def is_kept(word: str) -> bool:
    """Whether a token stands among the words: if it begins with a letter and is more than a character."""
    return SHORTEST_WORD <= len(word) <= LONGEST and word[0].isalpha()


def _hold(session: Session, utterances: Collection[UUID]) -> set[UUID]:
    """Keep the utterances from being removed meanwhile. Returns those that another transaction is about to remove."""
    known = select(UtteranceRow.id).where(UtteranceRow.id.in_(utterances))
    held = session.scalars(known.with_for_update(read=True, key_share=True, skip_locked=True)).all()
    return set(session.scalars(known)) - set(held)


def _texts(session: Session, utterances: Collection[UUID]) -> list[_Text]:
    """All texts of these utterances, as they are now."""
    finals = session.execute(
        select(UtteranceRow, CallRow)
        .join(CallRow, CallRow.id == UtteranceRow.call_id)
        .where(UtteranceRow.id.in_(utterances))
        .options(load_only(*_OF_FINALS, raiseload=True), load_only(*_OF_CALLS, raiseload=True))
    ).all()
    revised = select(RevisionRow).where(RevisionRow.utterance_id.in_(utterances)).order_by(RevisionRow.number)
    revisions: dict[UUID, list[RevisionRow]] = {}
    for row in session.scalars(revised.options(load_only(*_OF_REVISIONS, raiseload=True))):
        revisions.setdefault(row.utterance_id, []).append(row)
    return [text for final, call in finals for text in _texts_of(final, revisions.get(final.id, ()), call)]


def _texts_of(final: UtteranceRow, revisions: Sequence[RevisionRow], call: CallRow) -> Iterator[_Text]:
    at = call.started_at + timedelta(microseconds=final.start * 1_000_000 // call.sample_rate)
    known = (
        *days(at.astimezone(UTC).date()),
        fact("trunk", call.trunk),
        fact("language", primary(final.language)),
        *(fact("emotion", felt) for felt in (final.emotion,) if felt),
        *(fact("event", heard) for heard in final.audio_events),
    )
    texts = [(0, final.text, final.spoken), *((row.number, row.text, row.spoken) for row in revisions)]
    for number, text, spoken in texts:
        cut = forms(text, spoken)
        row = {
            "utterance_id": final.id,
            "number": number,
            "newest": number == texts[-1][0],
            "call_id": call.id,
            "channel": final.channel,
            "said_at": at,
            "lexemes": text_vector(cut, known),
        }
        yield _Text((final.id, number), row, frozenset(word for form in cut for word in form if is_kept(word)))


def _write_texts(session: Session, utterances: Collection[UUID], texts: Sequence[_Text]) -> None:
    """Make these the only search texts of the utterances. What is as it was is left alone."""
    key = tuple_(SearchTextRow.utterance_id, SearchTextRow.number)
    ours = SearchTextRow.utterance_id.in_(utterances)
    session.execute(delete(SearchTextRow).where(ours, key.not_in([text.key for text in texts])))
    if not texts:
        return
    upsert = insert(SearchTextRow)
    new = upsert.excluded
    differs = or_(*(SearchTextRow.__table__.c[name].is_distinct_from(new[name]) for name in _TOLD))
    session.execute(
        upsert.on_conflict_do_update(
            index_elements=["utterance_id", "number"], set_={name: new[name] for name in _TOLD}, where=differs
        ),
        [text.row for text in texts],
    )


def _write_words(session: Session, words: Collection[str]) -> None:
    given = select(func.unnest(cast(sorted(words), ARRAY(Text))))
    session.execute(insert(SearchWordRow).from_select(["word"], given).on_conflict_do_nothing())
