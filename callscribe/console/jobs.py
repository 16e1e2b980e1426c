"""The API's routes for work on ended calls: how it stands, and what shall be tried again."""

import asyncio
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from callscribe.console.answer import Answer
from callscribe.console.models import JobAnswer
from callscribe.console.problems import responses
from callscribe.console.reference import API
from callscribe.console.sources import Sources, SourcesOf
from callscribe.domain.errors import EventsUnavailable
from callscribe.events.board import WORKER_ROLE
from storage.audit import acting_as
from storage.job_lists import MOST_RETRIED, PAGE_LIMIT, JobCount, JobFilter, JobPage, ListedJob
from storage.records import JobKind, JobState

router = APIRouter(prefix=API, tags=["Jobs"])


class JobCondition(BaseModel):
    """Which jobs; every condition that is given must hold."""

    model_config = ConfigDict(extra="forbid")

    kind: JobKind | None = Field(None, description="What is done.")
    trunk: str | None = Field(None, max_length=200, description="Of calls of this trunk.")


class JobQuery(JobCondition):
    """Which jobs to list."""

    state: JobState | None = Field(None, description="`failed` lists what was given up.")
    limit: int = Field(50, ge=1, le=PAGE_LIMIT, description="Jobs at most.")
    cursor: str | None = Field(None, max_length=200, description="`cursor` of the stretch before.")

    @property
    def conditions(self) -> JobFilter:
        return JobFilter(self.state, self.kind, self.trunk)


class ListedJobAnswer(JobAnswer):
    """A job with the call that it is for. It names no party."""

    call_id: UUID
    trunk: str = Field(description="Of the call.")
    call_started_at: datetime = Field(description="UTC.")
    created_at: datetime = Field(description="UTC.")
    started_at: datetime | None = Field(description="When the last attempt began, UTC; null before the first.")

    @classmethod
    def of_listed(cls, listed: ListedJob) -> "ListedJobAnswer":
        job = listed.job
        told = JobAnswer.of(job).model_dump()
        return cls(
            **told,
            call_id=job.call_id,
            trunk=listed.trunk,
            call_started_at=listed.call_started_at,
            created_at=job.created_at,
            started_at=job.started_at,
        )


class JobPageAnswer(Answer):
    """A stretch of the jobs, newest first."""

    jobs: list[ListedJobAnswer]
    cursor: str | None = Field(description="Pass it as `cursor` for the next stretch; null when this is the last.")

    @classmethod
    def of(cls, page: JobPage) -> "JobPageAnswer":
        return cls(jobs=[ListedJobAnswer.of_listed(listed) for listed in page.jobs], cursor=page.cursor)


class JobCountAnswer(Answer):
    """The jobs of one kind that are in one state."""

    state: JobState
    kind: JobKind
    number: int
    oldest_at: datetime = Field(description="When the oldest of them was made, UTC.")

    @classmethod
    def of(cls, count: JobCount) -> "JobCountAnswer":
        return cls(state=count.state, kind=count.kind, number=count.number, oldest_at=count.oldest_at)


class JobCountsAnswer(Answer):
    """How the work stands."""

    counts: list[JobCountAnswer] = Field(description="By state and kind; what does not occur is left out.")
    workers: list[str] | None = Field(
        description="Nodes whose workers run now; null while the event store does not answer."
    )


class RetryRequest(JobCondition):
    """Which failed jobs shall be tried again."""

    ids: list[UUID] | None = Field(None, min_length=1, max_length=MOST_RETRIED, description="Of these; null: of all.")


class RetriedAnswer(Answer):
    """How many jobs were queued again."""

    jobs: int


@router.get("/jobs", responses=responses(422, 503))
def list_jobs(sources: SourcesOf, query: Annotated[JobQuery, Query()]) -> JobPageAnswer:
    """Work on ended calls, the newest first: what waits, what is done, and what failed for which reason."""
    try:
        return JobPageAnswer.of(sources.job_lists.page(query.conditions, query.limit, query.cursor))
    except ValueError as error:
        raise HTTPException(422, f"cursor: {error}; begin again without one") from error


@router.get("/jobs/counts", responses=responses(503))
async def count_jobs(sources: SourcesOf) -> JobCountsAnswer:
    """How many jobs there are of each kind and state, how old the oldest is, and who works on them."""
    counts, workers = await asyncio.gather(asyncio.to_thread(sources.job_lists.counts), _workers(sources))
    return JobCountsAnswer(counts=[JobCountAnswer.of(count) for count in counts], workers=workers)


@router.post("/jobs/retry", status_code=202, responses=responses(422, 503))
def retry_jobs(sources: SourcesOf, wanted: RetryRequest) -> RetriedAnswer:
    """Queue jobs that were given up, with all of their attempts: at most 1,000, the oldest first."""
    conditions = JobFilter(kind=wanted.kind, trunk=wanted.trunk)
    return RetriedAnswer(jobs=sources.job_lists.retry(conditions, wanted.ids, acting_as.get()))


@router.post("/jobs/{job_id}/retry", status_code=202, responses=responses(409, 422, 503))
def retry_job(sources: SourcesOf, job_id: UUID) -> None:
    """Queue a job that was given up, with all of its attempts."""
    if not sources.job_lists.retry(JobFilter(), [job_id], acting_as.get()):
        raise HTTPException(409, "Only a job that has failed can be tried again; its call's `jobs` tell the state.")


async def _workers(sources: Sources) -> list[str] | None:
    try:
        boards = await sources.board.read_all()
    except EventsUnavailable:
        return None
    return sorted(name.removeprefix(WORKER_ROLE) for name in boards if name.startswith(WORKER_ROLE))
