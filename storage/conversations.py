"""Which calls record the same conversation: a phone may fork each direction, an SBC stream to two recorders."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from callscribe.domain.call import Call, Role
from callscribe.domain.errors import CallNotFound, DatabaseUnavailable
from storage.clean import clean_name
from storage.engine import sqlstate
from storage.models import CallRow, JobRow, OutsideIdRow
from storage.records import JobState
from storage.rows import call_of, call_parts

LINKING_KINDS = frozenset(
    (
        "sip-call-id",
        "siprec-session",
        "siprec-group",
        "session-id",
        "ucid",
        "cisco-guid",
        "cisco-refci",
        "tracking-id",
        "x-call-id",
    )
)
"""Outside ids that two calls have in common only where they record the same conversation."""
GAP = timedelta(seconds=10)
"""A call may begin so long after the one it goes on from has ended."""
LONGEST = timedelta(hours=12)
"""Between the starts of two calls of a conversation."""
MAX_CALLS = 8
"""An id that more calls have at a time names no conversation: some recording clients send the same one always."""
MAX_EVER = 64
"""An id that so many calls ever had is not even looked for among those of the time."""
SIMULTANEOUS = timedelta(seconds=10)
"""Between the starts of a call and its duplicate."""

DEADLOCK = "40P01"
Done = TypeVar("Done")

_LOCK = 0x43414C4C
"""Of Postgres' advisory locks: two calls of a conversation that are saved at once must see each other."""
_OLDEST_FIRST = (CallRow.started_at, CallRow.id)


def begin_linking(session: Session, call: Call) -> None:
    """Wait until no other call is being linked; before the call's own row is written, or two could block each other."""
    if _linking_ids(call):
        _keep_links(session)


def link(session: Session, call: Call) -> None:
    """Put a call that was just written into the conversation of the calls it shares an id with."""
    others = _calls_with_its_ids(session, call)
    if not others:
        return
    session.flush()
    known = select(CallRow.id, CallRow.conversation_id).where(CallRow.id.in_((call.id, *others)))
    conversations = [row.conversation_id or row.id for row in session.execute(known.order_by(*_OLDEST_FIRST))]
    target = conversations[0]
    moved = update(CallRow).where(of_conversations(conversations), CallRow.conversation_id.is_distinct_from(target))
    session.execute(moved.values(conversation_id=target))
    # All of them: what two calls have in common was perhaps never seen in this one.
    together = select(CallRow).where(CallRow.conversation_id == target).order_by(*_OLDEST_FIRST)
    _mark_duplicates(session, session.scalars(together.options(*call_parts())).all())


def lock_conversation(session: Session, call_id: UUID) -> Sequence[CallRow]:
    """The calls that record the same conversation as this one, itself included, oldest first; until the transaction
    ends nobody else writes them or ends their jobs, and none joins. Raises CallNotFound.
    """
    _keep_links(session)
    row = session.execute(select(CallRow.id, CallRow.conversation_id).where(CallRow.id == call_id)).first()
    if row is None:
        raise CallNotFound
    together = select(CallRow.id).where(of_conversations((row.conversation_id or row.id,)))
    # Jobs before calls, as the end of a job takes them; nobody writes a job that is over.
    unfinished = JobRow.state.in_((JobState.QUEUED, JobState.RUNNING))
    theirs = select(JobRow.id).where(JobRow.call_id.in_(together), unfinished).order_by(JobRow.id)
    session.execute(theirs.with_for_update())
    found = select(CallRow).where(CallRow.id.in_(together)).order_by(*_OLDEST_FIRST)
    return session.scalars(found.options(*call_parts()).with_for_update(of=CallRow)).all()


def repeat_deadlocked(work: Callable[[], Done]) -> Done:
    """Do a transaction that locks a conversation; once more where Postgres chose it to end a deadlock (40P01), as with
    a job that ends and queues another of the call."""
    try:
        return work()
    except DatabaseUnavailable as error:
        cause = error.__cause__
        if not (isinstance(cause, DBAPIError) and sqlstate(cause) == DEADLOCK):
            raise
    return work()


