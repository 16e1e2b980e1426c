"""How many calls came over each trunk, and what became of them and of the work on them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Row, func, select

from callscribe.domain.call import CallState
from storage.database import Database
from storage.models import CallRow, JobRow
from storage.records import JobState

ENDED_WELL = ("bye", "drained")
"""How calls end that nothing went wrong with."""

LOOKED_BACK = timedelta(days=30)
"""For a trunk's last call."""


@dataclass(frozen=True, slots=True)
class TrunkTraffic:
    """The calls of one trunk."""

    active: int = 0
    """That go on."""
    begun: int = 0
    """That began since the time asked for."""
    broken: int = 0
    """Of these, those that ended otherwise than by a hang-up or because the service was stopped in good order."""
    failed_jobs: int = 0
    """Given up, of calls of any age."""
    last_at: datetime | None = None
    """When the newest began, aware UTC; None: none did within LOOKED_BACK."""


class TrafficReader:
    """Counts calls by trunk. Raises DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def by_trunk(self, trunks: Sequence[str], since: datetime) -> Mapping[str, TrunkTraffic]:
        """Of each of these trunks; `since` is aware."""
        broken = func.count().filter(CallRow.end_reason.is_not(None), CallRow.end_reason.not_in(ENDED_WELL))
        begun = select(CallRow.trunk, func.count(), broken).where(CallRow.started_at >= since)
        active = select(CallRow.trunk, func.count()).where(CallRow.state == CallState.ACTIVE)
        failed = select(CallRow.trunk, func.count()).join(JobRow, JobRow.call_id == CallRow.id)
        failed = failed.where(JobRow.state == JobState.FAILED)
        with self._database.transaction() as session:
            begun_of = {row[0]: row for row in session.execute(begun.group_by(CallRow.trunk))}
            active_of = _counts(session.execute(active.group_by(CallRow.trunk)))
            failed_of = _counts(session.execute(failed.group_by(CallRow.trunk)))
            newest = {
                trunk: session.scalar(
                    select(CallRow.started_at)
                    .where(CallRow.trunk == trunk, CallRow.started_at >= func.now() - LOOKED_BACK)
                    .order_by(CallRow.started_at.desc(), CallRow.id.desc())
                    .limit(1)
                )
                for trunk in trunks
            }
        return {
            trunk: TrunkTraffic(
                active=active_of.get(trunk, 0),
                begun=begun_of[trunk][1] if trunk in begun_of else 0,
                broken=begun_of[trunk][2] if trunk in begun_of else 0,
                failed_jobs=failed_of.get(trunk, 0),
                last_at=newest[trunk],
            )
            for trunk in trunks
        }

    def active_by_node(self) -> Mapping[str, int]:
        """How many calls each node has that go on, as the database knows."""
        query = select(CallRow.node, func.count()).where(CallRow.state == CallState.ACTIVE).group_by(CallRow.node)
        with self._database.transaction() as session:
            return _counts(session.execute(query))


def _counts(rows: Iterable[Row[str, int]]) -> dict[str, int]:
    return {row[0]: row[1] for row in rows}
