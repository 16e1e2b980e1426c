"""Decoding by an engine that may fail on a batch, or on a job of it."""

from collections.abc import Sequence
from concurrent.futures import Future, wait

import structlog

from asr.engine import Decoding, DecodingJob, Engine, RemoteEngine
from callscribe.domain.errors import EngineUnavailable, RecognitionError

log = structlog.get_logger()


def decode_each(engine: Engine, jobs: Sequence[DecodingJob]) -> tuple[Decoding | None, ...]:
    """One decoding a job; None for one that the engine fails on. All are finals, or all are partials.

    Where a batch fails, each job is decoded by itself, and a final that was alone once more; remote engines see to that
    themselves. Raises EngineUnavailable: another recogniser is to hear what this one cannot.
    """
    if not jobs:
        return ()
    if isinstance(engine, RemoteEngine) and jobs[0].final:
        answers = [engine.begin(job) for job in jobs]
        wait(answers)
        return tuple(decoded(answer) for answer in answers)
    try:
        return engine.decode(jobs)
    except EngineUnavailable:
        raise
    except RecognitionError as error:
        _tell(error, len(jobs))
    if len(jobs) == 1 and not jobs[0].final:
        return (None,)
    return tuple(_alone(engine, job) for job in jobs)


def decoded(answer: Future[Decoding]) -> Decoding | None:
    """What a remote engine has answered; None where it failed. Raises EngineUnavailable."""
    try:
        return answer.result()
    except EngineUnavailable:
        raise
    except RecognitionError as error:
        _tell(error, 1)
        return None


def _alone(engine: Engine, job: DecodingJob) -> Decoding | None:
    try:
        [decoding] = engine.decode([job])
    except EngineUnavailable:
        raise
    except RecognitionError as error:
        _tell(error, 1)
        return None
    return decoding


def _tell(error: RecognitionError, jobs: int) -> None:
    log.warning("decoding_failed", jobs=jobs, error=type(error.__cause__ or error).__name__)
