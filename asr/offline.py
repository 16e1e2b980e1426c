"""A whole recording decoded as the live recogniser would have done: same endpointing, same engine, only faster."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TypeVar

import soxr
import structlog

from asr.attempt import decode_each
from asr.engine import ENGINE_RATE, Engine
from asr.engines import load_ears, load_engine, load_identifier
from asr.engines.specialists import Specialists
from asr.hearing import Hearing
from asr.resampling import Samples
from asr.settings import EndpointSettings, RecognizerSettings
from asr.wire.messages import RATES, ChannelOptions
from callscribe.domain.errors import EngineUnavailable, LanguageUnknown, RecognitionError
from callscribe.domain.hotword import Hotword
from callscribe.domain.language import UNKNOWN
from callscribe.domain.transcript import Final, Word

_Placed = TypeVar("_Placed", Final, Word)

log = structlog.get_logger()

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
    engines: tuple[str, ...] = ()
    """Engines among which the first that knows what is spoken hears it; empty: the recogniser's."""


_engine = cache(load_engine)
_ears = cache(load_ears)
_identifier = cache(load_identifier)


def transcribe(
    pcm: Samples,
    rate: int,
    options: OfflineOptions | None = None,
    progress: Callable[[float], None] | None = None,
) -> tuple[Final, ...]:
    """Finals of one channel, in the order they were said.

    `pcm` is int16 of shape (samples,) at `rate` Hz; the finals' places are samples at `rate`. `progress` is told the
    share done, 0 to 1. What the engine fails on is logged and left out. Raises EngineUnavailable, LanguageUnknown for a
    language that the engine does not know (it would make up words of its own), and RecognitionError where it fails on
    all. Models are loaded once a process; call from one thread at a time.
    """
    options = options or OfflineOptions()
    if rate not in RATES:
        return _transcribe_resampled(pcm, rate, options, progress)
    identifier = _identifier(options.recognizer) if options.language == UNKNOWN else None
    engine = _engine_for(options, found_out=identifier is not None)
    hearing = Hearing(_channel_options(options, rate), options.offset, _ears(options.recognizer), engine, identifier)
    step = _STEP_S * rate
    for start in range(0, len(pcm), step):
        hearing.hear(options.offset + start, pcm[start : start + step])
        _decode(hearing, engine, least=engine.max_batch)
        if progress:
            progress(min(start + step, len(pcm)) / len(pcm))
    hearing.finish()
    _decode(hearing, engine, least=1)
    finals = tuple(event for event in hearing.events if isinstance(event, Final))
    if hearing.undecoded:
        log.error("speech_not_decoded", engine=engine.name, utterances=len(hearing.undecoded))
        if not finals:
            raise RecognitionError(f"the engine {engine.name} failed on all that was said")
    return finals


def _engine_for(options: OfflineOptions, *, found_out: bool) -> Engine:
    """The first that knows the language, or all of them where it is found out; what cannot be loaded is left out while
    another is left. Raises as `transcribe`."""
    engines: list[Engine] = []
    missing: list[EngineUnavailable] = []
    for name in options.engines or (options.recognizer.engine,):
        try:
            engine = _engine(replace(options.recognizer, engine=name))
        except EngineUnavailable as error:
            log.warning("engine_left_out", engine=name, reason=str(error))
            missing.append(error)
            continue
        if not found_out and engine.capabilities.knows(options.language):
            return engine
        engines.append(engine)
    if missing and not (found_out and engines):
        raise missing[0]
    if found_out:
        return engines[0] if len(engines) == 1 else Specialists(engines)
    asked = " or ".join(engine.name for engine in engines)
    raise LanguageUnknown(f"the engine {asked} does not know the language {options.language}")


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
        for task, decoding in zip(tasks, decode_each(engine, [task.job for task in tasks]), strict=True):
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
