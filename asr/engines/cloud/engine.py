"""A speech service on the network behind the engine's interface."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import Future, wait
from dataclasses import replace

import structlog

from asr.engine import EMPTY, ENGINE_RATE, Capabilities, DecodedWord, Decoding, DecodingJob
from asr.engines.cloud.dictation import Dictation
from asr.engines.cloud.meter import Meter
from asr.engines.cloud.service import Heard, Request, Service
from asr.engines.network import Network
from callscribe.domain.errors import EngineUnavailable, RecognitionError
from callscribe.domain.language import UNKNOWN, primary, units

log = structlog.get_logger()

_UNFINISHED = 0.5
"""Confidence of a final that is what the partials were."""
_IMPATIENT_S = 1.0
"""What is waited for a final while the service has been silent."""
_GREETING = bytes(ENGINE_RATE // 2 * 2)
"""Half a second of silence."""


class CloudEngine:
    """Partials are what a service has said by the time they are asked for; finals are asked for many at once.

    Other engines hear an utterance from its first sample for a final, so that it does not depend on what was decoded
    before. Here that would be paid again at each pause: so a final ends the stream that the partials were fed to.
    """

    max_batch = 64

    def __init__(self, service: Service, languages: tuple[str, ...], price_per_minute: float, timeout_s: float) -> None:
        """`languages` are the service's own tags. Raises EngineUnavailable when the service cannot be used."""
        self.name = service.name
        self.meter = Meter(price_per_minute)
        """What was sent so far, and its price."""
        self._service = service
        self._tags = languages
        self._timeout_s = timeout_s
        self._silent = False
        """True while the service has not answered in time."""
        self._heard_at = 0.0
        """When a final, or that there is none, came last (time.monotonic)."""
        self._served_at = 0.0
        """When a final came last (time.monotonic)."""
        self._network = Network(service.name)
        self.capabilities = Capabilities(
            languages=tuple(dict.fromkeys(map(primary, languages))),
            hotwords=True,
            word_times=True,
            identifies_language=len(languages) > 1,
            remote=True,
        )
        try:
            self._greet()
        except RecognitionError:
            self.close()
            raise

    def close(self) -> None:
        """End all connections."""
        self._network.start(self._service.close()).result()
        self._network.close()

    def decode(self, jobs: Sequence[DecodingJob]) -> tuple[Decoding, ...]:
        """One decoding a job. Raises RecognitionError when there is nothing of one of the finals, and EngineUnavailable
        where that will stay so."""
        answers = [self.begin(job) for job in jobs if job.final]
        wait(answers)
        finals = iter([answer.result() for answer in answers])
        return tuple(next(finals) if job.final else self._partial(job) for job in jobs)

    def begin(self, job: DecodingJob) -> Future[Decoding]:
        """Ask for a final. The future raises RecognitionError when there is nothing of it, and EngineUnavailable where
        that will stay so."""
        return self._network.start(self._final(job))

    def _greet(self) -> None:
        """Let the service hear some silence. Raises EngineUnavailable, a sentence that says what to do."""
        dictation = self._network.start(self._service.recognize(Request(self._tags[:1]), _GREETING))
        wait([dictation], timeout=self._timeout_s)
        if not dictation.done():
            dictation.cancel()
            raise EngineUnavailable(f"{self.name} does not answer; see to it that this machine may connect to it")
        error = dictation.exception()
        if isinstance(error, RecognitionError):
            raise error if isinstance(error, EngineUnavailable) else EngineUnavailable(str(error)) from error
        self.meter.add(len(_GREETING) / (2 * ENGINE_RATE))

    def _partial(self, job: DecodingJob) -> Decoding:
        dictation = self._dictation(job)
        dictation.follow(job.audio)
        heard = dictation.heard
        if len(units(heard.text)) < job.held:
            # A new stream has yet to come to where the one before was.
            return replace(job.earlier, cost=dictation.meter.newly(), state=dictation)
        return _decoded(job, dictation)

    async def _final(self, job: DecodingJob) -> Decoding:
        dictation = self._dictation(job)
        await self._await(job, dictation)
        if self._transient(dictation) and not self._silent:
            await self._await(job, dictation)
        failure = dictation.failure
        if failure is None:
            self._served_at = time.monotonic()
            return _decoded(job, dictation)
        log.error("speech_service_failed", service=self.name, reason=str(failure))
        rescued = _rescued(job, dictation)
        if rescued.text:
            return rescued
        if isinstance(failure, EngineUnavailable) and self._transient(dictation):
            raise RecognitionError(str(failure)) from failure
        raise failure

    def _transient(self, dictation: Dictation) -> bool:
        """True where the dictation failed, and the next one need not: others that were going on meanwhile did not."""
        failure = dictation.failure
        refused = isinstance(failure, EngineUnavailable) and self._served_at < dictation.begun_at
        return failure is not None and not refused

    async def _await(self, job: DecodingJob, dictation: Dictation) -> None:
        """Ask for the final, and wait for it as long as is reasonable."""
        asked_at = time.monotonic()
        dictation.finish(job.audio)
        answers = [asyncio.wrap_future(answer) for answer in dictation.waiting]
        patience_s = min(self._timeout_s, _IMPATIENT_S) if self._silent else self._timeout_s
        try:
            async with asyncio.timeout(patience_s + dictation.allowed_s):
                await asyncio.gather(*answers, return_exceptions=True)
        except TimeoutError:
            self._silent = self._heard_at < asked_at
        else:
            self._silent = False
            if answers:
                self._heard_at = time.monotonic()
        dictation.give_up()

    def _dictation(self, job: DecodingJob) -> Dictation:
        known = job.earlier.state
        if isinstance(known, Dictation):
            return known
        return Dictation(self._network, self._service, self.meter, Request(self._languages(job.language), job.hotwords))

    def _languages(self, tag: str) -> tuple[str, ...]:
        """The service's tags for a BCP 47 tag."""
        if tag == UNKNOWN:
            return self._tags
        same = [known for known in self._tags if known.lower() == tag.lower() or primary(known) == primary(tag)]
        exact = [known for known in same if known.lower() == tag.lower()]
        return tuple((exact or same or [tag])[:1])


def _words(heard: Heard, job: DecodingJob) -> tuple[DecodedWord, ...]:
    last = len(job.audio)
    return tuple(
        DecodedWord(word.text, min(word.start, last), min(word.end, last), word.confidence) for word in heard.words
    )


def _decoded(job: DecodingJob, dictation: Dictation) -> Decoding:
    heard, cost = dictation.heard, dictation.meter.newly()
    if not heard.text:
        return replace(EMPTY, cost=cost, state=dictation)
    return Decoding(
        (), heard.text, heard.confidence, _words(heard, job), primary(heard.language), cost=cost, state=dictation
    )


def _rescued(job: DecodingJob, dictation: Dictation) -> Decoding:
    """What the partials were, for a final that did not come."""
    text = max(dictation.heard.text, job.earlier.text, key=lambda each: len(units(each)))
    cost = dictation.meter.newly()
    return Decoding((), text, _UNFINISHED if text else 0.0, cost=cost, state=dictation)
