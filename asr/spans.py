"""Where somebody speaks in a recording: what a second pass wants to know when nobody has listened before."""

import numpy as np
import soxr

from asr.activity import WINDOW, Activity, ActivityModel
from asr.endpointing import Began, Ended, Endpointer
from asr.engine import ENGINE_RATE
from asr.packing import Span
from asr.resampling import Samples
from asr.settings import EndpointSettings

_SETTINGS = EndpointSettings(hang_ms=480, open_hang_ms=480)
"""Nobody reads the words here, so that silence alone decides."""


def spoken_spans(pcm: Samples, rate: int) -> tuple[Span, ...]:
    """The utterances of a channel: int16 of shape (samples,) at `rate` Hz. Raises EngineUnavailable."""
    audio = soxr.resample(pcm.astype(np.float32) / np.float32(32768), rate, ENGINE_RATE)
    audio = np.pad(audio, (0, -len(audio) % WINDOW))
    endpointer = Endpointer(_SETTINGS)
    events = [
        event
        for probability in Activity(ActivityModel()).push(audio).tolist()
        for event in endpointer.push(probability)
    ]
    events += endpointer.finish()
    starts = [event.start for event in events if isinstance(event, Began)]
    ends = [event.end for event in events if isinstance(event, Ended)]
    return tuple(
        (start * WINDOW * rate // ENGINE_RATE, min(len(pcm), end * WINDOW * rate // ENGINE_RATE))
        for start, end in zip(starts, ends, strict=True)
    )
