"""What webhooks are told: written with what they are told of, sent by any number of workers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from storage.clean import clean_name
from storage.cursors import read_number
from storage.database import Database
from storage.models import CallRow, JobRow, WebhookDeliveryRow, WebhookHoldRow
from storage.records import DeliveryState, JobState

MAX_ATTEMPTS = 8
LONGEST_WAIT_S = 86_400.0
"""Between two attempts, whatever a receiver asks for."""
ERROR_LIMIT = 500
PAGE_LIMIT = 500

NOW = func.now()

HooksOf = Callable[[str], Sequence[str]]
"""The names of the webhooks that are told of a trunk's calls."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What one webhook is told of one processing of a call. Times are aware UTC."""

    id: int
    hook: str
    call_id: UUID
    processing: int
    """1 for the first time that nothing of the call was left to do."""
    state: DeliveryState
    attempts: int
    error: str
    """Why the last attempt failed, one sentence; "" when it did not."""
    due_at: datetime
    created_at: datetime
    finished_at: datetime | None
    """When it was delivered or given up."""


@dataclass(frozen=True, slots=True)
class Hold:
    """What a receiver asked for: that nothing more is sent to it for now."""

    address: str
    """Of the receiver, as `claim` has it."""
    wait_s: float | None = None
    """None: until somebody has it go on."""

    @property
    def bounded_s(self) -> float:
        """At most a day."""
        return LONGEST_WAIT_S if self.wait_s is None else min(max(self.wait_s, 0.0), LONGEST_WAIT_S)


@dataclass(frozen=True, slots=True)
class HeldWebhook:
    """A webhook to which nothing is sent for now. Times are aware UTC."""

    hook: str
    reason: str
    since: datetime
    until: datetime | None
    """None: until somebody has it go on."""
    queued: int
    """Deliveries that wait for it."""


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """Deliveries, newest first, and where to go on; `cursor` None: these were the last."""

    deliveries: tuple[Delivery, ...]
    cursor: str | None


def back_off(attempt: int) -> timedelta:
    """How long after the failure of attempt 1, 2, … the next is due: 30 s, 2 min, 8 min … at most a day; with all
    attempts about 35 h."""
    return timedelta(seconds=min(30.0 * 4.0 ** (attempt - 1), LONGEST_WAIT_S))


def write_deliveries(session: Session, call: CallRow, hooks_of: HooksOf, priority: int) -> None:
    """Queue a delivery for each of the call's webhooks if nothing of the call is left to do; `priority` is the job's.

    For the transaction that ends a job, with the call's row locked: of jobs that end together, one is the last.
    """
    hooks = hooks_of(call.trunk)
    unfinished = JobRow.state.in_((JobState.QUEUED, JobState.RUNNING))
    if not hooks or session.scalar(select(exists().where(JobRow.call_id == call.id, unfinished))):
        return
    before = select(func.max(WebhookDeliveryRow.processing)).where(WebhookDeliveryRow.call_id == call.id)
    processing = (session.scalar(before) or 0) + 1
    told = {"call_id": call.id, "processing": processing, "priority": priority}
    session.add_all(WebhookDeliveryRow(hook=hook, **told) for hook in hooks)


