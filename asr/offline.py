"""A whole recording decoded as the live recogniser would have done: same endpointing, same engine, only faster."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TypeVar

import soxr

from asr.engine import ENGINE_RATE, Engine
from asr.engines import load_ears, load_engine
from asr.hearing import Hearing
from asr.resampling import Samples
from asr.settings import EndpointSettings, RecognizerSettings
from asr.wire.messages import RATES, ChannelOptions
from callscribe.domain.errors import RecognitionError
from callscribe.domain.hotword import Hotword
from callscribe.domain.transcript import Final, Word

_Placed = TypeVar("_Placed", Final, Word)

_STEP_S = 10
"""Seconds heard between two rounds of decoding."""


@dataclass(frozen=True, slots=True)
class OfflineOptions:
    """How a recording is to be heard."""

    channel: int = 0
    """0-based index; comes back in the finals."""
    offset: int = 0
    """Sample of the call, at the recording's rate, that is the recording's first."""
    language: str = "en"
    hotwords: tuple[Hotword, ...] = ()
    correction: float = 0.0
    """As a ChannelOptions'."""
    endpoint: EndpointSettings = field(default_factory=EndpointSettings)
    recognizer: RecognizerSettings = field(default_factory=RecognizerSettings)
    """Of which the engine and what belongs to it counts."""


_engine = cache(load_engine)
_ears = cache(load_ears)


def transcribe(
    pcm: Samples,
    rate: int,
    options: OfflineOptions | None = None,
    progress: Callable[[float], None] | None = None,
) -> tuple[Final, ...]:
    """Finals of one channel, in the order they were said.

    `pcm` is int16 of shape (samples,) at `rate` Hz; the finals' places are samples at `rate`. `progress` is told the
    share done, 0 to 1. Raises EngineUnavailable, and RecognitionError for a language that the engine does not know: it
    would make up words of its own. Models are loaded once a process; call from one thread at a time.
    """
    options = options or OfflineOptions()
    if rate not in RATES:
        return _transcribe_resampled(pcm, rate, options, progress)
    engine = _engine(options.recognizer)
    if not engine.capabilities.knows(options.language):
        raise RecognitionError(f"the engine {engine.name} does not know the language {options.language}")
    hearing = Hearing(_channel_options(options, rate), options.offset, _ears(options.recognizer), engine)
    step = _STEP_S * rate
    for start in range(0, len(pcm), step):
        hearing.hear(options.offset + start, pcm[start : start + step])
        _decode(hearing, engine, least=engine.max_batch)
        if progress:
            progress(min(start + step, len(pcm)) / len(pcm))
    hearing.finish()
    _decode(hearing, engine, least=1)
    return tuple(event for event in hearing.events if isinstance(event, Final))


def _channel_options(options: OfflineOptions, rate: int) -> ChannelOptions:
    return ChannelOptions(
        channel=options.channel,
        rate=rate,
        language=options.language,
        hotwords=options.hotwords,
        correction=options.correction,
        endpoint=options.endpoint,
    )


def _decode(hearing: Hearing, engine: Engine, least: int) -> None:
    """Decode the utterances that have ended, while there are `least` of them (batches cost less), or one may have."""
    while hearing.undecided or hearing.waiting >= least:
        tasks = hearing.final_tasks(engine.max_batch)
        for task, decoding in zip(tasks, engine.decode([task.job for task in tasks]), strict=True):
            hearing.settle(task, decoding)


def _transcribe_resampled(
    pcm: Samples, rate: int, options: OfflineOptions, progress: Callable[[float], None] | None
) -> tuple[Final, ...]:
    resampled: Samples = soxr.resample(pcm, rate, ENGINE_RATE)
    at_engine_rate = replace(options, offset=options.offset * ENGINE_RATE // rate)
    finals = transcribe(resampled, ENGINE_RATE, at_engine_rate, progress)
    return tuple(
        replace(_moved(final, rate), words=tuple(_moved(word, rate) for word in final.words)) for final in finals
    )


def _moved(said: _Placed, rate: int) -> _Placed:
    """Its place in samples at `rate`, which is in samples at ENGINE_RATE."""
    return replace(said, start=said.start * rate // ENGINE_RATE, end=said.end * rate // ENGINE_RATE)
