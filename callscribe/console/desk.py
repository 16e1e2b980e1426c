"""The API's routes that change something: hotword lists, and jobs that shall be tried again."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path
from starlette.exceptions import HTTPException

from callscribe.console.models import HotwordListAnswer, HotwordListRequest
from callscribe.console.problems import responses
from callscribe.console.reference import API
from callscribe.console.sources import SourcesOf
from callscribe.domain.hotword import Hotword

router = APIRouter(prefix=API)

ListName = Annotated[
    str,
    # Something that can be seen, and no control characters: Postgres has no place for NUL.
    Path(min_length=1, max_length=100, pattern=r"^\P{Cc}*[^\s\p{Cc}]\P{Cc}*$", description="Name of the list."),
]


@router.get("/hotwords", tags=["Hotwords"], responses=responses(503))
def list_hotwords(sources: SourcesOf) -> list[HotwordListAnswer]:
    """All hotword lists, by name."""
    return [HotwordListAnswer.of(found) for found in sources.hotwords.lists()]


@router.get("/hotwords/{name}", tags=["Hotwords"], responses=responses(404, 422, 503))
def get_hotwords(sources: SourcesOf, name: ListName) -> HotwordListAnswer:
    """One list."""
    found = sources.hotwords.find(name)
    if found is None:
        raise _no_list()
    return HotwordListAnswer.of(found)


@router.put("/hotwords/{name}", tags=["Hotwords"], responses=responses(422, 503))
def put_hotwords(sources: SourcesOf, name: ListName, wanted: HotwordListRequest) -> HotwordListAnswer:
    """Make the list, or give it other words and other calls to be for. A trunk names the lists of its calls."""
    words = [Hotword(word.text, word.weight) for word in wanted.words]
    return HotwordListAnswer.of(sources.hotwords.put(name, words, wanted.languages, wanted.agents))


@router.delete("/hotwords/{name}", tags=["Hotwords"], status_code=204, responses=responses(404, 422, 503))
def delete_hotwords(sources: SourcesOf, name: ListName) -> None:
    """Remove the list."""
    if not sources.hotwords.delete(name):
        raise _no_list()


@router.post("/jobs/{job_id}/retry", tags=["Jobs"], status_code=202, responses=responses(409, 422, 503))
def retry_job(sources: SourcesOf, job_id: UUID) -> None:
    """Queue a job that was given up, with all of its attempts."""
    if not sources.jobs.retry(job_id):
        raise HTTPException(409, "Only a job that has failed can be tried again; its call's `jobs` tell the state.")


def _no_list() -> HTTPException:
    return HTTPException(404, "There is no hotword list of this name; /api/v1/hotwords lists them.")
