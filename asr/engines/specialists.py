"""Several engines as one, each for the languages that it knows."""

from collections.abc import Sequence
from dataclasses import replace

from asr.attempt import decode_each
from asr.engine import EMPTY, Capabilities, Decoding, DecodingJob, Engine
from callscribe.domain.errors import RecognitionError


class Specialists:
    """Engines in one process. Each job is for the first that knows its language; a decoding names its engine."""

    name = "specialists"

    def __init__(self, engines: Sequence[Engine]) -> None:
        """One at least, the best first."""
        self._engines = tuple(engines)
        self.max_batch = min(engine.max_batch for engine in engines)
        able = [engine.capabilities for engine in engines]
        self.capabilities = Capabilities(
            languages=tuple(dict.fromkeys(language for one in able for language in one.languages)),
            hotwords=any(one.hotwords for one in able),
            remote=any(one.remote for one in able),
        )

    def decode(self, jobs: Sequence[DecodingJob]) -> tuple[Decoding, ...]:
        """One decoding a job. Raises RecognitionError where an engine fails on one."""
        found = [EMPTY] * len(jobs)
        for place, engine in enumerate(self._engines):
            own = [number for number, job in enumerate(jobs) if self._place(job.language) == place]
            for number, decoding in zip(own, decode_each(engine, [jobs[number] for number in own]), strict=True):
                if decoding is None:
                    raise RecognitionError(f"the engine {engine.name} failed on what was said")
                found[number] = replace(decoding, engine=engine.name)
        return tuple(found)

    def _place(self, language: str) -> int:
        """Of the engine for a language; the first takes what none knows."""
        return next((place for place, one in enumerate(self._engines) if one.capabilities.knows(language)), 0)
