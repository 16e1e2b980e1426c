"""The API's route for the transcripts of many calls at once."""

from collections.abc import Iterator
from functools import partial
from itertools import chain, islice
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import StreamingResponse

from callscribe.console.moment import Moment
from callscribe.console.problems import responses
from callscribe.console.recorded import audio_of
from callscribe.console.reference import API
from callscribe.console.sources import SourcesOf
from callscribe.domain.call import CallState
from callscribe.domain.errors import CallNotFound
from callscribe.domain.utterance import Transcript
from callscribe.text.bundles import bundle_format
from storage.reader import CallReader
from storage.records import CallFilter

router = APIRouter(prefix=API, tags=["Calls"])

PAGE = 100
"""Calls that are asked for at once."""


class ExportQuery(BaseModel):
    """Which calls' transcripts, and how they are written; every condition that is given must hold."""

    model_config = ConfigDict(extra="forbid")

    style: Literal["json", "txt", "srt", "vtt", "csv", "vcon"] = Field(
        "json",
        alias="format",
        description="`json` gives a line a call (NDJSON), `csv` one table, the others a ZIP with a file a call.",
    )
    since: Moment | None = Field(None, description="Started at or after this time (ISO 8601 with zone).")
    until: Moment | None = Field(None, description="Started before this time (ISO 8601 with zone).")
    trunk: str | None = Field(None, max_length=200, description="Name of a trunk.")

    @property
    def conditions(self) -> CallFilter:
        return CallFilter(trunk=self.trunk, since=self.since, until=self.until)


@router.get("/export", response_class=StreamingResponse, responses=responses(422, 503))
def export(sources: SourcesOf, wanted: Annotated[ExportQuery, Query()]) -> StreamingResponse:
    """The transcripts of calls that do not go on any more, newest first, as a stream of any length.

    An answer that breaks off is not whole: it lacks the end of its HTTP framing.
    """
    kind = bundle_format(wanted.style, partial(audio_of, sources))
    found = _transcripts(sources.reader, wanted.conditions)
    # The first is read before the answer begins: what fails until then can still be told by its status.
    first = list(islice(found, 1))
    return StreamingResponse(
        kind.write(chain(first, found)),
        media_type=kind.media_type,
        headers={"content-disposition": f'attachment; filename="calls{kind.suffix}"'},
    )


def _transcripts(reader: CallReader, conditions: CallFilter) -> Iterator[Transcript]:
    """By pages of a list to which calls may be added meanwhile. One that is erased meanwhile is left out."""
    cursor: str | None = None
    while True:
        page = reader.list_calls(conditions, PAGE, cursor)
        for summary in page.calls:
            if summary.state is CallState.ACTIVE:
                continue
            try:
                yield reader.transcript(summary.call.id)
            except CallNotFound:
                continue
        cursor = page.cursor
        if cursor is None:
            return
