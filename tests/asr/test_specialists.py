"""Several engines in one process, each for its languages."""

from collections.abc import Sequence
from concurrent.futures import Future

import numpy as np
import pytest

from asr.attempt import decode_each
from asr.engine import Capabilities, Decoding, DecodingJob
from asr.engines.specialists import Specialists
from callscribe.domain.errors import RecognitionError
from tests.asr.fake_engine import HALF_SECOND, FakeEngine
from tests.asr.fake_remote import FakeRemote


class Distant(FakeRemote):
    """Knows Chinese, and has no answer to what is longer than a second."""

    name = "distant"
    capabilities = Capabilities(("zh",), remote=True)

    def begin(self, job: DecodingJob) -> Future[Decoding]:
        answer = super().begin(job)
        if len(job.audio) > 2 * HALF_SECOND:
            answer.set_exception(RecognitionError("no answer"))
        else:
            self.answer()
        return answer


def job(words: int, language: str) -> DecodingJob:
    return DecodingJob(np.zeros(words * HALF_SECOND, np.float32), language=language)


def told(decodings: Sequence[Decoding | None]) -> list[tuple[str, str] | None]:
    """Of each its engine and its text."""
    return [None if decoding is None else (decoding.engine, decoding.text) for decoding in decodings]


def test_each_job_is_for_the_first_engine_that_knows_its_language() -> None:
    engines = Specialists([FakeEngine(), Distant()])
    jobs = [job(1, "en"), job(2, "zh-CN"), job(3, "en-GB"), job(1, "de")]
    assert told(engines.decode(jobs)) == [
        ("fake", "one"),
        ("distant", "one two"),
        ("fake", "one two three"),
        ("fake", "one"),
    ]
    assert engines.capabilities.languages == ("en", "zh")


def test_what_one_engine_fails_on_is_not_taken_for_silence() -> None:
    engines = Specialists([FakeEngine(), Distant()])
    jobs = [job(1, "zh"), job(3, "zh"), job(2, "en")]
    with pytest.raises(RecognitionError, match="the engine distant failed"):
        engines.decode(jobs)
    assert told(decode_each(engines, jobs)) == [("distant", "one"), None, ("fake", "one two")]
