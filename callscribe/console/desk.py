"""The API's route for jobs that shall be tried again."""

from uuid import UUID

from fastapi import APIRouter
from starlette.exceptions import HTTPException

from callscribe.console.problems import responses
from callscribe.console.reference import API
from callscribe.console.sources import SourcesOf

router = APIRouter(prefix=API)


@router.post("/jobs/{job_id}/retry", tags=["Jobs"], status_code=202, responses=responses(409, 422, 503))
def retry_job(sources: SourcesOf, job_id: UUID) -> None:
    """Queue a job that was given up, with all of its attempts."""
    if not sources.jobs.retry(job_id):
        raise HTTPException(409, "Only a job that has failed can be tried again; its call's `jobs` tell the state.")
