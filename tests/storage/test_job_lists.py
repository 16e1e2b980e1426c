"""Jobs in lists: counted, paged, and failed ones tried again."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from storage.audit import AuditFilter, AuditLog
from storage.calls import CallStore
from storage.database import Database
from storage.job_lists import JobFilter, JobLists, ListedJob
from storage.jobs import JobStore
from storage.records import JobIntent, JobKind, JobState
from tests.storage.samples import ENDED, make_call, make_recording

pytestmark = pytest.mark.integration


@pytest.fixture
def made(calls: CallStore) -> tuple[UUID, ...]:
    """Second pass and evaluation of two calls."""
    found: list[UUID] = []
    for _ in range(2):
        call = make_call()
        calls.save_call(call, "node-1")
        intents = tuple(JobIntent.of(call.id, kind) for kind in (JobKind.SECOND_PASS, JobKind.EVALUATE))
        calls.end_call(call.id, ENDED, make_recording(call), intents)
        found += [intent.id for intent in intents]
    return tuple(found)


def give_up(jobs: JobStore, job_id: UUID) -> None:
    assert jobs.begin(job_id) is not None
    jobs.fail(job_id, "The recording is gone.", hopeless=True)


def test_pages_hold_each_job_once_with_its_calls_trunk(database: Database, made: tuple[UUID, ...]) -> None:
    lists, cursor = JobLists(database), None
    seen: list[ListedJob] = []
    while True:
        page = lists.page(JobFilter(), 3, cursor)
        seen += page.jobs
        if (cursor := page.cursor) is None:
            break
    assert sorted(listed.job.id for listed in seen) == sorted(made)
    assert all(listed.trunk and listed.call_started_at < datetime.now(UTC) for listed in seen)
    for cursor in ("x", "!", "MjAyNg"):
        with pytest.raises(ValueError, match="cursor"):
            lists.page(JobFilter(), 3, cursor)


def test_jobs_are_counted_and_listed_by_state_and_kind(
    database: Database, jobs: JobStore, made: tuple[UUID, ...]
) -> None:
    give_up(jobs, made[0])
    lists = JobLists(database)
    counts = {(count.state, count.kind): count.number for count in lists.counts()}
    assert counts == {
        (JobState.FAILED, JobKind.SECOND_PASS): 1,
        (JobState.QUEUED, JobKind.SECOND_PASS): 1,
        (JobState.QUEUED, JobKind.EVALUATE): 2,
    }
    (failed,) = lists.page(JobFilter(state=JobState.FAILED)).jobs
    assert (failed.job.id, failed.job.error) == (made[0], "The recording is gone.")
    assert len(lists.page(JobFilter(kind=JobKind.EVALUATE)).jobs) == 2
    assert lists.page(JobFilter(trunk="elsewhere")).jobs == ()


def test_only_failed_jobs_are_tried_again_and_the_audit_log_tells_who_asked(
    database: Database, jobs: JobStore, made: tuple[UUID, ...]
) -> None:
    lists = JobLists(database)
    for job_id in made[:3]:
        give_up(jobs, job_id)
    assert lists.retry(JobFilter(), [made[3], uuid4()], "ann") == 0
    assert lists.retry(JobFilter(kind=JobKind.EVALUATE), None, "ann") == 1
    assert lists.retry(JobFilter(), [made[0]], "ann") == 1
    assert lists.retry(JobFilter()) == 1
    entries = AuditLog(database).entries(AuditFilter(action="jobs.retried")).entries
    assert [(entry.by, entry.detail["jobs"]) for entry in entries] == [("api", 1), ("ann", 1), ("ann", 1)]
    assert {count.state for count in lists.counts()} == {JobState.QUEUED}
