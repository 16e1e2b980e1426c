"""Scorecards and their versions, and calls that shall be evaluated again."""

from collections.abc import Callable
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from callscribe.domain.errors import CallNotFound, ScorecardOutdated
from callscribe.domain.scores import Evaluation
from callscribe.text.scorecard import Scorecard
from callscribe.text.scoring import NamedScorecard
from storage.assist_rules import anything
from storage.audit import write_audit
from storage.clean import clean_name
from storage.database import Database
from storage.evaluations import queue_evaluations
from storage.measures import read_evaluation
from storage.models import CallRow, ScorecardRow
from storage.records import CallFilter

BULK_PRIORITY = 1
"""New calls need not wait for many that are evaluated again (storage.records.JobIntent)."""


class ScorecardStore:
    """Keeps scorecards, and reads what they found. All methods raise DatabaseUnavailable.

    `expects`: which version may stand before a change, 0 where there is no scorecard; where it is false of the one that
    does, ScorecardOutdated is raised.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> tuple[NamedScorecard, ...]:
        """The newest version of each scorecard that has not been removed, by name."""
        with self._database.transaction() as session:
            rows = session.scalars(_newest())
            return tuple(_named(row) for row in rows if row.definition is not None)

    def find(self, name: str, version: int | None = None) -> NamedScorecard | None:
        """This version of a scorecard, or the newest; None where there is none, or it was removed."""
        query = _newest().where(ScorecardRow.name == clean_name(name))
        if version is not None:
            query = select(ScorecardRow).where(ScorecardRow.name == clean_name(name), ScorecardRow.version == version)
        with self._database.transaction() as session:
            row = session.scalar(query)
            return None if row is None or row.definition is None else _named(row)

    def put(self, name: str, card: Scorecard, by: str, expects: Callable[[int], bool] = anything) -> NamedScorecard:
        """Make a new version, for calls that end from now on; the newest stands where it says the same."""
        with self._database.transaction() as session:
            newest = _hold_newest(session, clean_name(name))
            if newest is not None and newest.definition is not None and _card(newest.definition) == card:
                return _named(newest)
            if not expects(_standing(newest)):
                raise ScorecardOutdated
            return _named(_add(session, clean_name(name), newest, card, by))

    def delete(self, name: str, by: str, expects: Callable[[int], bool] = anything) -> bool:
        """Let it score no more calls; False when there is none. Its versions stay, for calls were scored by them."""
        with self._database.transaction() as session:
            newest = _hold_newest(session, clean_name(name))
            if newest is None or newest.definition is None:
                return False
            if not expects(newest.version):
                raise ScorecardOutdated
            _add(session, newest.name, newest, None, by)
            return True

    def evaluation(self, call_id: UUID) -> Evaluation | None:
        """What was found in the call last; None where it has not been evaluated."""
        with self._database.transaction() as session:
            return read_evaluation(session, call_id)

    def evaluate_again(self, call_id: UUID) -> None:
        """Queue an evaluation of a call, as it stands now. Raises CallNotFound also for one that has not ended."""
        with self._database.transaction() as session:
            if not queue_evaluations(session, CallRow.id == call_id, priority=0):
                raise CallNotFound

    def evaluate_all(self, which: CallFilter) -> int:
        """Queue an evaluation of every ended call that started in a time, on a trunk or all; how many they are."""
        rules: list[ColumnElement[bool]] = [CallRow.started_at >= which.since] if which.since else []
        if which.until is not None:
            rules.append(CallRow.started_at < which.until)
        if which.trunk is not None:
            rules.append(CallRow.trunk == clean_name(which.trunk))
        with self._database.transaction() as session:
            return queue_evaluations(session, *rules, priority=BULK_PRIORITY)


def _newest() -> Select[ScorecardRow]:
    newest = select(ScorecardRow).ext(distinct_on(ScorecardRow.name))
    return newest.order_by(ScorecardRow.name, ScorecardRow.version.desc())


def _hold_newest(session: Session, name: str) -> ScorecardRow | None:
    """Nobody else makes a version of it until the transaction ends."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"scorecard {name}", 0))))
    return session.scalar(_newest().where(ScorecardRow.name == name))


def _standing(newest: ScorecardRow | None) -> int:
    return 0 if newest is None or newest.definition is None else newest.version


def _add(session: Session, name: str, newest: ScorecardRow | None, card: Scorecard | None, by: str) -> ScorecardRow:
    """The audit log names the scorecard, not what is on it."""
    who = clean_name(by.strip())
    row = ScorecardRow(
        name=name,
        version=newest.version + 1 if newest else 1,
        definition=None if card is None else card.model_dump(mode="json"),
        by=who,
    )
    session.add(row)
    session.flush()
    action = "scorecards.deleted" if card is None else "scorecards.changed"
    write_audit(session, action=action, subject=name, by=who, detail={"version": row.version})
    return row


def _card(definition: object) -> Scorecard:
    return Scorecard.model_validate(definition)


def _named(row: ScorecardRow) -> NamedScorecard:
    return NamedScorecard(row.name, row.version, _card(row.definition))