class WebhookStore:
    """Hands out deliveries and lists them. All methods raise DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, hook: str, address: str, lease_s: float) -> Delivery | None:
        """The webhook's next delivery, for `lease_s` seconds; None where none is due, or `address` asked for none.

        Those of new calls go before those of calls that are done again in bulk, then the one that is due longest.
        `address` stands for the receiver, without telling its URL. Callers at the same time get different ones.
        """
        free = or_(WebhookDeliveryRow.lease_until.is_(None), WebhookDeliveryRow.lease_until <= NOW)
        held = exists().where(
            WebhookHoldRow.hook == hook,
            WebhookHoldRow.address == address,
            or_(WebhookHoldRow.until.is_(None), WebhookHoldRow.until > NOW),
        )
        due = (
            select(WebhookDeliveryRow)
            .where(WebhookDeliveryRow.hook == hook, WebhookDeliveryRow.state == DeliveryState.QUEUED)
            .where(WebhookDeliveryRow.due_at <= NOW, free, ~held)
            .order_by(WebhookDeliveryRow.priority, WebhookDeliveryRow.due_at, WebhookDeliveryRow.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        with self._database.transaction() as session:
            row = session.scalar(due)
            if row is None:
                return None
            row.lease_until = NOW + timedelta(seconds=lease_s)
            return _delivery_of(row)

    def note_sent(self, delivery_id: int) -> None:
        """The receiver has it."""
        with self._database.transaction() as session:
            if row := _hold_queued(session, delivery_id):
                row.attempts += 1
                row.state, row.error = DeliveryState.DONE, ""
                row.lease_until, row.finished_at = None, NOW

    def note_failed(self, delivery_id: int, sentence: str, *, hopeless: bool = False, hold: Hold | None = None) -> bool:
        """Note why an attempt failed. True when there will be another, after `back_off`; False when it was the last,
        as that of a `hopeless` one is, or the delivery is no longer there.

        With a `hold` no delivery of the webhook is due before its end, and this one not before `back_off` either.
        """
        with self._database.transaction() as session:
            row = _hold_queued(session, delivery_id)
            if row is None:
                return False
            row.attempts += 1
            row.error = clean_name(sentence, ERROR_LIMIT)
            row.lease_until = None
            if hold is not None:
                _write_hold(session, row.hook, hold, row.error)
            if hopeless or row.attempts >= MAX_ATTEMPTS:
                row.state, row.finished_at = DeliveryState.DEAD, NOW
                return False
            asked = timedelta(seconds=hold.bounded_s if hold else 0.0)
            row.due_at = NOW + max(back_off(row.attempts), asked)
            return True

    def retry(self, delivery_id: int) -> bool:
        """Queue a dead delivery, with all its attempts; False where there is none. Its webhook goes on."""
        again = {"state": DeliveryState.QUEUED, "attempts": 0, "due_at": NOW, "finished_at": None}
        dead = WebhookDeliveryRow.id == delivery_id, WebhookDeliveryRow.state == DeliveryState.DEAD
        with self._database.transaction() as session:
            queued = update(WebhookDeliveryRow).where(*dead).values(**again).returning(WebhookDeliveryRow.hook)
            hook = session.scalar(queued)
            if hook is not None:
                session.execute(delete(WebhookHoldRow).where(WebhookHoldRow.hook == hook))
            return hook is not None

    def held(self) -> tuple[HeldWebhook, ...]:
        """Webhooks to which nothing is sent for now, by name."""
        waiting = (
            select(func.count())
            .where(WebhookDeliveryRow.hook == WebhookHoldRow.hook, WebhookDeliveryRow.state == DeliveryState.QUEUED)
            .scalar_subquery()
        )
        still = or_(WebhookHoldRow.until.is_(None), WebhookHoldRow.until > NOW)
        query = select(WebhookHoldRow, waiting).where(still).order_by(WebhookHoldRow.hook)
        with self._database.transaction() as session:
            return tuple(
                HeldWebhook(row.hook, row.reason, row.created_at, row.until, queued)
                for row, queued in session.execute(query)
            )

    def resume(self, hook: str) -> bool:
        """Have the webhook go on at once, whatever its receiver asked for; False where nothing is held."""
        with self._database.transaction() as session:
            ended = delete(WebhookHoldRow).where(WebhookHoldRow.hook == hook).returning(WebhookHoldRow.hook)
            if session.scalar(ended) is None:
                return False
            queued = WebhookDeliveryRow.hook == hook, WebhookDeliveryRow.state == DeliveryState.QUEUED
            session.execute(update(WebhookDeliveryRow).where(*queued).values(due_at=NOW))
            return True

    def deliveries(
        self, state: DeliveryState | None = None, limit: int = 50, cursor: str | None = None
    ) -> DeliveryPage:
        """The newest deliveries, at most `limit` (1 to 500), from where `cursor` says.

        Raises ValueError for a limit out of bounds or a cursor that no page gave.
        """
        if not 1 <= limit <= PAGE_LIMIT:
            raise ValueError(f"limit must be 1 to {PAGE_LIMIT}")
        query = select(WebhookDeliveryRow).order_by(WebhookDeliveryRow.id.desc()).limit(limit + 1)
        if state is not None:
            query = query.where(WebhookDeliveryRow.state == state)
        if cursor is not None:
            query = query.where(WebhookDeliveryRow.id < read_number(cursor))
        with self._database.transaction() as session:
            rows = session.scalars(query).all()
        shown = tuple(map(_delivery_of, rows[:limit]))
        return DeliveryPage(shown, str(shown[-1].id) if len(rows) > limit else None)


def _hold_queued(session: Session, delivery_id: int) -> WebhookDeliveryRow | None:
    queued = WebhookDeliveryRow.id == delivery_id, WebhookDeliveryRow.state == DeliveryState.QUEUED
    return session.scalar(select(WebhookDeliveryRow).where(*queued).with_for_update())


def _write_hold(session: Session, hook: str, hold: Hold, reason: str) -> None:
    """The newest wish of a receiver stands; that it wants no more is not taken back by one that was under way."""
    until = None if hold.wait_s is None else NOW + timedelta(seconds=hold.bounded_s)
    told = {"address": hold.address, "reason": reason, "until": until, "created_at": NOW}
    upsert = insert(WebhookHoldRow).values(hook=hook, **told)
    weaker = or_(WebhookHoldRow.until.is_not(None), WebhookHoldRow.address != hold.address)
    session.execute(upsert.on_conflict_do_update(index_elements=[WebhookHoldRow.hook], set_=told, where=weaker))


def _delivery_of(row: WebhookDeliveryRow) -> Delivery:
    return Delivery(
        id=row.id,
        hook=row.hook,
        call_id=row.call_id,
        processing=row.processing,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        error=row.error,
        due_at=row.due_at,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )
