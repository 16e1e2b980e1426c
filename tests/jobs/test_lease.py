import time
from uuid import UUID, uuid4

import pytest

from callscribe.domain.errors import DatabaseOutdated, DatabaseUnavailable, StorageError
from callscribe.jobs.lease import KeptLease


class Jobs:
    """Notes renewals; the first `outages` of them fail as told."""

    def __init__(
        self, *, outages: int = 0, running: bool = True, failure: type[StorageError] = DatabaseUnavailable
    ) -> None:
        self.failure = failure
        self.renewed: list[tuple[UUID, float]] = []
        self.outages = outages
        self.running = running

    def renew(self, job_id: UUID, lease_s: float) -> bool:
        self.renewed.append((job_id, lease_s))
        if len(self.renewed) <= self.outages:
            raise self.failure
        return self.running


def test_a_lease_is_renewed_three_times_in_its_length_until_the_work_is_over() -> None:
    jobs, job_id = Jobs(), uuid4()
    with KeptLease(jobs, job_id, lease_s=0.3):
        time.sleep(0.55)
    known = len(jobs.renewed)
    assert known in (4, 5)
    assert set(jobs.renewed) == {(job_id, 0.3)}
    time.sleep(0.2)
    assert len(jobs.renewed) == known


@pytest.mark.parametrize("failure", [DatabaseUnavailable, DatabaseOutdated])
def test_renewing_goes_on_after_an_outage_of_the_database(failure: type[StorageError]) -> None:
    jobs = Jobs(outages=2, failure=failure)
    with KeptLease(jobs, uuid4(), lease_s=0.06):
        time.sleep(0.2)
    assert len(jobs.renewed) > 2


def test_renewing_ends_with_a_job_that_no_longer_runs() -> None:
    jobs = Jobs(running=False)
    with KeptLease(jobs, uuid4(), lease_s=0.03):
        time.sleep(0.1)
    assert len(jobs.renewed) == 1


def test_a_failure_of_the_work_is_not_hidden() -> None:
    with pytest.raises(ValueError, match="the work"), KeptLease(Jobs(), uuid4()):
        raise ValueError("the work")