def _keep_links(session: Session) -> None:
    session.execute(select(func.pg_advisory_xact_lock(_LOCK)))


def of_conversations(conversations: Collection[UUID]) -> ColumnElement[bool]:
    """Whether a call belongs to one of them, each named by the id of its first call. Indexes answer it."""
    alone = and_(CallRow.conversation_id.is_(None), CallRow.id.in_(conversations))
    return or_(CallRow.conversation_id.in_(conversations), alone)


def linked_calls(session: Session, row: CallRow) -> tuple[UUID, ...]:
    """The other calls of its conversation, oldest first."""
    conversation = row.conversation_id
    if conversation is None:
        return ()
    same = CallRow.conversation_id == conversation
    query = select(CallRow.id).where(same, CallRow.id != row.id).order_by(*_OLDEST_FIRST)
    return tuple(session.scalars(query))


def _linking_ids(call: Call) -> list[tuple[str, str]]:
    pairs = ((clean_name(kind), clean_name(value)) for kind, value in call.outside_ids.pairs())
    return sorted({(kind, value) for kind, value in pairs if kind in LINKING_KINDS})


def _calls_with_its_ids(session: Session, call: Call) -> set[UUID]:
    """Other calls of about the same time that have one of its linking ids."""
    bearers = [found for kind, value in _linking_ids(call) if (found := _bearers(session, kind, value) - {call.id})]
    if not bearers:
        return set()
    ended_at = session.scalar(select(CallRow.ended_at).where(CallRow.id == call.id))
    known = CallRow.id.in_(set().union(*bearers))
    beside = set(session.scalars(select(CallRow.id).where(known, _beside(call.started_at, ended_at))))
    return set().union(*(found & beside for found in bearers if len(found & beside) < MAX_CALLS))


def _bearers(session: Session, kind: str, value: str) -> set[UUID]:
    """Calls that have an id; none where so many ever had it that it names nothing."""
    query = select(OutsideIdRow.call_id).where(OutsideIdRow.value == value, OutsideIdRow.kind == kind).limit(MAX_EVER)
    found = set(session.scalars(query))
    return found if len(found) < MAX_EVER else set()


def _beside(started_at: datetime, ended_at: datetime | None) -> ColumnElement[bool]:
    """Whether a call overlaps with that time, or comes shortly before or after."""
    rules = [
        CallRow.started_at.between(started_at - LONGEST, started_at + LONGEST),
        or_(CallRow.ended_at.is_(None), CallRow.ended_at >= started_at - GAP),
    ]
    if ended_at is not None:
        rules.append(CallRow.started_at <= ended_at + GAP)
    return and_(*rules)


def _mark_duplicates(session: Session, rows: Sequence[CallRow]) -> None:
    """Of calls with the same parties on the same channels from the same time on, the later ones are duplicates.

    `rows` are the whole conversation, oldest first.
    """
    seen: list[CallRow] = []
    for row in rows:
        original = next((earlier for earlier in seen if _is_duplicate(earlier, row)), None)
        known_as = original.id if original else None
        if row.duplicate_of != known_as:
            session.execute(update(CallRow).where(CallRow.id == row.id).values(duplicate_of=known_as))
        if original is None:
            seen.append(row)


def _is_duplicate(earlier: CallRow, later: CallRow) -> bool:
    known = _signature(earlier)
    return bool(known) and known == _signature(later) and later.started_at - earlier.started_at <= SIMULTANEOUS


def _signature(row: CallRow) -> tuple[tuple[str, str], ...]:
    """Label and party of each channel; nothing where a channel is mixed or its party unknown."""
    channels = call_of(row).channels
    if any(channel.party is None or channel.role is Role.MIXED for channel in channels):
        return ()
    return tuple((channel.label, channel.party.address) for channel in channels if channel.party)
