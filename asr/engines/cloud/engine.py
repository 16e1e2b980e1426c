"""A speech service on the network behind the engine's interface."""

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
_ISO_639_1 = {"cmn": "zh"}
"""Where a service's tags begin with another code than ours."""


class CloudEngine:
    """Partials are what a service has said by the time they are asked for; finals of a batch are waited for together.

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
        self._network = Network(service.name)
        self.capabilities = Capabilities(
            languages=tuple(dict.fromkeys(map(_iso, languages))),
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
        """One decoding a job, empty for a final of which there is nothing.

        Raises RecognitionError when there is nothing of any final, and EngineUnavailable where that will stay so.
        """
        finals = iter(self._finals([job for job in jobs if job.final]))
        return tuple(next(finals) if job.final else self._partial(job) for job in jobs)

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

    def _finals(self, jobs: Sequence[DecodingJob]) -> list[Decoding]:
        if not jobs:
            return []
        dictations = [self._dictation(job) for job in jobs]
        self._await(jobs, dictations)
        again = [place for place, dictation in enumerate(dictations) if _transient(dictation.failure)]
        if again and not self._silent:
            self._await([jobs[place] for place in again], [dictations[place] for place in again])
        failures = [dictation.failure for dictation in dictations]
        for reason in {str(failure) for failure in failures if failure}:
            log.error("speech_service_failed", service=self.name, reason=reason)
        found = [
            _rescued(job, dictation) if failure else _decoded(job, dictation)
            for job, dictation, failure in zip(jobs, dictations, failures, strict=True)
        ]
        lost = [failure for failure, decoding in zip(failures, found, strict=True) if failure and not decoding.text]
        if len(lost) == len(jobs):
            raise lost[0]
        return found

    def _await(self, jobs: Sequence[DecodingJob], dictations: Sequence[Dictation]) -> None:
        """Ask for the finals, and wait for them as long as is reasonable."""
        for job, dictation in zip(jobs, dictations, strict=True):
            dictation.finish(job.audio)
        waiting: list[Future[Heard]] = [answer for dictation in dictations for answer in dictation.waiting]
        patience_s = min(self._timeout_s, _IMPATIENT_S) if self._silent else self._timeout_s
        late = wait(waiting, patience_s + max(dictation.allowed_s for dictation in dictations)).not_done
        self._silent = bool(waiting) and len(late) == len(waiting)
        for dictation in dictations:
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
        same = [known for known in self._tags if known.lower() == tag.lower() or _iso(known) == primary(tag)]
        exact = [known for known in same if known.lower() == tag.lower()]
        return tuple((exact or same or [tag])[:1])


def _iso(tag: str) -> str:
    """The ISO 639-1 code of a service's tag; "" of none."""
    code = primary(tag)
    return _ISO_639_1.get(code, code)


def _transient(failure: Exception | None) -> bool:
    return failure is not None and not isinstance(failure, EngineUnavailable)


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
        (), heard.text, heard.confidence, _words(heard, job), _iso(heard.language), cost=cost, state=dictation
    )


def _rescued(job: DecodingJob, dictation: Dictation) -> Decoding:
    """What the partials were, for a final that did not come."""
    text = max(dictation.heard.text, job.earlier.text, key=lambda each: len(units(each)))
    cost = dictation.meter.newly()
    return Decoding((), text, _UNFINISHED if text else 0.0, cost=cost, state=dictation)
