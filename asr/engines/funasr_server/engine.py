"""A FunASR server that is there already behind the engine's interface."""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future, wait
from dataclasses import replace

import structlog

from asr.engine import EMPTY, ENGINE_RATE, Capabilities, DecodedWord, Decoding, DecodingJob
from asr.engines.funasr_server.dialogue import Dialogue, Request, Transcript
from asr.engines.funasr_server.line import FAILURES, Line, unavailable, why
from asr.engines.funasr_server.live import LiveUtterance
from asr.engines.funasr_server.pcm import SILENT_BLOCK, pcm16
from asr.engines.funasr_server.realtime import RealtimeDialogue
from asr.engines.funasr_server.runtime import RuntimeDialogue
from asr.engines.network import Network
from asr.settings import FunasrServerSettings
from callscribe.domain.errors import EngineUnavailable, RecognitionError
from callscribe.domain.language import units

log = structlog.get_logger()

_CONFIDENCE = 0.8
"""Of any text: the servers tell nothing of theirs."""
_UNFINISHED = 0.5
"""Of a final that is what the partials were."""
_AGAIN_S = 1.0
"""After which the partials of an utterance are asked for again where their connection failed."""
_GREETING = 10 * SILENT_BLOCK
_SILENT_S = 2.0


class FunasrServerEngine:
    """Partials come on one connection an utterance, with what the server has said by the time they are asked for.
    Finals come on connections of their own, many at once.

    FunASR's own two-pass clients take both from one connection. Here a final's text must depend on its audio alone, and
    what was streamed does not: its pieces depend on how busy the recogniser was, and their level on what had been heard
    by then. The server's work is the same, as one connection asks for its streaming model only, the other for its
    offline model; what it costs is sending the utterance twice, and one more pass of the server's voice activity
    detector, at the end instead of meanwhile.
    """

    name = "funasr-server"
    max_batch = 64

    def __init__(self, settings: FunasrServerSettings) -> None:
        """Talk to the server that the settings name. Raises EngineUnavailable when it does not answer as one."""
        if not settings.url:
            raise EngineUnavailable(
                'recognizer.funasr_server.url is not set; set it to the FunASR server, for example "wss://10.0.0.7:10095"'
            )
        self._settings = settings
        self.capabilities = Capabilities(
            languages=settings.languages,
            hotwords=settings.hotwords != "none",
            partials=settings.mode == "2pass",
            remote=True,
        )
        self._line = Line(settings)
        self._network = Network("funasr-server")
        self._given_up = False
        """True while finals are not waited for any more, as the server was gone for longer than one is."""
        self._heard_at = 0.0
        """When a final came last (time.monotonic)."""
        try:
            self._greet()
        except EngineUnavailable:
            self.close()
            raise

    def close(self) -> None:
        """End all connections."""
        self._network.close()

    def decode(self, jobs: Sequence[DecodingJob]) -> tuple[Decoding, ...]:
        """One decoding a job. Raises RecognitionError or EngineUnavailable for a final without any partial."""
        answers = [self.begin(job) for job in jobs if job.final]
        wait(answers)
        finals = iter(answers)
        return tuple(next(finals).result() if job.final else self._partial(job) for job in jobs)

    def begin(self, job: DecodingJob) -> Future[Decoding]:
        """Ask for a final. The future raises as `decode`."""
        return self._network.start(self._final(job))

    def _greet(self) -> None:
        """Let the server hear some silence, to see that it answers. Raises EngineUnavailable."""
        dialogue = self._dialogue(Request(live=False))
        try:
            self._network.start(self._within_limit(self._line.dictate(dialogue, _GREETING, patient=False))).result()
        except TimeoutError as error:
            if not isinstance(dialogue, RuntimeDialogue) or not dialogue.python:
                raise unavailable(self._line.place, error) from error
            # The Python server did so before 2024. What it has no text for would block everybody for the whole limit.
            self._line.silent_s = min(_SILENT_S, self._settings.timeout_s / 2)
            log.warning("funasr_server_does_not_answer_silence", server=self._line.place, wait_s=self._line.silent_s)
        except (*FAILURES, RecognitionError) as error:
            raise unavailable(self._line.place, error) from error

    def _partial(self, job: DecodingJob) -> Decoding:
        live = self._live(job)
        if live is None:
            return job.earlier
        live.feed(job.audio)
        text = live.transcript.text
        if len(units(text)) < job.held:
            # A new connection has yet to come to where the one before was.
            return replace(job.earlier, state=live)
        return Decoding(tokens=(), text=text, confidence=_CONFIDENCE if text else 0.0, state=live)

    def _live(self, job: DecodingJob) -> LiveUtterance | None:
        """What hears the job's utterance; None where nothing can, for now."""
        if not self.capabilities.partials:
            return None
        known = job.earlier.state
        if isinstance(known, LiveUtterance):
            broken_for_s = known.broken_for_s
            if broken_for_s is None:
                return known
            if broken_for_s < _AGAIN_S:
                return None
        return LiveUtterance(self._network, self._line, self._dialogue(_request(job, live=True)))

    async def _final(self, job: DecodingJob) -> Decoding:
        asked_at = time.monotonic()
        found = await self._dictate(job)
        if not isinstance(found, FAILURES):
            self._heard_at, self._given_up = time.monotonic(), False
        elif self._heard_at < asked_at:
            self._given_up = True
        return self._rescued(job, found) if isinstance(found, Exception) else _decoded(job, found)

    def _rescued(self, job: DecodingJob, error: Exception) -> Decoding:
        """What the partials were, for a final that the server did not answer.

        Raises, where there were none, EngineUnavailable when the server cannot be reached, so that another recogniser
        hears the utterance, and RecognitionError when it failed on this one.
        """
        live = job.earlier.state
        said = [job.earlier.text, live.transcript.text if isinstance(live, LiveUtterance) else ""]
        text = max(said, key=lambda each: len(units(each)))
        if text:
            return Decoding((), text, _UNFINISHED, state=live)
        if isinstance(error, FAILURES):
            raise unavailable(self._line.place, error) from error
        raise RecognitionError(f"the FunASR server gave no text: {why(error)}") from error

    async def _dictate(self, job: DecodingJob) -> Transcript | Exception:
        """What the server makes of a final. Where that fails it is tried once more, on another connection.

        Each time takes as long as the limit says, so that a server that is started again loses nothing.
        """
        patient = not self._given_up
        failure: Exception = RecognitionError()
        for _ in range(2 if patient else 1):
            dialogue = self._dialogue(_request(job, live=False))
            try:
                return await self._within_limit(self._line.dictate(dialogue, pcm16(job.audio), patient=patient))
            except (*FAILURES, RecognitionError) as error:
                failure = error
                log.warning("funasr_server_failed", server=self._line.place, reason=why(error))
        return failure

    async def _within_limit(self, dictation: Coroutine[object, object, Transcript]) -> Transcript:
        async with asyncio.timeout(self._settings.timeout_s):
            return await dictation

    def _dialogue(self, request: Request) -> Dialogue:
        kind = RuntimeDialogue if self._settings.protocol == "runtime" else RealtimeDialogue
        return kind(self._settings, request)


def _request(job: DecodingJob, *, live: bool) -> Request:
    return Request(live=live, hotwords=job.hotwords, language=job.language)


def _decoded(job: DecodingJob, heard: Transcript) -> Decoding:
    """The decoding of a final. The utterance may go on after all: then so does what hears it."""
    if not heard.text:
        return replace(EMPTY, state=job.earlier.state)
    last = len(job.audio)
    each = _CONFIDENCE ** (1 / max(len(heard.words), 1))
    words = tuple(
        DecodedWord(word.text, min(_sample(word.start_ms), last), min(_sample(word.end_ms), last), each)
        for word in heard.words
    )
    return Decoding((), heard.text, _CONFIDENCE, words, state=job.earlier.state)


def _sample(milliseconds: int) -> int:
    return milliseconds * ENGINE_RATE // 1000
