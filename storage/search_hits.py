"""The utterances that a search found, as its page shows them."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    Row,
    Select,
    TableValuedAlias,
    Uuid,
    and_,
    cast,
    column,
    func,
    select,
)
from sqlalchemy.orm import Session, load_only

from callscribe.domain.call import Role
from callscribe.domain.search import Term
from callscribe.text.highlights import first_said, highlights
from callscribe.text.matching import Spellings
from storage.hits import Hit
from storage.models import CallRow, ChannelRow, PartyRow, RevisionRow, SearchTextRow, UtteranceRow
from storage.rows import NOBODY, party_of
from storage.search_cursors import Place


class Found(NamedTuple):
    """A search text that matches."""

    place: Place
    number: int
    """Of its utterance's texts."""


HitRow = Row[SearchTextRow, UtteranceRow, RevisionRow, CallRow, ChannelRow, PartyRow]
"""Without a revision, or a party, None stands in its place."""

_COLUMNS = (
    load_only(SearchTextRow.newest, SearchTextRow.said_at),
    load_only(*(UtteranceRow.channel, UtteranceRow.start, UtteranceRow.end, UtteranceRow.language)),
    load_only(UtteranceRow.text, UtteranceRow.words),
    load_only(RevisionRow.text, RevisionRow.words),
    load_only(CallRow.trunk, CallRow.started_at, CallRow.sample_rate),
    load_only(ChannelRow.role),
    load_only(PartyRow.address, PartyRow.name, PartyRow.participant_id),
)


def read_hits(session: Session, found: Sequence[Found], term: Term | None, spellings: Spellings) -> tuple[Hit, ...]:
    """Those that are still there, in the same order."""
    rows = {(row[0].utterance_id, row[0].number): row for row in session.execute(_stored(found))}
    keys = [(each.place.utterance_id, each.number) for each in found]
    return tuple(_hit(rows[key], term, spellings) for key in keys if key in rows)


def only(found: Sequence[Found]) -> tuple[TableValuedAlias, ColumnElement[bool]]:
    """The keys of search texts as a table, and what a SearchTextRow joins it on."""
    ids = cast([each.place.utterance_id for each in found], ARRAY(Uuid))
    numbers = cast([each.number for each in found], ARRAY(Integer))
    columns = (column("utterance_id", Uuid), column("number", Integer))
    keys = func.unnest(ids, numbers).table_valued(*columns).render_derived("keys")
    row = SearchTextRow
    return keys, and_(row.utterance_id == keys.c.utterance_id, row.number == keys.c.number)


def _stored(
    found: Sequence[Found],
) -> Select[SearchTextRow, UtteranceRow, RevisionRow, CallRow, ChannelRow, PartyRow]:
    keys, same = only(found)
    text, final, revision, channel, party = SearchTextRow, UtteranceRow, RevisionRow, ChannelRow, PartyRow
    return (
        select(text, final, revision, CallRow, channel, party)
        .join_from(keys, text, same)
        .join(final, final.id == text.utterance_id)
        .join(CallRow, CallRow.id == final.call_id)
        .join(channel, and_(channel.call_id == final.call_id, channel.index == final.channel))
        .outerjoin(party, and_(party.call_id == channel.call_id, party.id == channel.party_id))
        .outerjoin(revision, and_(revision.utterance_id == text.utterance_id, revision.number == text.number))
        .options(*_COLUMNS)
    )


def _hit(row: HitRow, term: Term | None, spellings: Spellings) -> Hit:
    found, final, revision, call, channel, party = row
    shown = final if revision is None else revision
    said = None if term is None else first_said(term, shown.text, shown.words, spellings)
    return Hit(
        call_id=call.id,
        call_started_at=call.started_at,
        trunk=call.trunk,
        utterance_id=final.id,
        channel=final.channel,
        role=Role(channel.role),
        party=NOBODY if party is None else party_of(party),
        sample_rate=call.sample_rate,
        start=final.start,
        length=final.end - final.start,
        at=found.said_at,
        language=final.language,
        text=shown.text,
        highlights=() if term is None else highlights(term, shown.text, spellings),
        word_start=final.start if said is None else said,
        number=found.number,
        newest=found.newest,
    )
