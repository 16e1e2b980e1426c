"""The utterances that a search found, as its page shows them."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    TableValuedAlias,
    Uuid,
    and_,
    case,
    cast,
    column,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import Session

from callscribe.domain.call import Party, Role
from callscribe.domain.search import Term
from callscribe.domain.transcript import Word
from callscribe.text.highlights import first_said, highlights
from callscribe.text.matching import Spellings
from storage.hits import Hit
from storage.models import CallRow, ChannelRow, PartyRow, RevisionRow, SearchTextRow, SpeakerTurnRow, UtteranceRow
from storage.rows import NOBODY
from storage.search_cursors import Place


class Found(NamedTuple):
    """A search text that matches."""

    place: Place
    number: int
    """Of its utterance's texts."""


def read_hits(session: Session, found: Sequence[Found], term: Term | None, spellings: Spellings) -> tuple[Hit, ...]:
    """Those that are still there, in the same order."""
    if not found:
        return ()
    stored = (_Stored._make(row) for row in session.execute(_stored(found)))
    hits = {(row.utterance_id, row.number): _hit(row, term, spellings) for row in stored}
    keys = [(each.place.utterance_id, each.number) for each in found]
    return tuple(hits[key] for key in keys if key in hits)


def only(found: Sequence[Found]) -> tuple[TableValuedAlias, ColumnElement[bool]]:
    """The keys of search texts as a table, and what a SearchTextRow joins it on."""
    ids = cast([each.place.utterance_id for each in found], ARRAY(Uuid))
    numbers = cast([each.number for each in found], ARRAY(Integer))
    columns = (column("utterance_id", Uuid), column("number", Integer))
    keys = func.unnest(ids, numbers).table_valued(*columns).render_derived("keys")
    row = SearchTextRow
    return keys, and_(row.utterance_id == keys.c.utterance_id, row.number == keys.c.number)


class _Stored(NamedTuple):
    """What is read of a hit, in the order of `_stored`'s columns."""

    utterance_id: UUID
    number: int
    newest: bool
    said_at: datetime
    channel: int
    start: int
    end: int
    language: str
    text: str
    words: tuple[Word, ...]
    turns: list[list[int]]
    """Speaker, start and end of each."""
    call_id: UUID
    trunk: str
    started_at: datetime
    sample_rate: int
    role: str
    address: str | None
    name: str | None
    participant_id: str | None


def _stored(found: Sequence[Found]) -> Select[*tuple[object, ...]]:
    """Columns, not objects: of these a page makes too many."""
    keys, same = only(found)
    text, final, revision, call = SearchTextRow, UtteranceRow, RevisionRow, CallRow
    channel, party = ChannelRow, PartyRow
    revised = revision.number.is_not(None)
    return (
        select(text.utterance_id, text.number, text.newest, text.said_at)
        .add_columns(final.channel, final.start, final.end, final.language)
        .add_columns(
            case((revised, revision.text), else_=final.text), case((revised, revision.words), else_=final.words)
        )
        .add_columns(_turns(), call.id, call.trunk, call.started_at, call.sample_rate)
        .add_columns(channel.role, party.address, party.name, party.participant_id)
        .join_from(keys, text, same)
        .join(final, final.id == text.utterance_id)
        .join(call, call.id == final.call_id)
        .join(channel, and_(channel.call_id == final.call_id, channel.index == final.channel))
        .outerjoin(party, and_(party.call_id == channel.call_id, party.id == channel.party_id))
        .outerjoin(revision, and_(revision.utterance_id == text.utterance_id, revision.number == text.number))
    )


def _turns() -> ColumnElement[list[list[int]]]:
    turn = SpeakerTurnRow
    each = select(array([cast(turn.speaker, BigInteger), turn.start, turn.end])).order_by(turn.number)
    own = each.where(turn.utterance_id == UtteranceRow.id).correlate(UtteranceRow)
    return func.array(own.scalar_subquery(), type_=ARRAY(BigInteger, dimensions=2))


def _hit(row: _Stored, term: Term | None, spellings: Spellings) -> Hit:
    said = None if term is None else first_said(term, row.text, row.words, spellings)
    return Hit(
        call_id=row.call_id,
        call_started_at=row.started_at,
        trunk=row.trunk,
        utterance_id=row.utterance_id,
        channel=row.channel,
        role=Role(row.role),
        party=NOBODY if row.address is None else Party(row.address, row.name or "", row.participant_id or ""),
        speaker=_speaker(row.turns, said),
        sample_rate=row.sample_rate,
        start=row.start,
        length=row.end - row.start,
        at=row.said_at,
        language=row.language,
        text=row.text,
        highlights=() if term is None else highlights(term, row.text, spellings),
        word_start=row.start if said is None else said.start,
        number=row.number,
        newest=row.newest,
    )


def _speaker(turns: Sequence[Sequence[int]], said: Word | None) -> int | None:
    """Who said the word, whose middle tells as on the call's page; without one, who said all of the utterance."""
    if said is None:
        speakers = {speaker for speaker, _, _ in turns}
        return speakers.pop() if len(speakers) == 1 else None
    middle = (said.start + said.end) / 2
    return next((speaker for speaker, start, end in turns if start <= middle < end), None)
