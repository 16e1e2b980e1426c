"""The API's route for a call's waveform: how loud each party is over time."""

import base64
import hashlib
from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query
from pydantic import Field
from starlette.responses import Response

from callscribe.console.answer import Answer
from callscribe.console.calls import Key
from callscribe.console.problems import responses
from callscribe.console.recorded import audible_file
from callscribe.console.reference import API
from callscribe.console.sources import SourcesOf
from callscribe.domain.audio import samples_to_ms
from callscribe.domain.call import Call, CallState
from callscribe.domain.errors import RecordingNotFound
from storage.waveform import LEAST_POINT_MS, ChannelShape, Waveform, waveform_of

router = APIRouter(prefix=API, tags=["Calls"])

LEAST_POINTS, MOST_POINTS = 100, 10_000
ANSWERS: dict[int | str, dict[str, object]] = responses(404, 409, 422, 503) | {
    304: {"description": "It is what the entity tag in If-None-Match names."}
}


class ShapeAnswer(Answer):
    """How loud one channel is: Base64 (RFC 4648) of a byte for each point, 0 for silence, 255 for full scale."""

    channel: int = Field(description="Index of the channel.")
    peaks: str = Field(description="The loudest sample of each point.")
    levels: str = Field(description="The root mean square of each point.")

    @classmethod
    def of(cls, index: int, shape: ChannelShape) -> "ShapeAnswer":
        peaks, levels = (base64.b64encode(each).decode() for each in (shape.peaks, shape.levels))
        return cls(channel=index, peaks=peaks, levels=levels)


class WaveformAnswer(Answer):
    """How loud the channels of a recording are over time."""

    call_id: UUID
    duration_ms: int = Field(description="Of what is recorded so far.")
    point_ms: float = Field(description="What a point stands for; the last may stand for less.")
    channels: list[ShapeAnswer]

    @classmethod
    def of(cls, call_id: UUID, waveform: Waveform) -> "WaveformAnswer":
        return cls(
            call_id=call_id,
            duration_ms=samples_to_ms(waveform.samples, waveform.rate),
            point_ms=waveform.point_samples * 1000 / waveform.rate,
            channels=[ShapeAnswer.of(index, shape) for index, shape in enumerate(waveform.channels)],
        )

    @classmethod
    def silent(cls, call: Call) -> "WaveformAnswer":
        """Of a call of which nothing is recorded yet."""
        channels = [ShapeAnswer(channel=channel.index, peaks="", levels="") for channel in call.channels]
        return cls(call_id=call.id, duration_ms=0, point_ms=LEAST_POINT_MS, channels=channels)


@router.get(
    "/calls/{key:path}/waveform",
    response_model=WaveformAnswer,
    responses=ANSWERS,
)
def get_waveform(
    sources: SourcesOf,
    key: Key,
    points: Annotated[
        int, Query(ge=LEAST_POINTS, le=MOST_POINTS, description="Points at most; none is shorter than 10 ms.")
    ] = 2000,
    if_none_match: Annotated[str | None, Header(description="`ETag` of the waveform that is there already.")] = None,
) -> Response:
    """How loud each channel is over time, also of a call that goes on: what is recorded so far, if only on its machine.

    What is bleeped in the recording is the bleep's tone here; with `redaction` there is none before job `bleep` is done
    (409). A pause is silence.
    """
    record = sources.reader.call(key)
    try:
        path = audible_file(sources, record)
        state = path.stat()
    except (RecordingNotFound, OSError) as error:
        if record.state is CallState.ACTIVE:
            return _answer(WaveformAnswer.silent(record.call), {})
        raise RecordingNotFound from error
    made = f"{path}:{state.st_ino}:{state.st_size}:{state.st_mtime_ns}:{points}"
    headers = {"etag": f'"{hashlib.sha256(made.encode()).hexdigest()[:32]}"', "cache-control": "private, no-cache"}
    if if_none_match is not None and headers["etag"] in if_none_match:
        return Response(status_code=304, headers=headers)
    return _answer(WaveformAnswer.of(record.call.id, waveform_of(path, points, sources.recording_keys)), headers)


def _answer(told: WaveformAnswer, headers: Mapping[str, str]) -> Response:
    return Response(told.model_dump_json(), media_type="application/json", headers=headers)
