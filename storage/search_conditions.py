"""The conditions of a search as SQL."""

import re
from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

from sqlalchemy import BindParameter, ColumnElement, Exists, Float, Text, and_, cast, exists, func, literal, or_, select
from sqlalchemy.dialects.postgresql import TSQUERY
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from callscribe.domain.language import primary
from callscribe.domain.search import SearchFilter
from storage.clean import clean, clean_name
from storage.lexemes import any_fact, fact
from storage.models import (
    AssistCardRow,
    CallMeasuresRow,
    CallRow,
    ChannelRow,
    PartyRow,
    RuleResultRow,
    SearchTextRow,
)
from storage.reader import known_as
from storage.scoping import in_scope

FEW_CALLS = 2000
"""Where conditions leave so few calls, a search looks through these."""

Rule = ColumnElement[bool]

_WILD = re.compile(r"[%_\\]")
"""What LIKE does not take literally."""


def holds(query: str) -> Rule:
    """Whether a search text holds what the tsquery asks for."""
    return _holds(SearchTextRow, query)


def holds_unindexed(query: str) -> Rule:
    """The same, looked up in each row that other rules leave: no index is asked for it."""
    return holds(query).is_(True)


def best_of_utterance(query: str) -> Rule:
    """Whether no newer text of the same utterance holds what the tsquery asks for, too."""
    newer = aliased(SearchTextRow)
    same = and_(newer.utterance_id == SearchTextRow.utterance_id, newer.number > SearchTextRow.number)
    # Asked for each row that other rules leave, never joined.
    return exists().where(same, *([_holds(newer, query)] if query else [])).is_(False)


def known_facts(conditions: SearchFilter) -> tuple[str, ...]:
    """Tsqueries for what is known of an utterance, beside its words. All must hold."""
    kinds = {
        "trunk": map(clean_name, conditions.trunks),
        "language": map(primary, conditions.languages),
        "emotion": map(clean, conditions.emotions),
        "event": map(clean, conditions.audio_events),
    }
    known = (any_fact(fact(kind, value) for value in values) for kind, values in kinds.items())
    return tuple(query for query in known if query)


def text_rules(conditions: SearchFilter) -> Iterator[Rule]:
    """What a search text must meet, as far as it or its channel tells, beside `known_facts`."""
    if conditions.since is not None:
        yield SearchTextRow.said_at >= conditions.since
    if conditions.until is not None:
        yield SearchTextRow.said_at < conditions.until
    yield from _speaker_rules(conditions)


def call_rules(conditions: SearchFilter) -> list[Rule]:
    """What the call of a search text must meet."""
    return [*_naming_rules(conditions), *_length_rules(conditions), *_measure_rules(conditions, CallRow.id)]


def few_calls(session: Session, conditions: SearchFilter) -> str | None:
    """The ids of calls that meet `call_rules`, as Postgres writes an array; None where these are many, or all."""
    rules = call_rules(conditions)
    if not rules:
        return None
    if conditions.until is not None:
        rules.append(CallRow.started_at < conditions.until)
    if conditions.since is not None:
        rules.append(or_(CallRow.ended_at.is_(None), CallRow.ended_at >= conditions.since))
    found = select(CallRow.id).where(*rules).limit(FEW_CALLS + 1).subquery()
    number, ids = session.execute(select(func.count(), cast(func.array_agg(found.c.id), Text))).one()
    return (ids or "{}") if number <= FEW_CALLS else None


def of_such_a_call(conditions: SearchFilter) -> Iterator[Rule]:
    """`call_rules` for a search text, but for the party, which its channel tells."""
    rules = [*_naming_rules(replace(conditions, party="")), *_length_rules(conditions)]
    if rules:
        yield _there_is(exists().where(CallRow.id == SearchTextRow.call_id, *rules))
    yield from _measure_rules(conditions, SearchTextRow.call_id)


def _there_is(rows: Exists) -> Rule:
    """Asked for each row, or of a table that is made once where many rows ask; never joined with all there are."""
    return rows.correlate(SearchTextRow, CallRow).is_(True)


def _holds(row: type[SearchTextRow], query: str) -> Rule:
    return row.lexemes.op("@@", is_comparison=True)(cast(query, TSQUERY))


def _speaker_rules(conditions: SearchFilter) -> Iterator[Rule]:
    ours = and_(ChannelRow.call_id == SearchTextRow.call_id, ChannelRow.index == SearchTextRow.channel)
    if conditions.roles:
        # Half of all rows meet it: a table of all channels would take longer than asking for those of a page.
        role = select(ChannelRow.role.in_(conditions.roles)).where(ours)
        yield role.correlate(SearchTextRow).scalar_subquery()
    if conditions.party:
        same = and_(PartyRow.call_id == ChannelRow.call_id, PartyRow.id == ChannelRow.party_id)
        yield _there_is(exists().where(ours, same, _named(conditions.party)))


def _named(part: str) -> Rule:
    pattern = "%" + _WILD.sub(r"\\\g<0>", clean(part)) + "%"
    return or_(PartyRow.address.ilike(pattern), PartyRow.name.ilike(pattern))


def _naming_rules(conditions: SearchFilter) -> Iterator[Rule]:
    if conditions.party:
        yield CallRow.id.in_(select(PartyRow.call_id).where(_named(conditions.party)))
    if conditions.outside_id:
        yield known_as(conditions.outside_id)
    if conditions.scope is not None:
        yield in_scope(conditions.scope)


def _length_rules(conditions: SearchFilter) -> Iterator[Rule]:
    if conditions.longer_than_s is not None:
        yield CallRow.samples >= _number(conditions.longer_than_s) * CallRow.sample_rate
    if conditions.shorter_than_s is not None:
        yield CallRow.samples < _number(conditions.shorter_than_s) * CallRow.sample_rate


def _number(value: float) -> BindParameter[float]:
    """Not as the column it is compared with, which may be an integer."""
    return literal(value, Float)


def _measure_rules(conditions: SearchFilter, call_id: InstrumentedAttribute[UUID]) -> Iterator[Rule]:
    measured = CallMeasuresRow
    bounds: list[Rule] = []
    if conditions.silence_over_s is not None:
        bounds.append(measured.longest_silence_ms >= _number(conditions.silence_over_s * 1000))
    if conditions.overtalk_over_s is not None:
        bounds.append(measured.overtalk_ms >= _number(conditions.overtalk_over_s * 1000))
    if conditions.score_from is not None:
        bounds.append(measured.score >= _number(conditions.score_from))
    if conditions.score_below is not None:
        bounds.append(measured.score < _number(conditions.score_below))
    if bounds:
        yield _there_is(exists().where(measured.call_id == call_id, *bounds))
    if conditions.rules:
        failed = and_(RuleResultRow.rule.in_(conditions.rules), ~RuleResultRow.passed)
        given = exists().where(AssistCardRow.call_id == call_id, AssistCardRow.rule.in_(conditions.rules))
        yield or_(_there_is(exists().where(RuleResultRow.call_id == call_id, failed)), _there_is(given))
