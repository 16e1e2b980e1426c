"""Calls that may record the conversation of others, though nobody can tell: too many have the same id."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Interval, and_, literal, or_, select
from sqlalchemy.orm import Session, aliased

from storage.conversations import GAP, LINKING_KINDS, LONGEST
from storage.models import CallRow, OutsideIdRow


def alike_calls(session: Session, calls: Collection[UUID], limit: int) -> tuple[UUID, ...]:
    """At most `limit` other calls of about the same time that have a linking id of these (storage.conversations).

    Of those that record one conversation all are in `calls` already, unless more calls than that takes have the id.
    """
    own, other = aliased(OutsideIdRow), aliased(OutsideIdRow)
    first, second = aliased(CallRow), aliased(CallRow)
    longest, gap = literal(LONGEST, Interval), literal(GAP, Interval)
    beside = (
        second.started_at.between(first.started_at - longest, first.started_at + longest),
        or_(second.ended_at.is_(None), second.ended_at >= first.started_at - gap),
        or_(first.ended_at.is_(None), second.started_at <= first.ended_at + gap),
    )
    query = (
        select(second.id)
        .join(other, other.call_id == second.id)
        .join(own, and_(own.value == other.value, own.kind == other.kind))
        .join(first, first.id == own.call_id)
        .where(own.call_id.in_(calls), own.kind.in_(LINKING_KINDS), second.id.not_in(calls), *beside)
    )
    return tuple(session.scalars(query.distinct().order_by(second.id).limit(limit)))
